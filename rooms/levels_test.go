package rooms

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/jitter"
	"github.com/confbridge/confbridge/mixer/measure"
	"github.com/confbridge/confbridge/mixer/quality"
)

var g722 = codec.Format{Name: codec.G722, ClockRateHz: 8000, SampleRateHz: 16000}

func TestMixedRoomHearsEverybodyAndWidebandIsWide(t *testing.T) {
	times := []time.Duration{10 * time.Millisecond, 20 * time.Millisecond, 30 * time.Millisecond, 40 * time.Millisecond, 60 * time.Millisecond}
	for at := range times {
		s := newStage(t, Settings{AGC: true})
		formats := []codec.Format{pcmu, pcma, g722, opus}
		low := []float64{437, 823, 1129, 1571}
		var legs []*scriptLeg
		for i, f := range formats {
			says := func(n int) float64 {
				v := tone(low[i], 3000, f.SampleRateHz)(n)
				if f.SampleRateHz > 8000 { // and something that no telephone carries
					v += tone(5300+400*float64(i), 1500, f.SampleRateHz)(n)
				}
				return v
			}
			// Each leg has a packet time of its own, the first the row's.
			leg := newScriptLeg(t, codec.Profile{Format: f, Packet: times[(at+i)%len(times)]}, says)
			leg.source = uint32(i + 1)
			legs = append(legs, leg)
			seat(t, s.state, leg)
		}
		s.run(3 * framesPerSecond)
		for i, leg := range legs {
			heard := leg.since(2 * framesPerSecond)
			for j := range legs {
				level := measure.ToneDBFS(heard, leg.profile.SampleRateHz, low[j])
				if j != i && (level < -24 || level > -18) {
					t.Errorf("packets of %v: %s hears %s at %.1f dBFS, want about -20.8", leg.profile.Packet, formats[i].Name, formats[j].Name, level)
				}
				wide := formats[i].SampleRateHz > 8000 && formats[j].SampleRateHz > 8000
				if high := measure.ToneDBFS(heard, leg.profile.SampleRateHz, 5300+400*float64(j)); wide && j != i && high < -33 {
					t.Errorf("packets of %v: %s hears what %s says above 5 kHz at %.1f dBFS, want about -26.8", leg.profile.Packet, formats[i].Name, formats[j].Name, high)
				}
			}
			if len(leg.sources) != 3 {
				t.Errorf("%s is told of %v, want the three others", formats[i].Name, leg.sources)
			}
		}
	}
}

func TestLegsAreToldWhoIsHeardTheLoudestFirst(t *testing.T) {
	s := newStage(t, Settings{MaxTalkers: AllTalkers})
	var legs []*scriptLeg
	const talkers = 20
	for i := range talkers {
		leg := newScriptLeg(t, pcmuProfile(), tone(toneHz(i%8), 12000*math.Pow(10, -float64(i)/20), 8000))
		leg.source = uint32(1000 + i)
		legs = append(legs, leg)
		seat(t, s.state, leg)
	}
	listener := newScriptLeg(t, pcmuProfile(), nil)
	deaf := seat(t, s.state, newScriptLeg(t, pcmuProfile(), nil))
	seat(t, s.state, listener)
	s.run(20)
	if err := s.patch(deaf, ParticipantPatch{Deaf: ptr(true)}); err != nil {
		t.Fatal(err)
	}
	s.run(1)
	check := func(who string, got []mixer.Source, without int) {
		t.Helper()
		if len(got) != mixer.MaxSources {
			t.Fatalf("%s is told of %d, want %d", who, len(got), mixer.MaxSources)
		}
		for i, src := range got {
			want := i
			if without >= 0 && i >= without {
				want++
			}
			// 12000 is 8.7 dB below a full sine, which is 3 dB below overload.
			if src.ID != uint32(1000+want) || math.Abs(float64(src.Level)-(11.7+float64(want))) > 1 {
				t.Errorf("%s: source %d is %+v, want the %d-th loudest", who, i, src, want)
			}
		}
	}
	check("the listener", listener.sources, -1)
	check("the third", legs[2].sources, 2)
	check("the last", legs[talkers-1].sources, -1)
	if got := deaf.leg.(*scriptLeg).sources; len(got) != 0 {
		t.Errorf("the deaf is told of %v", got)
	}
	for _, m := range s.members[1:] {
		m.mutedBy = MutedBySelf
	}
	s.run(3)
	if got := listener.sources; len(got) != 1 || got[0].ID != 1000 {
		t.Errorf("with all but one muted the listener is told of %v", got)
	}
	if got := legs[0].sources; len(got) != 0 {
		t.Errorf("who talks alone is told of %v", got)
	}
}

