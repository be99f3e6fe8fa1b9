// Command confbridge is a SIP conference bridge and its command line.
//
// Here are the commands and what they print; `confbridge serve` is package internal/serve, and the configuration file
// is package internal/config.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second signal ends the program at once
	os.Exit(run(ctx, os.Args, os.Stdout, os.Stderr, os.Getenv))
}
