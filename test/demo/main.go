// Command demo starts a bridge, lets three callers with different voices meet in room 1000 for 15 seconds, and tells who
// was heard: by the bridge's own events, and by looking for each voice in what one of them recorded (demo.wav).
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/confbridge/confbridge/mixer/measure"
	"github.com/confbridge/confbridge/sipua/phone"
)

const (
	binary     = "bin/confbridge"
	recording  = "demo.wav"
	callLength = 15 * time.Second
	rateHz     = 8000
	// heardFrom is the correlation from which on a voice counts as heard. Speech that is not there stays below 0.1.
	heardFrom = 0.25
)

// caller is one of the three.
type caller struct {
	name, voice, pitch, says string
}

var callers = []caller{
	{"Ann", "en+f3", "70", "Good morning, this is Ann. The north gate is open, and the train from Hamburg is on time today."},
	{"Bob", "en+m1", "30", "Bob here. I can hear you well. Please send me the numbers for October before the meeting ends."},
	{"Cyd", "en+m7", "50", "Hello everybody, Cyd speaking. Seventeen crates have arrived, and nine of them are broken."},
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := demo(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// bridge is where the demo's bridge listens: on ports that were free, so that another may run beside it.
type bridge struct{ sip, api, http string }

func newBridge(ctx context.Context) (b bridge, err error) {
	var cfg net.ListenConfig
	for _, addr := range []*string{&b.sip, &b.api, &b.http} {
		l, err := cfg.Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return b, err
		}
		defer l.Close() // all are held until all are known
		*addr = l.Addr().String()
	}
	return b, nil
}

func demo(ctx context.Context) (err error) {
	b, err := newBridge(ctx)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "confbridge-demo")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	fmt.Println("Making three voices ...")
	for _, c := range callers {
		if err := c.speak(ctx, dir); err != nil {
			return err
		}
	}
	stop, err := b.startBridge(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	stopEvents, err := b.followEvents(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("Three callers meet in room 1000 for %v ...\n\n", callLength)
	err = b.callAll(ctx, dir)
	stopEvents()
	if err != nil {
		return err
	}
	return tellWhoWasHeard(dir)
}

// file is where the caller's voice is kept.
func (c caller) file(dir string) string { return filepath.Join(dir, c.name+".wav") }

func (c caller) speak(ctx context.Context, dir string) error {
	out, err := exec.CommandContext(ctx, "espeak-ng", "-v", c.voice, "-p", c.pitch, "-w", c.file(dir), c.says).CombinedOutput()
	if err != nil {
		return fmt.Errorf("espeak-ng: %w: %s", err, out)
	}
	return nil
}

// startBridge runs a bridge on ports of its own and returns when it is ready.
func (b bridge) startBridge(ctx context.Context, dir string) (stop func() error, err error) {
	config := filepath.Join(dir, "confbridge.yaml")
	text := fmt.Sprintf("sip:\n  listen: [\"udp://%s\", \"tcp://%s\"]\napi:\n  grpc: %s\n  http: %s\ndata_dir: %s\nlog: {level: warn}\n",
		b.sip, b.sip, b.api, b.http, filepath.Join(dir, "data"))
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, binary, "serve", "--config", config)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop = func() error {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			return err
		}
		return cmd.Wait()
	}
	for {
		if b.ready(ctx) {
			return stop, nil
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(errors.New("the bridge did not become ready"), stop())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (b bridge) ready(ctx context.Context) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+b.http+"/readyz", nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode == http.StatusOK
}

// followEvents prints the room's events until it is stopped.
func (b bridge) followEvents(ctx context.Context) (stop func(), err error) {
	cmd := exec.CommandContext(ctx, binary, "events", "--api", b.api, "1000")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	}, nil
}

// callAll lets the three call, one a second, each saying its piece; the first records.
func (b bridge) callAll(ctx context.Context, dir string) error {
	errs := make([]error, len(callers))
	var all sync.WaitGroup
	for i, c := range callers {
		args := []string{"call", "sip:1000@" + b.sip, "--name", c.name, "--play", c.file(dir), "--for", (callLength - time.Duration(i)*time.Second).String()}
		if i == 0 {
			args = append(args, "--record", recording)
		}
		all.Go(func() {
			time.Sleep(time.Duration(i) * time.Second)
			out, err := exec.CommandContext(ctx, binary, args...).CombinedOutput()
			if err != nil {
				errs[i] = fmt.Errorf("%s: %w: %s", c.name, err, out)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// tellWhoWasHeard looks for each voice in the recording. The one who recorded must not be in it.
func tellWhoWasHeard(dir string) error {
	heard, err := phone.LoadWAV(recording, rateHz)
	if err != nil {
		return err
	}
	fmt.Printf("\nIn %s, what %s heard (correlation with each voice):\n\n", recording, callers[0].name)
	var wrong []string
	for i, c := range callers {
		voice, err := phone.LoadWAV(c.file(dir), rateHz)
		if err != nil {
			return err
		}
		peak, _ := measure.Correlation(voice, heard, len(heard))
		peak = max(peak, -peak)
		verdict := "not heard"
		if peak >= heardFrom {
			verdict = "heard"
		}
		fmt.Printf("  %-4s %5.2f  %s\n", c.name, peak, verdict)
		if (peak >= heardFrom) != (i != 0) {
			wrong = append(wrong, c.name)
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%s: not as it should be; everybody but %s should be heard", strings.Join(wrong, ", "), callers[0].name)
	}
	return nil
}
