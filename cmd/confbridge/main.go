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
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() { // ends with the process
		<-signals
		signal.Stop(signals) // before anything is told: from here on a second signal ends the process at once
		cancel()
	}()
	os.Exit(run(ctx, os.Args, os.Stdout, os.Stderr, os.Getenv))
}
