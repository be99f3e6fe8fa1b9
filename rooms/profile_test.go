package rooms

import (
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/measure"
)

// stayingLeg goes on sending what it has sent, whatever is agreed anew.
type stayingLeg struct {
	*fakeLeg
	agreed codec.Profile
}

func (l *stayingLeg) Profile() codec.Profile { return l.agreed }

// A peer may go on with the codec that it sends, whatever the new offer puts first (RFC 3264 §8.3.2).
func TestAPeerThatStaysWithItsCodecIsHeardAsBefore(t *testing.T) {
	for name, row := range map[string]struct {
		sends         codec.Format
		before, after codec.Profile
	}{
		"another codec comes first":           {pcmu, codec.Profile{Format: pcmu}, codec.Profile{Format: opus}},
		"another packet time for another one": {pcma, codec.Profile{Format: pcmu}, codec.Profile{Format: pcmu, Packet: 40 * time.Millisecond}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newTestState(t)
			s.set.AGC = false
			talker := &stayingLeg{newFakeLeg(t, row.sends, 700), row.before}
			listener := newFakeLeg(t, pcmu, 0)
			m := seat(t, s, talker)
			seat(t, s, listener)
			now := time.Now()
			run := func(ticks int) []int16 {
				from := len(listener.heard)
				for range ticks {
					now = now.Add(frameDuration)
					s.tick(now)
				}
				return listener.heard[from:]
			}
			run(25)
			want := measure.ToneDBFS(run(25), 8000, 700)
			if err := s.change(m.p, func() error { talker.agreed = row.after; return nil }); err != nil {
				t.Fatal(err)
			}
			heard := run(25)
			if got, all := measure.ToneDBFS(heard, 8000, 700), measure.RMSDBFS(heard); got < want-1 || all > want+1 {
				t.Errorf("got the tone at %.1f dBFS in %.1f of sound, want %.1f", got, all, want)
			}
		})
	}
}

func TestLossIsAShareWhateverComesLate(t *testing.T) {
	before := MediaStats{PacketsReceived: 100, PacketsLost: 3}
	for name, row := range map[string]struct {
		now  MediaStats
		want float64
	}{
		"nothing lost":                   {MediaStats{PacketsReceived: 150, PacketsLost: 3}, 0},
		"one in fifty":                   {MediaStats{PacketsReceived: 149, PacketsLost: 4}, 0.02},
		"one taken for lost comes after": {MediaStats{PacketsReceived: 151, PacketsLost: 2}, 0},
	} {
		if got := lossOf(row.now, before); got != row.want {
			t.Errorf("%s: got %g, want %g", name, got, row.want)
		}
	}
}

func TestOfACallWithoutAPacketThereIsNoOpinion(t *testing.T) {
	s := newTestState(t)
	leg := newFakeLeg(t, pcmu, 0)
	leg.mute = true
	m := seat(t, s, leg)
	now := time.Now()
	for range 2 * framesPerSecond {
		now = now.Add(frameDuration)
		s.tick(now)
	}
	if got := s.show(m).Quality.Heard; got.MOS != 0 || got.RFactor != 0 {
		t.Errorf("got R %.1f, MOS %.2f, want 0", got.RFactor, got.MOS)
	}
}
