// Package test runs the bridge as its users do: the program as a process of its own, called by telephones of its own
// making and by others (SIPp, baresip), with real sound over real sockets of the loopback.
//
// Nothing here measures how fast the machine is. Sound is judged by what is in it; whatever takes a while is waited for
// by polling, up to a deadline that is generous.
package test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/confbridge/confbridge/test/bridge"
)

// program is the binary under test; workDir holds it and the voices.
var program, workDir string

func TestMain(m *testing.M) { os.Exit(run(m)) }

// sideBySide is how many tests run at once where -parallel does not say: they wait for real time, not for the processor.
func sideBySide() string {
	if raceEnabled {
		return "3"
	}
	return "6"
}

func run(m *testing.M) int {
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "test.parallel" })
	var err error
	if !asked {
		err = flag.Set("test.parallel", sideBySide())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if workDir, err = os.MkdirTemp("", "confbridge-test"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(workDir)
	var flags []string
	if raceEnabled {
		flags = append(flags, "-race")
	}
	if program, err = bridge.Build(context.Background(), workDir, flags...); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}
