package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

type callCmd struct {
	URI    string        `arg:"" name:"uri" help:"Whom to call, as sip:1000@127.0.0.1:5060."`
	Play   string        `placeholder:"WAV" help:"Sound to say; without it the call is silent."`
	Record string        `placeholder:"WAV" help:"Write what is heard into this file."`
	Codec  string        `placeholder:"NAME" default:"pcmu" enum:"pcmu,pcma,opus" help:"pcmu, pcma or opus (pcmu)."`
	For    time.Duration `placeholder:"TIME" default:"10s" help:"How long to stay (10s)."`
	DTMF   string        `name:"dtmf" placeholder:"KEYS" help:"Keys to press, as 12#."`
	JSON   bool          `name:"json" help:"Print the result as JSON."`
}

// maxKeys bounds --dtmf.
const maxKeys = 64

// Validate is called by the parser: a fault is one of usage.
func (cmd *callCmd) Validate() error {
	if !strings.HasPrefix(cmd.URI, "sip:") {
		return fmt.Errorf("%q is not of the form sip:1000@127.0.0.1:5060", cmd.URI)
	}
	if cmd.For <= 0 {
		return fmt.Errorf("--for: %v is not a time to stay", cmd.For)
	}
	if len(cmd.DTMF) > maxKeys {
		return fmt.Errorf("--dtmf: more than %d keys", maxKeys)
	}
	if i := strings.IndexFunc(cmd.DTMF, func(r rune) bool { return !strings.ContainsRune("0123456789*#ABCD", r) }); i >= 0 {
		return fmt.Errorf("--dtmf: %q is no key; 0 to 9, *, #, A to D are", cmd.DTMF[i:i+1])
	}
	return nil
}

// Run places the call and stays for cmd.For, or until the other end hangs up or ctx is done (Ctrl-C: hang up, no error).
func (cmd *callCmd) Run(ctx context.Context, c *console) error {
	return placeCall(ctx, c, cmd)
}

// placeCall is to be filled.
func placeCall(context.Context, *console, *callCmd) error {
	return errors.New("call: not built yet")
}
