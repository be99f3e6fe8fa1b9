package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/confbridge/confbridge/bench/sound/metric"
	"github.com/confbridge/confbridge/bench/sound/network"
	"github.com/confbridge/confbridge/bench/sound/page"
	"github.com/confbridge/confbridge/bench/sound/phone"
	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
)

func waitUntil(ctx context.Context, t time.Time) error { return phone.Wait(ctx, t) }

// mute mutes or unmutes a participant.
func (b *bench) mute(ctx context.Context, name string, muted bool) error {
	ctx, cancel := context.WithTimeout(ctx, apiTime)
	defer cancel()
	_, err := b.participants.UpdateParticipant(ctx, &confbridgev1.UpdateParticipantRequest{
		Participant: &confbridgev1.Participant{Name: name, Muted: muted}, UpdateMask: maskOf("muted"),
	})
	if err != nil {
		return fmt.Errorf("mute: %w", err)
	}
	return nil
}

const (
	keyCount = 200
	keyEvery = 100 * time.Millisecond
	keyTalk  = 2 * time.Second // speech, before the keys
)

// keys has one who speaks, and then presses keys through a network that loses 5 %.
func keys() scene {
	const last = keyTalk + keyCount*keyEvery + time.Second
	p := &party{name: "DTMF", at: partyTime, length: last}
	p.guests = []*guest{{name: "listener", codec: "PCMU"}, {name: "talker", codec: "PCMU", pcm: speech(1, keyTalk, -20)}}
	rnd := rand.New(rand.NewPCG(4, 4))
	var digits strings.Builder
	for range keyCount {
		digits.WriteByte("0123456789*#"[rnd.IntN(12)])
	}
	pressed := &presses{}
	p.during = func(ctx context.Context, b *bench, p *party, room string, start time.Time) error {
		ctx, cancel := context.WithDeadline(ctx, start.Add(last))
		defer cancel()
		var watching sync.WaitGroup
		watching.Go(func() { pressed.watch(ctx, b, room) })
		p.guests[1].phone.Keys(digits.String(), network.Path{Seed: 12, Loss: 0.05}, start.Add(keyTalk+100*time.Millisecond))
		watching.Wait()
		return nil
	}
	p.judged = func(p *party, f *page.File) { judgeKeys(p, f, digits.String(), pressed) }
	return p
}

// presses is what the room tells of keys.
type presses struct {
	keys strings.Builder
	err  error
}

// watch follows the room's events until ctx has ended.
func (p *presses) watch(ctx context.Context, b *bench, room string) {
	stream, err := b.rooms.WatchRoom(ctx, &confbridgev1.WatchRoomRequest{Name: "rooms/" + room})
	for err == nil {
		var m *confbridgev1.WatchRoomResponse
		if m, err = stream.Recv(); err == nil && m.GetEvent().GetKind() == confbridgev1.EventKind_EVENT_KIND_KEY_PRESSED {
			p.keys.WriteString(m.GetEvent().GetKeyPress().GetKey())
		}
	}
	if ctx.Err() == nil && !errors.Is(err, io.EOF) {
		p.err = err
	}
}

const keysSilence = -60.0 // dBFS, of the mix while keys are pressed

func judgeKeys(p *party, f *page.File, want string, pressed *presses) {
	const name = "DTMF"
	if err := firstOf(p.failed, pressed.err); err != nil {
		f.Rows = append(f.Rows, missed(name, "PCMU", err))
		return
	}
	got := pressed.keys.String()
	same := 0
	for same < min(len(got), len(want)) && got[same] == want[same] {
		same++
	}
	spoke := metric.RMSDBFS(p.middle(p.guests[0], 0.5, keyTalk.Seconds()))
	loudest := metric.Silence
	heard := p.middle(p.guests[0], keyTalk.Seconds()+0.5, keyTalk.Seconds()+keyCount*keyEvery.Seconds())
	for from := 0; from+rate8/50 <= len(heard); from += rate8 / 50 {
		loudest = max(loudest, metric.RMSDBFS(heard[from:from+rate8/50]))
	}
	f.Rows = append(f.Rows, page.Row{
		Case: name, What: "200 keys, 5 % loss", Wanted: "all, once, in order; never heard in the mix",
		Got: fmt.Sprintf("%d keys, the first %d right; mix at most %.0f dBFS meanwhile", len(got), same, loudest),
		OK:  got == want && spoke > -40 && len(heard) > 0 && loudest <= keysSilence,
	})
}
