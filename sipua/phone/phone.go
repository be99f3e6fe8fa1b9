// Package phone is the handset of a SIP caller: it plays a sound into a leg, hears what comes back, and presses keys.
// `confbridge call`, the demonstration and the end-to-end tests make their calls with it.
package phone

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/confbridge/confbridge/media"
	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/jitter"
	"github.com/confbridge/confbridge/mixer/packetizer"
	"github.com/confbridge/confbridge/mixer/playout"
	"github.com/confbridge/confbridge/mixer/quality"
)

// Leg is what a phone needs of a media.Leg. Run's goroutine is the only one to touch it.
type Leg interface {
	Profile() codec.Profile
	Expects() codec.Format
	Receive(now time.Time, in media.Inlet) error
	Send(now time.Time, payload []byte, units int)
	PressKey(digit byte, held time.Duration) error
}

// Config is what a phone does in its call.
type Config struct {
	// Play is said once, from the start of the call; silence follows. It is at PlayRateHz: 8000, 16000 or 48000.
	Play       []int16
	PlayRateHz int
	// Heard takes each 20 ms that is heard, at HeardRateHz (8000, 16000 or 48000), during the call only; nil: nobody
	// listens.
	Heard       func(frame []int16)
	HeardRateHz int
	// Digits are pressed one after the other, beginning half a second into the call. A comma is no key, but a second's pause.
	Digits string
}

// Times of the keys: longer than any receiver's minimum (ITU-T Q.24 asks for 40 ms each).
const (
	firstKeyAfter = 500 * time.Millisecond
	keyHeld       = 160 * time.Millisecond
	keyEvery      = 320 * time.Millisecond
	pause         = ','
	pauseTime     = time.Second
)

// KeyTime is how long a call must last for all Digits to be pressed, each for its whole time.
func KeyTime(digits string) time.Duration {
	if digits == "" {
		return 0
	}
	return keyDue(digits, len(digits))
}

// keyDue is when the key at a place is pressed, from the start of the call on.
func keyDue(digits string, place int) time.Duration {
	pauses := strings.Count(digits[:place], string(pause))
	return firstKeyAfter + time.Duration(place-pauses)*keyEvery + time.Duration(pauses)*pauseTime
}

// Phone is one call's handset.
type Phone struct {
	cfg Config
	leg Leg
	out *packetizer.Stream
	in  playout.Stream
	err error // of a Restart, to be returned by the tick

	start   time.Time
	played  int // samples of cfg.Play
	pressed int
	frames  uint64
	said    []int16 // 20 ms at cfg.PlayRateHz
	payload [codec.MaxPayloadBytes]byte
}

// New makes the handset for a leg whose format is agreed (codec.ErrFormat).
func New(leg Leg, cfg Config) (*Phone, error) {
	f := leg.Profile()
	out, err := packetizer.New(f)
	if err != nil {
		return nil, fmt.Errorf("phone: %w", err)
	}
	if cfg.PlayRateHz == 0 {
		cfg.PlayRateHz = f.SampleRateHz
	}
	if cfg.HeardRateHz == 0 {
		cfg.HeardRateHz = f.SampleRateHz
	}
	p := &Phone{cfg: cfg, leg: leg, out: out, said: make([]int16, mixer.FrameSamples(cfg.PlayRateHz))}
	p.out.Tune(cfg.PlayRateHz)
	if err := p.in.Prepare(leg.Expects()); err != nil {
		return nil, fmt.Errorf("phone: %w", err)
	}
	p.in.Tune(cfg.HeardRateHz)
	return p, nil
}

// Run talks and listens, one frame every 20 ms, until ctx ends (which is no error) or the leg dies.
func (p *Phone) Run(ctx context.Context) error {
	ticker := time.NewTicker(mixer.FrameDuration)
	defer ticker.Stop()
	p.start = time.Now()
	for frames := 0; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		now := time.Now()
		for due := int(now.Sub(p.start) / mixer.FrameDuration); frames < due; frames++ {
			if err := p.tick(now); err != nil {
				return fmt.Errorf("phone: %w", err)
			}
		}
	}
}

// Stats tells how well it heard. Not to be called while Run runs.
func (p *Phone) Stats() playout.Stats { return p.in.Stats() }

func (p *Phone) tick(now time.Time) error {
	if err := p.leg.Receive(now, p); err != nil {
		return err
	}
	if p.err != nil {
		return p.err
	}
	if err := p.change(); err != nil {
		return err
	}
	frame, _ := p.in.Pull(now)
	if p.cfg.Heard != nil {
		p.cfg.Heard(frame)
	}
	if err := p.press(now); err != nil {
		return err
	}
	p.speak(now)
	return nil
}

// change goes over to another codec or packet time where the leg has agreed on one since.
func (p *Phone) change() error {
	f := p.leg.Profile()
	if f == p.out.Profile() {
		return nil
	}
	out, err := packetizer.New(f)
	if err != nil {
		return err
	}
	out.Adopt(p.out)
	out.Tune(p.cfg.PlayRateHz)
	p.out = out
	return nil
}

// press presses the next key when its time has come.
func (p *Phone) press(now time.Time) error {
	if p.pressed == len(p.cfg.Digits) || now.Before(p.start.Add(keyDue(p.cfg.Digits, p.pressed))) {
		return nil
	}
	digit := p.cfg.Digits[p.pressed]
	p.pressed++
	if digit == pause {
		return nil
	}
	return p.leg.PressKey(digit, keyHeld)
}

// speak sends the next 20 ms of what there is to say.
func (p *Phone) speak(now time.Time) {
	n := copy(p.said, p.cfg.Play[p.played:])
	clear(p.said[n:])
	p.played += n
	p.out.Push(p.said, p.frames)
	p.frames++
	for {
		payload, units, ok := p.out.Next(p.payload[:])
		if !ok {
			return
		}
		p.leg.Send(now, payload, units)
	}
}

// Restart implements media.Inlet.
func (p *Phone) Restart(f codec.Format, _ uint32) {
	p.err = p.in.Restart(f)
	p.in.Tune(p.cfg.HeardRateHz)
}

// Audio implements media.Inlet.
func (p *Phone) Audio(packet jitter.Packet) jitter.Verdict { return p.in.Put(packet) }

// Absent implements media.Inlet.
func (p *Phone) Absent(sequence uint16) { p.in.Absent(sequence) }

// Key implements media.Inlet: a phone hears no keys.
func (p *Phone) Key(byte, time.Duration) {}

// Report implements media.Inlet: a phone does not ask how it is heard.
func (p *Phone) Report(quality.Peer) {}