func TestWhoHasTheFloorIsToldInEventsAndDescriptions(t *testing.T) {
	inBubble(t, Config{OnDemand: true}, func(ctx context.Context, t *testing.T, g *Registry) {
		a, b := newFakeLeg(t, pcmu, 0), newFakeLeg(t, pcmu, 0)
		p := join(t, g, "1000", "Ann", a)
		defer p.Leave(ReasonHangup)
		q := join(t, g, "1000", "Bob", b)
		defer q.Leave(ReasonHangup)
		w, err := g.Watch(ctx, "1000", ptr(uint64(2)))
		if err != nil {
			t.Fatal(err)
		}
		talk := func(leg *fakeLeg, hz float64, d time.Duration) {
			leg.with(func(l *fakeLeg) { l.toneHz = hz })
			time.Sleep(d)
			leg.with(func(l *fakeLeg) { l.toneHz = 0 })
		}
		talk(a, 600, time.Second)
		talk(b, 700, 200*time.Millisecond) // a cough
		time.Sleep(2 * time.Second)
		b.with(func(l *fakeLeg) { l.toneHz = 700 })
		time.Sleep(time.Second + frameDuration/2) // between two ticks
		info, err := g.Participant(ctx, "1000", q.ID())
		if err != nil || !info.Dominant || !info.Talking {
			t.Errorf("Bob: %+v, %v; want dominant and talking", info, err)
		}
		if info.LevelDBFS < -22 || info.LevelDBFS > -19 {
			t.Errorf("Bob's level: %.1f dBFS, want -20.8", info.LevelDBFS)
		}
		b.with(func(l *fakeLeg) { l.toneHz = 0 })
		time.Sleep(time.Second)
		if _, err := g.UpdateParticipant(ctx, "1000", q.ID(), ParticipantPatch{Muted: ptr(true)}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		p2, err := g.Participant(ctx, "1000", q.ID())
		if err != nil || p2.Dominant {
			t.Errorf("Bob, muted, still has the floor: %v", err)
		}
		info2, err := g.Info(ctx, "1000")
		if err != nil {
			t.Fatal(err)
		}
		var floor []string
		for _, e := range story(t, w, info2.Sequence) {
			if e.Kind == KindDominantSpeaker {
				if e.Participant.ID != "" && !e.Participant.Dominant {
					t.Errorf("event %d: %s has the floor and is not described so", e.Sequence, e.Participant.DisplayName)
				}
				floor = append(floor, e.Participant.DisplayName)
			}
		}
		if got := strings.Join(floor, ","); got != "Ann,Bob," {
			t.Errorf("the floor goes to %q, want Ann, Bob, nobody", got)
		}
	})
}

func TestAGCBringsVoicesToOneLevel(t *testing.T) {
	const seconds = 20
	levels := func(set Settings) (loud, faint float64) {
		s := newStage(t, set)
		var legs [2]*scriptLeg
		for i, amplitude := range []float64{14000, 900} {
			pcm := speech(uint64(i+1), amplitude, 8000, 0, seconds*8000, seconds*8000)
			legs[i] = newScriptLeg(t, pcmuProfile(), recorded(pcm))
			seat(t, s.state, legs[i])
		}
		s.run(seconds * framesPerSecond)
		// Each hears the other alone.
		return measure.RMSDBFS(legs[1].since((seconds - 8) * framesPerSecond)), measure.RMSDBFS(legs[0].since((seconds - 8) * framesPerSecond))
	}
	loud, faint := levels(Settings{})
	if loud-faint < 20 {
		t.Fatalf("the voices are %.1f and %.1f dBFS before anything is done", loud, faint)
	}
	loud, faint = levels(Settings{AGC: true})
	t.Logf("with AGC the voices are %.1f and %.1f dBFS, pauses included", loud, faint)
	if math.Abs(loud-faint) > 3 || loud < -26 || loud > -18 {
		t.Errorf("with AGC: %.1f and %.1f dBFS, want both near -20", loud, faint)
	}
}

func TestNoiseSuppressionIsForTelephones(t *testing.T) {
	residue := func(f codec.Format, set Settings) float64 {
		s := newStage(t, set)
		pcm := hiss(5, -35, 8*f.SampleRateHz)
		seat(t, s.state, newScriptLeg(t, codec.Profile{Format: f}, recorded(pcm)))
		listener := newScriptLeg(t, codec.Profile{Format: f}, nil)
		seat(t, s.state, listener)
		s.run(8 * framesPerSecond)
		s.end(ReasonEnded)
		return measure.RMSDBFS(listener.since(6 * framesPerSecond))
	}
	on := Settings{NoiseSuppression: true}
	if was, is := residue(pcmu, Settings{}), residue(pcmu, on); is > was-10 {
		t.Errorf("a telephone's noise of %.1f dBFS is %.1f with noise suppression, want 10 dB less", was, is)
	}
	if was, is := residue(g722, Settings{}), residue(g722, on); math.Abs(is-was) > 0.5 {
		t.Errorf("wideband noise of %.1f dBFS is %.1f with noise suppression, want it as it was", was, is)
	}
}

func TestSettingsOfSoundAreCheckedAndChanged(t *testing.T) {
	g := NewRegistry(Config{Defaults: Settings{MaxTalkers: 6, AGC: true}})
	defer g.Close(t.Context())
	if got := g.Defaults(); got.MaxTalkers != 6 || !got.AGC {
		t.Errorf("Defaults: %+v", got)
	}
	for _, n := range []int{-2, 17, math.MaxInt} {
		if _, err := g.Create(t.Context(), "1", Settings{MaxTalkers: n}); !errors.Is(err, ErrInvalid) {
			t.Errorf("MaxTalkers of %d: %v, want ErrInvalid", n, err)
		}
	}
	for n, want := range map[int]int{0: 6, 1: 1, 16: 16, AllTalkers: AllTalkers} {
		info, err := g.Create(t.Context(), fmt.Sprintf("room%d", n), Settings{MaxTalkers: n})
		if err != nil || info.MaxTalkers != want {
			t.Errorf("MaxTalkers of %d: %d, %v; want %d", n, info.MaxTalkers, err, want)
		}
	}
	info, err := g.Update(t.Context(), "room1", SettingsPatch{MaxTalkers: ptr(3), AGC: ptr(true), NoiseSuppression: ptr(true)})
	if err != nil || info.MaxTalkers != 3 || !info.AGC || !info.NoiseSuppression {
		t.Errorf("Update: %+v, %v", info, err)
	}
	if info, err = g.Update(t.Context(), "room1", SettingsPatch{MaxTalkers: ptr(0)}); err != nil || info.MaxTalkers != 6 {
		t.Errorf("MaxTalkers of 0: %d, %v; want the default", info.MaxTalkers, err)
	}
}

func TestQualityIsToldOnceASecondAndLoggedAtTheEnd(t *testing.T) {
	var lines bytes.Buffer
	g := NewRegistry(Config{Log: slog.New(slog.NewJSONHandler(&lines, nil))})
	s := &stage{state: newState(newRoom(g, "1000", newEventLog("1000", 64, nil, 0)), Kept{}, false), now: time.Now()}
	leg := newScriptLeg(t, pcmuProfile(), recorded(speech(1, 6000, 8000, 0, 80000, 80000)))
	lossy := newScriptLeg(t, pcmuProfile(), leg.says)
	m := seat(t, s.state, leg)
	n := seat(t, s.state, &dropping{lossy})
	m.caller.CallID = "call-1"
	m.Report(quality.Peer{At: s.now, RoundTrip: 80 * time.Millisecond, Incoming: 3 * time.Millisecond, Loss: 0.02})
	s.run(10*framesPerSecond + 10)
	if got := len(leg.observed); got != 10 {
		t.Errorf("told %d times in 10 s, want 10", got)
	}
	clean, bad := s.show(m).Quality.Heard, s.show(n).Quality.Heard
	if clean.Loss != 0 || clean.Concealed > 0.01 || clean.MOS < 4.2 || clean.SignalDBFS < -30 || clean.SignalDBFS > -10 || clean.BufferLimit == 0 {
		t.Errorf("a clean call: %+v", clean)
	}
	if math.Abs(bad.Loss-0.1) > 0.03 || math.Abs(bad.Concealed-0.1) > 0.04 || bad.MOS > clean.MOS-0.3 {
		t.Errorf("a call that loses a tenth: %+v", bad)
	}
	if s.show(m).Quality.Hears.RoundTrip != 80*time.Millisecond {
		t.Error("what the peer reported is lost")
	}
	s.letGo(m.p, ReasonHangup)
	var line struct {
		Msg, Level, Room, Participant, Codec string
		Loss, Concealed, MOS                 float64
		RoundTrip                            float64 `json:"round_trip_ms"`
		Jitter                               float64 `json:"jitter_ms"`
		Call                                 string  `json:"call_id"`
	}
	if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
		t.Fatalf("%v in %q, want one line", err, lines.String())
	}
	if line.Msg != "quality" || line.Level != "INFO" || line.Room != "1000" || line.Participant != m.p.id || line.Codec != "PCMU" ||
		line.Call != "call-1" || line.MOS < 4 || line.RoundTrip != 80 || line.Jitter != 3 {
		t.Errorf("the line is %s", lines.String())
	}
	ch := make(chan prometheus.Metric, 64)
	g.Collect(ch)
	close(ch)
	seen := 0
	for metric := range ch {
		if strings.Contains(metric.Desc().String(), "confbridge_participant_") {
			seen++
		}
	}
	if seen != 5 {
		t.Errorf("%d metrics of quality, want 5", seen)
	}
	if g.metrics.quality.loss.counts[0].Load() == 0 {
		t.Error("no second without loss was counted")
	}
}

// dropping loses every tenth packet on its way to the room.
type dropping struct{ Leg }

func (d *dropping) Receive(now time.Time, in Inlet) error {
	return d.Leg.Receive(now, lossyInlet{in})
}

type lossyInlet struct{ Inlet }

func (l lossyInlet) Audio(p jitter.Packet) jitter.Verdict {
	if p.Sequence%10 == 9 {
		return jitter.Stored // for all that the leg knows
	}
	return l.Inlet.Audio(p)
}
