package entry

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/quality"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/access"
	"github.com/confbridge/confbridge/rooms/dialplan"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeLeg is a telephone that says nothing and presses keys.
type fakeLeg struct {
	mu     sync.Mutex
	keys   []byte
	loud   int // samples that it has heard and that are no silence
	closed bool
}

func (l *fakeLeg) Profile() codec.Profile {
	return codec.Profile{Format: codec.Format{Name: codec.PCMU, ClockRateHz: 8000, SampleRateHz: 8000}}
}
func (l *fakeLeg) Expects() codec.Format { return l.Profile().Format }
func (l *fakeLeg) KeysInSound() bool     { return false }
func (l *fakeLeg) Mixed([]mixer.Source)  {}
func (l *fakeLeg) Observe(quality.Local) {}
func (l *fakeLeg) Send(_ time.Time, payload []byte, _ int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, b := range payload {
		if b&0x7f < 0x60 { // mu-law: above some 60 of 32767
			l.loud++
		}
	}
}

func (l *fakeLeg) Receive(_ time.Time, in rooms.Inlet) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.keys) > 0 { // one in 20 ms: nobody is faster
		in.Key(l.keys[0], 10*time.Millisecond)
		l.keys = l.keys[1:]
	}
	return nil
}

func (l *fakeLeg) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	return nil
}

func (l *fakeLeg) press(keys string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.keys = append(l.keys, keys...)
}

// voices says under each name a second of silence that is a sound, and remembers what was asked for, by voice.
type voices struct {
	mu   sync.Mutex
	said []string
}

func (v *voices) Prompt(voice, name string) *mixer.Clip {
	v.mu.Lock()
	defer v.mu.Unlock()
	if voice != "" {
		name = voice + ":" + name
	}
	v.said = append(v.said, name)
	return &mixer.Clip{Name: name, RateHz: 8000, PCM: make([]int16, 8000)}
}

func (v *voices) all() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.said)
}

// bridge is a registry and its desk, in virtual time.
type bridge struct {
	*testing.T
	ctx   context.Context
	rooms *rooms.Registry
	desk  *Desk
	voice *voices
	guard *access.Guard
}

// cheap is the least that a hash can cost.
var cheap = access.Cost{MemoryKiB: 8, Passes: 1, Lanes: 1}

// inBubble runs f with rooms 1000 (PIN 1357, moderators 2468), 2000 (moderators 2468), 3000 (no PIN), 4000 (PIN 1357 and locked), 5000 (PIN 1357, one seat). The number
// 9000 is an entrance.
func inBubble(t *testing.T, cfg Config, f func(b *bridge)) {
	t.Helper()
	inBubbleOf(t, cfg, rooms.Config{}, f)
}

// inBubbleOf is inBubble over rooms that are not as usual.
func inBubbleOf(t *testing.T, cfg Config, of rooms.Config, f func(b *bridge)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bridge{T: t, ctx: t.Context(), voice: &voices{}, guard: access.NewGuard(access.Config{Cost: cheap})}
		b.rooms = rooms.NewRegistry(of)
		if cfg.Guard = b.guard; cfg.Sounds == nil {
			cfg.Sounds = b.voice
		}
		cfg.Numbers = append(slices.Clone(cfg.Numbers), dialplan.Number{Dialled: "9000"})
		var err error
		if b.desk, err = New(cfg, b.rooms); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := b.desk.Close(context.WithoutCancel(t.Context())); err != nil {
				t.Errorf("Close of the desk: %v", err)
			}
			if err := b.rooms.Close(context.WithoutCancel(t.Context())); err != nil {
				t.Errorf("Close: %v", err)
			}
		}()
		for _, r := range []struct {
			number, pin, moderator string
			set                    rooms.Settings
		}{
			{"1000", "1357", "2468", rooms.Settings{}},
			{"2000", "", "2468", rooms.Settings{}},
			{"3000", "", "", rooms.Settings{}},
			{"4000", "1357", "", rooms.Settings{Locked: true}},
			{"5000", "1357", "", rooms.Settings{MaxParticipants: 1}},
		} {
			if _, err := b.desk.Create(t.Context(), r.number, r.set, PINs{b.pin(r.pin), b.pin(r.moderator)}); err != nil {
				t.Fatal(err)
			}
		}
		f(b)
	})
}

func (b *bridge) pin(digits string) *access.PIN {
	b.Helper()
	if digits == "" {
		return nil
	}
	p, err := access.ParsePIN(digits)
	if err != nil {
		b.Fatal(err)
	}
	return &p
}

// caller is somebody who has dialled a number.
type caller struct {
	*rooms.Participant
	leg *fakeLeg
}

func (b *bridge) dial(number string, from rooms.Origin) caller {
	b.Helper()
	return b.dialAs(number, rooms.Caller{DisplayName: "Ann", CallID: "abc", Origin: &from})
}

func (b *bridge) dialAs(number string, c rooms.Caller) caller {
	b.Helper()
	p, err := b.desk.Admit(b.ctx, number, c)
	if err != nil {
		b.Fatal(err)
	}
	leg := &fakeLeg{}
	if err := p.Join(b.ctx, leg); err != nil {
		b.Fatal(err)
	}
	return caller{p, leg}
}

// outcome is how it went: the room that the caller is in and as what, or why it was let go; and what was said.
type outcome struct {
	room string
	role rooms.Role
	name string
	why  rooms.Reason
	said string
}

// of tells it, once nothing goes on any more.
func (b *bridge) of(c caller) outcome {
	b.Helper()
	synctest.Wait()
	o := outcome{said: strings.Join(b.voice.all(), " ")}
	select {
	case <-c.Left():
		o.why = c.Reason()
		if !c.leg.closed {
			b.Error("the leg of who has left is not closed")
		}
		return o
	default:
	}
	o.room = c.Room()
	info, err := b.rooms.Participant(b.ctx, o.room, c.ID())
	if err == nil {
		o.role, o.name = info.Role, info.DisplayName
	}
	return o
}
