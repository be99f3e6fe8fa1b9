// Command demo starts a bridge, lets three callers with different voices meet in room 1000 for 15 seconds, and tells who
// was heard: by the bridge's own events, and by looking for each voice in what one of them recorded (demo.wav).
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/confbridge/confbridge/mixer/measure"
	"github.com/confbridge/confbridge/sipua/phone"
	"github.com/confbridge/confbridge/test/bridge"
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

func demo(ctx context.Context) (err error) {
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
	b, err := bridge.Start(ctx, bridge.Config{Binary: binary, Dir: dir})
	if err != nil {
		return err
	}
	defer func() {
		log, stopErr := b.Stop()
		fmt.Fprint(os.Stderr, log)
		err = errors.Join(err, stopErr)
	}()
	stopEvents, err := followEvents(ctx, b)
	if err != nil {
		return err
	}
	fmt.Printf("Three callers meet in room 1000 for %v ...\n\n", callLength)
	err = callAll(ctx, b, dir)
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

// followEvents prints the room's events until it is stopped.
func followEvents(ctx context.Context, b *bridge.Bridge) (stop func(), err error) {
	cmd := exec.CommandContext(ctx, binary, "events", "--api", b.GRPC, "1000")
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
func callAll(ctx context.Context, b *bridge.Bridge, dir string) error {
	errs := make([]error, len(callers))
	var all sync.WaitGroup
	for i, c := range callers {
		args := []string{"call", "sip:1000@" + b.UDP, "--name", c.name, "--play", c.file(dir), "--for", (callLength - time.Duration(i)*time.Second).String()}
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
