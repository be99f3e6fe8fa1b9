package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/confbridge/confbridge/cmd/confbridge/internal/config"
)

// configFlag names the file.
type configFlag struct {
	Config string `short:"c" placeholder:"FILE" default:"${config}" help:"Configuration file (CONFBRIDGE_CONFIG); none: defaults."`
}

// load reads the configuration; its faults are the user's.
func (f configFlag) load(c *console) (config.Config, error) {
	cfg, err := config.Load(f.Config, c.getenv)
	faults, ok := errors.AsType[config.Faults](err)
	if !ok {
		return cfg, err
	}
	head := "the configuration has a fault:"
	if n := len(faults); n > 1 {
		head = fmt.Sprintf("the configuration has %d faults:", n)
	}
	return cfg, usageError{fmt.Errorf("%s\n  %s", head, strings.ReplaceAll(faults.Error(), "\n", "\n  "))}
}

type checkConfigCmd struct {
	configFlag
}

func (cmd *checkConfigCmd) Run(c *console) error {
	cfg, err := cmd.load(c)
	if err != nil {
		return err
	}
	name := cmd.Config
	if name == "" {
		name = "the defaults"
	}
	_, err = fmt.Fprintf(c.stdout, "# %s: no faults. In force, the environment included:\n%s", name, config.Format(cfg))
	return err
}
