package receiver

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

// inside is set for the process that runs in a network of its own.
const inside = "CONFBRIDGE_TEST_NETWORK"

// stage is the interface that it has there.
const stage = "stage0"

// TestMain runs the tests in a network namespace that goes with the process: nothing that they send leaves it. It needs privilege.
func TestMain(m *testing.M) {
	if os.Getenv(inside) != "" {
		if err := plug(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		goleak.VerifyTestMain(m)
		return
	}
	cmd := exec.Command(os.Args[0], os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	runtime.LockOSThread() // Pdeathsig is of the thread
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		os.Exit(exit.ExitCode())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "the tests need a network namespace, which takes privilege:", err)
		os.Exit(1)
	}
}

// plug makes the interface, and the way to groups.
func plug() error {
	for _, c := range []string{
		"link set lo up", "link add " + stage + " type veth peer name other0", "link set other0 up", "addr add 192.0.2.1/24 dev " + stage, "link set " + stage + " up",
		"route add default dev " + stage,
	} {
		if out, err := exec.Command("ip", strings.Fields(c)...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w: %s", c, err, out)
		}
	}
	return nil
}
