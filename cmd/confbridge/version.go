package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

type versionCmd struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// version is what the build knows of itself.
type version struct {
	Version string `json:"version"`          // of the module; "(devel)" for one that was built from a checkout
	Commit  string `json:"commit,omitempty"` // of the checkout
	Time    string `json:"time,omitempty"`   // of the commit
	Dirty   bool   `json:"dirty"`            // the checkout had changes on top of it
	Go      string `json:"go"`
}

func readVersion() version {
	v := version{Version: "unknown", Go: runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "" {
		v.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Commit = s.Value
		case "vcs.time":
			v.Time = s.Value
		case "vcs.modified":
			v.Dirty = s.Value == "true"
		}
	}
	return v
}

func (cmd *versionCmd) Run(c *console) error {
	v := readVersion()
	if cmd.JSON {
		return writeJSON(c.stdout, v, "  ")
	}
	line := "confbridge " + v.Version
	if v.Commit != "" {
		line += " commit " + v.Commit
		if v.Dirty {
			line += " with changes"
		}
	}
	_, err := fmt.Fprintf(c.stdout, "%s, %s\n", line, v.Go)
	return err
}
