package rooms

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"math"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/jitter"
	"github.com/confbridge/confbridge/mixer/measure"
	"github.com/confbridge/confbridge/mixer/quality"
)

var narrowOpus = codec.Format{Name: codec.Opus, ClockRateHz: 48000, SampleRateHz: 8000}

// stayingLeg goes on sending what it has sent, whatever is agreed anew.
type stayingLeg struct {
	*fakeLeg
	agreed codec.Profile
}

func (l *stayingLeg) Profile() codec.Profile { return l.agreed }

func (l *stayingLeg) Expects() codec.Format { return l.Profile().Format }
func (l *stayingLeg) KeysInSound() bool     { return false }

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

// speaks makes the leg send in another format than it is sent in.
type speaks struct {
	*scriptLeg
	agreed codec.Profile
}

func (l *speaks) Profile() codec.Profile { return l.agreed }

func (l *speaks) Expects() codec.Format                         { return l.Profile().Format }
func (l *speaks) KeysInSound() bool                             { return false }
func (l *speaks) Send(now time.Time, payload []byte, units int) {}

func TestWhatIsToldOfAMemberIsOfTheCodecThatItSpeaks(t *testing.T) {
	var lines bytes.Buffer
	g := NewRegistry(Config{Log: slog.New(slog.NewJSONHandler(&lines, nil))})
	s := &stage{state: newState(newRoom(g, "1000", newEventLog("1000", 64, nil, 0)), Kept{}, false), now: time.Now()}
	spoken := codec.Profile{Format: opus, Packet: 40 * time.Millisecond}
	leg := &speaks{newScriptLeg(t, spoken, recorded(speech(1, 6000, 48000, 0, 480000, 480000))), codec.Profile{Format: pcmu}}
	m := seat(t, s.state, &dropping{leg})
	if got := s.show(m); got.Received != nil || got.Format != pcmu {
		t.Errorf("before the first packet: got %+v in, %v out, want nothing and %v", got.Received, got.Format, pcmu)
	}
	s.run(6 * framesPerSecond)
	got := s.show(m)
	if want := (Received{opus, 40 * time.Millisecond}); got.Received == nil || *got.Received != want || got.Format != pcmu || got.PacketTime != 20*time.Millisecond {
		t.Errorf("got %+v in, %v of %v out, want %+v and %v of 20 ms", got.Received, got.Format, got.PacketTime, want, pcmu)
	}
	if s.describe(m).Received != nil {
		t.Error("an event tells of it too, which costs each of them an allocation")
	}
	q := got.Quality.Heard
	r, _ := quality.Estimate(quality.Call{Codec: "opus", Loss: q.Concealed, OneWay: m.oneWay(got.Media)})
	other, _ := quality.Estimate(quality.Call{Codec: "PCMU", Loss: q.Concealed, OneWay: m.oneWay(got.Media)})
	if math.Abs(q.RFactor-r) > 0.5 || q.RFactor > other-0.5 {
		t.Errorf("got R %.1f, want %.1f, that of Opus; of PCMU it were %.1f", q.RFactor, r, other)
	}
	if got, least := m.oneWay(got.Media), 50*time.Millisecond; got < least {
		t.Errorf("got %v from mouth to ear, want more than %v: a packet of 40 ms and half a tick", got, least)
	}
	s.letGo(m.p, ReasonHangup)
	var line struct {
		Codec string
		Sent  string `json:"codec_sent"`
	}
	if err := json.Unmarshal(lines.Bytes(), &line); err != nil || line.Codec != "opus" || line.Sent != "PCMU" {
		t.Errorf("%v: the line is %s", err, lines.String())
	}
}

func TestNoiseIsSuppressedByTheCodecThatIsSpoken(t *testing.T) {
	for name, row := range map[string]struct {
		agreed, spoken codec.Format
		before, after  bool
	}{
		"a telephone that is sent G.722":      {g722, pcmu, false, true},
		"a wideband one that is sent PCMU":    {pcmu, g722, true, false},
		"Opus that is captured at 8000 Hz":    {opus, narrowOpus, false, true},
		"PCMA, and PCMU is what is agreed on": {pcmu, pcma, true, true},
	} {
		s := newStage(t, Settings{NoiseSuppression: true})
		leg := &speaks{newScriptLeg(t, codec.Profile{Format: row.spoken}, recorded(hiss(5, -35, 8*row.spoken.SampleRateHz))), codec.Profile{Format: row.agreed}}
		m := seat(t, s.state, leg)
		if got := m.voice.suppressor != nil; got != row.before {
			t.Errorf("%s: before the first packet: got %v, want %v", name, got, row.before)
		}
		s.run(framesPerSecond + 1)
		if got := m.voice.suppressor != nil; got != row.after {
			t.Errorf("%s: after a second: got %v, want %v", name, got, row.after)
		}
		if err := s.change(m.p, func() error { leg.agreed.Packet = 40 * time.Millisecond; return nil }); err != nil {
			t.Fatal(err)
		}
		if got := m.voice.suppressor != nil; got != row.after {
			t.Errorf("%s: after a new agreement: got %v, want %v as before", name, got, row.after)
		}
		s.end(ReasonEnded)
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

// TestTheLegLearnsWhatCameTooLate: its reports count that as lost (RFC 3611 §4.7.2).
func TestTheLegLearnsWhatCameTooLate(t *testing.T) {
	s := newStage(t, Settings{})
	m := seat(t, s.state, &dropping{newScriptLeg(t, pcmuProfile(), recorded(speech(1, 6000, 8000, 0, 16000, 16000)))})
	s.run(45)
	p := jitter.Packet{Sequence: 19, Timestamp: 19 * 160, Samples: 160, Arrival: s.now, Payload: make([]byte, 160)}
	if got := m.Audio(p); got != jitter.Late {
		t.Errorf("a packet that was lost until 500 ms after its turn: got verdict %d, want late", got)
	}
	p.Sequence, p.Timestamp = 45, 45*160
	if got := m.Audio(p); got != jitter.Stored {
		t.Errorf("the next one: got verdict %d, want stored", got)
	}
}

func TestWhatWasRecoveredIsToldBesideTheLoss(t *testing.T) {
	s := newStage(t, Settings{})
	m := seat(t, s.state, newScriptLeg(t, pcmuProfile(), nil))
	m.voice.watch.ticks, m.voice.watch.began = 120, 20 // 2 s of sound
	got := m.assess(MediaStats{PacketsReceived: 90, PacketsLost: 10, Recovered: 120 * time.Millisecond})
	if math.Abs(got.Loss-.1) > 1e-9 || math.Abs(got.Recovered-.06) > 1e-9 || math.Abs(got.Unrepaired()-.04) > 1e-9 {
		t.Errorf("got %g lost, %g recovered, %g of it neither, want .1, .06 and .04", got.Loss, got.Recovered, got.Unrepaired())
	}
	if got = m.assess(MediaStats{PacketsReceived: 90, Recovered: time.Second}); got.Unrepaired() != 0 {
		t.Errorf("more recovered than lost: got %g, want 0", got.Unrepaired())
	}
}
