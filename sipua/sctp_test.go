package sipua

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/confbridge/confbridge/media"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/jitter"
)

// soundEar counts packets with sound of more than a whisper in them (PCMU).
type soundEar struct {
	ear
	loud int
}

func (e *soundEar) Audio(p jitter.Packet) jitter.Verdict {
	for _, b := range p.Payload {
		if b&0x7f < 0x50 { // in mu-law the louder, the smaller
			e.loud++
			break
		}
	}
	return jitter.Stored
}

// ownIP is an address of the loopback where nobody else is, in this process or in another that runs these tests beside us: the
// standard ports are free there.
func ownIP(n int) string {
	pid := os.Getpid()
	return fmt.Sprintf("127.%d.%d.%d", 1+pid/256%250, pid%256, n)
}

// TestCallsOverSCTP has two callers speak in turn over one carrier.
func TestCallsOverSCTP(t *testing.T) {
	for _, row := range []struct{ name, bridge, phone string }{
		{"over IP", "sctp://" + ownIP(1) + ":5060", "sctp://" + ownIP(2) + ":0"},
		{"over UDP", "sctp+udp://" + ownIP(3) + ":9899", "sctp+udp://" + ownIP(4) + ":9899"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_RAW, 132); errors.Is(err, syscall.EPERM) && row.name == "over IP" {
				t.Skip("SCTP over IP needs CAP_NET_RAW, which this process has not:", err)
			} else if err == nil {
				_ = syscall.Close(fd)
			}
			b := newBridge(t, func(c *Config) { c.Listen = []string{row.bridge} })
			eng, err := media.NewEngine(media.Config{PortMin: 34000, PortMax: 34099})
			if err != nil {
				t.Fatal(err)
			}
			c, err := NewClient(t.Context(), ClientConfig{Listen: []string{row.phone}}, eng)
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				defer cancel()
				if err := c.Close(ctx); err != nil {
					t.Errorf("close: %v", err)
				}
			}()
			outs := make([]*OutCall, 2)
			for i := range outs {
				uri := "sip:1000@" + b.addrs["sctp"] + ";transport=sctp"
				if outs[i], err = c.Dial(patient(t), DialConfig{URI: uri, Codecs: []codec.Name{codec.PCMU}}); err != nil {
					t.Fatal(err)
				}
			}
			for speaker := range outs {
				hearSpeaker(t, outs, speaker)
			}
			// one hangs up, the other is sent away: requests both ways
			if err := outs[0].Hangup(patient(t)); err != nil {
				t.Error(err)
			}
			left := b.participants(t, "1000", 1)
			if err := b.rooms.Remove(patient(t), "1000", left[0].ID); err != nil {
				t.Fatal(err)
			}
			select {
			case <-outs[1].Done():
			case <-patient(t).Done():
				t.Fatal("no BYE came")
			}
			for _, out := range outs {
				if err := out.Leg().Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// hearSpeaker lets one speak until the other has heard it.
func hearSpeaker(t *testing.T, outs []*OutCall, speaker int) {
	t.Helper()
	ears := []*soundEar{{}, {}}
	sound := make([]byte, 160)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	give := time.Now().Add(patience)
	for ears[1-speaker].loud < 10 {
		now := <-tick.C
		if now.After(give) {
			t.Fatalf("%d speaks, and the other heard %d packets", speaker, ears[1-speaker].loud)
		}
		for i, out := range outs {
			for j := range sound {
				sound[j] = 0xff // silence
				if i == speaker && j%16 < 8 {
					sound[j] = 0x10
				} else if i == speaker {
					sound[j] = 0x90
				}
			}
			out.Leg().Send(now, sound, 160)
			if err := out.Leg().Receive(now, ears[i]); err != nil {
				t.Fatal(err)
			}
		}
	}
}
