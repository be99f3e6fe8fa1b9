package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	"github.com/confbridge/confbridge/bench/drive"
)

// Where every peer listens, one at a time: not the usual ports, where another may be running. The load's telephones begin at 40000.
const (
	ip          = "127.0.0.1"
	sipPort     = 10560
	controlPort = 10551
	httpPort    = 10580
	firstPort   = 12000
	lastPort    = 39999
	room        = 1000 // the first that the load calls
)

//go:embed config
var configs embed.FS

// peer is a conference bridge that the load can go against. Its configuration is in config/ID.
type peer struct {
	id, name, program string
	version           []string                  // arguments with which the program says it
	args              func(dir string) []string // of the program that stays in the foreground
	janus             bool                      // it answers no SIP: the front does
}

// peers are all of them, ours first: the binary of that is given.
func peers(server string) []peer {
	return []peer{
		{id: "confbridge", name: "confbridge", program: server, version: []string{"version"}, args: func(dir string) []string {
			return []string{"serve", "--config", filepath.Join(dir, "confbridge.yaml")}
		}},
		{id: "asterisk", name: "Asterisk, ConfBridge", program: "asterisk", version: []string{"-V"}, args: func(dir string) []string {
			return []string{"-f", "-C", filepath.Join(dir, "asterisk.conf")}
		}},
		{id: "freeswitch", name: "FreeSWITCH, mod_conference", program: "freeswitch", version: []string{"-version"}, args: func(dir string) []string {
			data := filepath.Join(dir, "data")
			return []string{"-nf", "-nc", "-np", "-nonat", "-nosql", "-conf", dir, "-log", data, "-db", data, "-run", data}
		}},
		{id: "janus", name: "Janus, AudioBridge", program: "janus", version: []string{"--help"}, janus: true, args: func(dir string) []string {
			return []string{"--configs-folder=" + dir, "--disable-colors"}
		}},
	}
}

// installed says whether the program is there.
func (p peer) installed() bool {
	_, err := exec.LookPath(p.program)
	return err == nil
}

// says is the version of the program, in its own words: the first line of them. Janus says it before anything that it is asked.
func (p peer) says(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	out, err := drive.Output(ctx, "", p.program, p.version...)
	if err != nil {
		return "", fmt.Errorf("version: %w", err)
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return line, nil
}

// configure writes the configuration to dir, where there is a folder data for what the peer writes.
func (p peer) configure(dir string) error {
	if err := os.Mkdir(filepath.Join(dir, "data"), 0o700); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	texts, err := fs.Sub(configs, "config/"+p.id)
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	all, err := template.New(p.id).Option("missingkey=error").ParseFS(texts, "*")
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	values := map[string]any{
		"Dir": dir, "IP": ip, "Port": sipPort, "SIP": address(sipPort).String(), "Control": address(controlPort).String(), "ControlPort": controlPort,
		"HTTP": address(httpPort).String(), "FirstPort": firstPort, "LastPort": lastPort, "Room": room,
	}
	for _, t := range all.Templates() {
		if t.Tree == nil {
			continue // the name of all of them
		}
		if err := write(filepath.Join(dir, t.Name()), t, values); err != nil {
			return fmt.Errorf("configuration: %w", err)
		}
	}
	return nil
}

func write(name string, t *template.Template, values any) (err error) {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return t.Execute(f, values)
}
