package test

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/measure"
	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/sipua"
	"github.com/confbridge/confbridge/test/bridge"
)

// toneHz are eight tones without common multiples, far enough apart to be told from one another within 20 ms.
var toneHz = []float64{401, 619, 877, 1193, 1571, 1987, 2459, 2963}

// Eight tones together stay below full scale: the limiter has nothing to do.
const toneAmplitude = 2800

// muteWithin is what the API promises: nobody is heard for longer than this after the answer to the mute. It is counted in
// packets, 40 ms of sound: on a machine that is late they come later, and none may have more.
const muteWithin = 2

func TestEightTones(t *testing.T) {
	b := startBridge(t, bridge.Config{Rooms: "  max_talkers: all\n  agc: false\n"})
	client := newClient(t)
	uri := "sip:1000@" + b.UDP
	guests := make([]*guest, len(toneHz))
	for i, hz := range toneHz {
		guests[i] = invite(t, client, uri, codec.PCMU, tone(hz, toneAmplitude, 120))
	}
	b.present(t, "1000", len(guests))
	for _, g := range guests {
		g.listen(t, 4000) // until jitter buffers and gains have settled
	}
	t.Run("each hears the seven others alike and not their own", func(t *testing.T) { hearSeven(t, guests) })
	t.Run("mute takes one out for all at once, unmute brings it back", func(t *testing.T) { muteOne(t, b, guests, 4) })
	t.Run("a locked room refuses the ninth", func(t *testing.T) { lockOut(t, b, client, uri) })
}

func hearSeven(t *testing.T, guests []*guest) {
	const long, short = 8000, 1600 // samples
	heard := make([][]int16, len(guests))
	from := make([]int, len(guests))
	for i, g := range guests {
		from[i] = len(g.sound())
	}
	for i, g := range guests {
		eventually(t, "three seconds of sound", func() bool { return len(g.sound()) >= from[i]+3*long })
		heard[i] = g.sound()[from[i] : from[i]+3*long]
	}
	for i, pcm := range heard {
		var others []float64
		for j, hz := range toneHz {
			if j != i {
				others = append(others, toneLevel(pcm, hz, short))
			}
		}
		loudest, quietest, own := slices.Max(others), slices.Min(others), toneLevel(pcm, toneHz[i], long)
		t.Logf("guest %d: others %.2f to %.2f dBFS, own %.1f dB below", i, quietest, loudest, quietest-own)
		if !(loudest-quietest <= 1) {
			t.Errorf("guest %d hears the others from %.2f to %.2f dBFS, want them within 1 dB", i, quietest, loudest)
		}
		if want := 20 * math.Log10(toneAmplitude/32768.); math.Abs(loudest-want) > 1.5 {
			t.Errorf("guest %d hears the others at %.2f dBFS, want them as loud as they are, %.2f", i, loudest, want)
		}
		if !(own <= quietest-50) {
			t.Errorf("guest %d hears the own tone at %.1f dB below the others, want 50 or more", i, quietest-own)
		}
	}
}

// muteOne mutes one guest and looks at the packets that the others get behind the answer, by when the kernel took them
// in: no jitter buffer of a telephone is in the way of the measurement.
func muteOne(t *testing.T, b *running, guests []*guest, who int) {
	p := participantOf(t, b, guests[who])
	set := func(muted bool) time.Time {
		t.Helper()
		got, err := b.participants.UpdateParticipant(t.Context(), &confbridgev1.UpdateParticipantRequest{
			Participant: &confbridgev1.Participant{Name: p.GetName(), Muted: muted},
			UpdateMask:  &fieldmaskpb.FieldMask{Paths: []string{"muted"}},
		})
		answered := time.Now()
		if err != nil || got.GetMuted() != muted {
			t.Fatalf("mute %t: %v, %v", muted, got, err)
		}
		return answered
	}
	const packets = 25 // half a second
	answered := set(true)
	for i, g := range guests {
		if i == who {
			continue
		}
		eventually(t, "packets after the mute", func() bool { return len(g.since(answered)) >= packets })
		for k, packet := range g.since(answered)[muteWithin:] {
			pcm := decode(t, packet)
			if own := measure.ToneDBFS(pcm, 8000, toneHz[who]); own > packetTone(i, who, pcm)-25 {
				t.Errorf("guest %d hears the muted one at %.1f dBFS in packet %d, %v after the answer",
					i, own, muteWithin+k+1, packet.at.Sub(answered))
				break
			}
		}
	}
	set(false)
	for i, g := range guests {
		if i == who {
			continue
		}
		eventually(t, "the unmuted one is heard again", func() bool {
			last := g.since(time.Now().Add(-time.Second))
			return len(last) > 0 && measure.ToneDBFS(decode(t, last[len(last)-1]), 8000, toneHz[who]) > -25
		})
	}
}

// packetTone is the level of a tone that must be in what guest i hears, in one packet.
func packetTone(i, muted int, pcm []int16) float64 {
	for j, hz := range toneHz {
		if j != i && j != muted {
			return measure.ToneDBFS(pcm, 8000, hz)
		}
	}
	return math.NaN()
}

func decode(t *testing.T, p arrived) []int16 {
	t.Helper()
	d, err := codec.NewDecoder(codec.Format{Name: codec.PCMU, ClockRateHz: 8000, SampleRateHz: 8000})
	if err != nil {
		t.Fatal(err)
	}
	pcm := make([]int16, 8000)
	n, err := d.Decode(pcm, p.payload)
	if err != nil {
		t.Fatal(err)
	}
	return pcm[:n]
}

// participantOf finds a guest in the room by the Call-ID.
func participantOf(t *testing.T, b *running, g *guest) *confbridgev1.Participant {
	t.Helper()
	resp, err := b.participants.ListParticipants(t.Context(), &confbridgev1.ListParticipantsRequest{Parent: "rooms/1000", PageSize: 1000})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range resp.GetParticipants() {
		if p.GetCallId() == g.call.CallID() {
			return p
		}
	}
	t.Fatalf("no participant with Call-ID %s", g.call.CallID())
	return nil
}

func lockOut(t *testing.T, b *running, client *sipua.Client, uri string) {
	b.must(t, "rooms", "lock", "1000")
	_, err := client.Dial(t.Context(), sipua.DialConfig{URI: uri})
	var refused *sipua.StatusError
	if !errors.As(err, &refused) || refused.Status != 480 {
		t.Fatalf("the ninth got %v, want 480", err)
	}
	if len(refused.Reasons) != 1 || refused.Reasons[0].Text != "room is locked" {
		t.Errorf("Reason %v, want: room is locked", refused.Reasons)
	}
	r := b.run(t, "call", uri, "--for", "1s")
	if r.code != 1 {
		t.Errorf("confbridge call into a locked room: exit %d, want 1; %s", r.code, r.stderr)
	}
	b.must(t, "rooms", "unlock", "1000")
	invite(t, client, uri, codec.PCMA, nil)
	b.present(t, "1000", 9)
}
