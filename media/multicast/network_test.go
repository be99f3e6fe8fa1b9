package multicast

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/confbridge/confbridge/media/internal/udp"
)

// inside is set for the process that runs in a network of its own.
const inside = "CONFBRIDGE_TEST_NETWORK"

// TestMain runs the tests in a network namespace that goes with the process: nothing that they send leaves it. It needs privilege.
func TestMain(m *testing.M) {
	if os.Getenv(inside) != "" {
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

// network is two hosts: here, with a0 at 10.77.0.1 and fd77::1, and there, with b0 at 10.77.0.2 and fd77::2.
type network struct {
	there int // its namespace
}

var theNetwork = sync.OnceValues(func() (*network, error) {
	n := &network{}
	made := make(chan error)
	go func() { // its thread ends with it
		runtime.LockOSThread()
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			n.there, err = unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		}
		made <- err
	}()
	if err := <-made; err != nil {
		return nil, fmt.Errorf("make a namespace: %w", err)
	}
	return n, n.plug(usual)
})

// cable is the names of its two ends, and the subnet.
type cable struct {
	here, there string
	subnet      int
}

var usual, other = cable{"a0", "b0", 77}, cable{"e0", "f0", 79}

// plug makes a cable between the two.
func (n *network) plug(c cable) error {
	err := run("link set lo up",
		fmt.Sprintf("link add %s type veth peer name %s netns /proc/%d/fd/%d", c.here, c.there, os.Getpid(), n.there),
		fmt.Sprintf("addr add 10.%d.0.1/24 dev %s", c.subnet, c.here), fmt.Sprintf("-6 addr add fd%d::1/64 dev %s nodad", c.subnet, c.here),
		"link set "+c.here+" up")
	return errors.Join(err, n.do(func() error {
		return errors.Join(run("link set lo up",
			fmt.Sprintf("addr add 10.%d.0.2/24 dev %s", c.subnet, c.there), fmt.Sprintf("-6 addr add fd%d::2/64 dev %s nodad", c.subnet, c.there),
			"link set "+c.there+" up"), ready(c.there))
	}), ready(c.here))
}

// ready waits until an interface can be sent by, which is some time after its other end was set up.
func ready(name string) error {
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); runtime.Gosched() {
		if link, err := udp.LinkNamed(name); err != nil || link.Up {
			return err
		}
	}
	return fmt.Errorf("%s does not come up", name)
}

func newNetwork(t testing.TB) *network {
	t.Helper()
	n, err := theNetwork()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// do runs f there: sockets that it opens are of there.
func (n *network) do(f func() error) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // and not unlocked: the thread ends
		if err := unix.Setns(n.there, unix.CLONE_NEWNET); err != nil {
			result <- err
			return
		}
		result <- f()
	}()
	return <-result
}

// run runs commands of ip(8).
func run(commands ...string) error {
	for _, c := range commands {
		if out, err := exec.Command("ip", strings.Fields(c)...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w: %s", c, err, out)
		}
	}
	return nil
}

func mustRun(t testing.TB, commands ...string) {
	t.Helper()
	if err := run(commands...); err != nil {
		t.Fatal(err)
	}
}
