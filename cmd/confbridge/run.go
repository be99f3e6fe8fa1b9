package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// Exit codes.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2 // wrong arguments, or a wrong configuration
)

// defaultAPI is where the commands look for the bridge.
const defaultAPI = "127.0.0.1:50051"

// commands is the command line.
type commands struct {
	Serve         serveCmd         `cmd:"" help:"Run the bridge."`
	CheckConfig   checkConfigCmd   `cmd:"" help:"Check a configuration and print what is in force."`
	Rooms         roomsCmd         `cmd:"" help:"Show and steer rooms."`
	Participants  participantsCmd  `cmd:"" help:"Show and steer who is in a room."`
	Bans          bansCmd          `cmd:"" help:"Show who is kept out of a room, and let them in again."`
	Invitations   invitationsCmd   `cmd:"" help:"Invite single persons into a room."`
	Numbers       numbersCmd       `cmd:"" help:"Say which dialled number leads to which room."`
	Distributions distributionsCmd `cmd:"" help:"Send a room's mix to multicast groups, show how that goes, and take sessions in."`
	Events        eventsCmd        `cmd:"" help:"Follow what happens in a room, one event a line, until Ctrl-C."`
	Recordings    recordingsCmd    `cmd:"" help:"Show, fetch and delete recordings."`
	Cdr           cdrCmd           `cmd:"" help:"Show the records of calls that have ended, as a table, CSV or JSON."`
	Trunks        trunksCmd        `cmd:"" help:"Show the trunks, their registrations and whether they answer."`
	Trace         traceCmd         `cmd:"" help:"Show the SIP messages of a call as a ladder, or list the calls they are kept of."`
	Sources       sourcesCmd       `cmd:"" help:"Take multicast sessions into rooms, and keep them."`
	Sessions      sessionsCmd      `cmd:"" help:"Show what is announced on the network (SAP); needs no bridge."`
	Call          callCmd          `cmd:"" help:"Place a SIP call, to try a bridge."`
	Listen        listenCmd        `cmd:"" help:"Listen to a multicast session, and tell what was heard."`
	Version       versionCmd       `cmd:"" help:"Print the version."`
}

// console is what a command has of the world.
type console struct {
	program        string // as it was called: "bin/confbridge"
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	now            func() time.Time
	zone           *time.Location
}

// usageError is the user's fault: exit code 2.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

// run is the program without its process. args[0] is the program's name. It returns the exit code, and soon after ctx
// is done.
func run(ctx context.Context, args []string, stdout, stderr io.Writer, getenv func(string) string) int {
	c := &console{program: args[0], stdin: os.Stdin, stdout: stdout, stderr: stderr, getenv: getenv, now: time.Now, zone: time.Local}
	return c.run(ctx, args[1:])
}

func (c *console) run(ctx context.Context, args []string) int {
	err := c.parse(ctx, args)
	var exit exitCode
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &exit):
		return int(exit)
	}
	fmt.Fprintf(c.stderr, "confbridge: %s\n", strings.TrimSuffix(err.Error(), "\n"))
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	return exitError
}

// exitCode is how the parser ends the program, after --help.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit %d", int(e)) }

// parse reads the arguments and runs the command.
func (c *console) parse(ctx context.Context, args []string) (err error) {
	defer func() {
		if p := recover(); p != nil {
			exit, ok := p.(exitCode)
			if !ok {
				panic(p)
			}
			err = exit
		}
	}()
	apiAddr := c.getenv("CONFBRIDGE_API")
	if apiAddr == "" {
		apiAddr = defaultAPI
	}
	parser, err := kong.New(&commands{},
		kong.Name("confbridge"),
		kong.Description("A SIP conference bridge: telephones dial a number and meet in a room."),
		kong.Writers(c.stdout, c.stderr),
		kong.Exit(func(code int) { panic(exitCode(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Vars{"api": apiAddr, "config": c.getenv("CONFBRIDGE_CONFIG")},
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(c),
	)
	if err != nil {
		return err
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(negativeGain(args))
	if err != nil {
		return usageError{fmt.Errorf("%w (see %s --help)", err, helpFor(err))}
	}
	return parsed.Run()
}

// negativeGain puts the -6 of `participants gain 1000 a1 -6` behind a "--": the parser would take it for a flag.
func negativeGain(args []string) []string {
	if len(args) < 2 || args[0] != "participants" || args[1] != "gain" || slices.Contains(args, "--") {
		return args
	}
	isNumber := func(arg string) bool {
		_, err := strconv.ParseFloat(arg, 64)
		return err == nil && strings.HasPrefix(arg, "-")
	}
	i := slices.IndexFunc(args, isNumber)
	if i < 0 {
		return args
	}
	rest := slices.Delete(slices.Clone(args), i, i+1)
	return append(rest, "--", args[i])
}

// helpFor names the command whose help explains the error.
func helpFor(err error) string {
	parseErr, ok := errors.AsType[*kong.ParseError](err)
	if !ok {
		return "confbridge"
	}
	name := "confbridge"
	for _, p := range parseErr.Context.Path {
		if p.Command != nil {
			name += " " + p.Command.Name
		}
	}
	return name
}
