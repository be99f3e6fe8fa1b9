package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

const (
	readyWithin = 15 * time.Second
	endWithin   = 8 * time.Second
)

func address(port uint16) netip.AddrPort { return netip.AddrPortFrom(netip.MustParseAddr(ip), port) }

// process is a peer that runs.
type process struct {
	cmd   *exec.Cmd
	dir   string
	front *front     // nil where the peer speaks SIP itself
	ended chan error // receives what Wait returned, once
}

// start starts a peer with a configuration of its own, and waits until it answers. What it says goes to a file, which is in the error
// if it does not. It is to be called on a locked thread: the peer is killed when that ends.
func start(ctx context.Context, p peer) (run *process, err error) {
	dir, err := os.MkdirTemp("", "confbridge-peer-")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.id, err)
	}
	run = &process{dir: dir, ended: make(chan error, 1)}
	if err := p.configure(dir); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", p.id, err), os.RemoveAll(dir))
	}
	output, err := os.Create(filepath.Join(dir, "output"))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", p.id, err), os.RemoveAll(dir))
	}
	run.cmd = exec.Command(p.program, p.args(dir)...) //nolint:noctx // stop ends it, gently
	run.cmd.Stdout, run.cmd.Stderr = output, output
	run.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // it must not outlive us
	err = run.cmd.Start()
	if err := errors.Join(err, output.Close()); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", p.id, err), os.RemoveAll(dir))
	}
	go func() { run.ended <- run.cmd.Wait() }()
	if err := run.await(ctx, p); err != nil {
		said, _ := os.ReadFile(output.Name()) // where that fails, it has said nothing
		return nil, errors.Join(fmt.Errorf("%s: %w\n%s", p.id, err, said), run.stop(context.WithoutCancel(ctx)))
	}
	return run, nil
}

// await waits until the peer answers, and opens the front of one that speaks no SIP.
func (r *process) await(ctx context.Context, p peer) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyWithin, fmt.Errorf("not ready after %v", readyWithin))
	defer cancel()
	answers := sipAnswers
	if p.janus {
		answers = janusAnswers
	}
	for !answers(ctx) {
		select {
		case err := <-r.ended:
			r.ended <- err
			return fmt.Errorf("ended by itself: %w", err)
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		}
	}
	if !p.janus {
		return nil
	}
	var err error
	r.front, err = openFront(ctx, address(sipPort), janusURL)
	return err
}

// stop ends the peer, by force where it does not end by itself, and removes its files.
func (r *process) stop(ctx context.Context) error {
	var errs []error
	if r.front != nil {
		errs = append(errs, r.front.Close(ctx))
	}
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		errs = append(errs, err)
	}
	hang := time.AfterFunc(endWithin, func() { r.cmd.Process.Kill() }) //nolint:errcheck // it may have ended just now
	var exit *exec.ExitError
	if err := <-r.ended; err != nil && !errors.As(err, &exit) { // with what code it ends, is its own business
		errs = append(errs, err)
	}
	if !hang.Stop() {
		errs = append(errs, fmt.Errorf("it did not end in %v", endWithin))
	}
	return errors.Join(append(errs, os.RemoveAll(r.dir))...)
}

// sipAnswers says whether anything comes back to an OPTIONS.
func sipAnswers(ctx context.Context) bool {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "udp4", address(sipPort).String())
	if err != nil {
		return false
	}
	defer conn.Close() //nolint:errcheck // nothing was written that matters
	from := conn.LocalAddr()
	text := fmt.Sprintf("OPTIONS sip:%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKready;rport\r\nMax-Forwards: 70\r\nFrom: <sip:load@%s>;tag=1\r\n"+
		"To: <sip:%s>\r\nCall-ID: ready\r\nCSeq: 1 OPTIONS\r\nContact: <sip:load@%s>\r\nContent-Length: 0\r\n\r\n", address(sipPort), from, from, address(sipPort), from)
	if conn.SetDeadline(time.Now().Add(300*time.Millisecond)) != nil {
		return false
	}
	if _, err := conn.Write([]byte(text)); err != nil {
		return false
	}
	n, err := conn.Read(make([]byte, 4096))
	return err == nil && n > 0
}

// janusAnswers says whether Janus does over HTTP.
func janusAnswers(ctx context.Context) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, janusURL+"/info", nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	return response.Body.Close() == nil && response.StatusCode == http.StatusOK
}
