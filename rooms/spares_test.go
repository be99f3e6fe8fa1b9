package rooms

import (
	"math"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/measure"
)

// spareOf is how many streams of a profile nobody hears.
func spareOf(s *state, p codec.Profile) int {
	if e := s.mix.spares.of(p); e != nil {
		return len(e.streams)
	}
	return 0
}

func TestOnlyWhoTalksHasAStreamOfItsOwn(t *testing.T) {
	s := newTestState(t)
	s.set.MaxTalkers = 3
	var members []*member
	for i := range 10 {
		hz := 0.0
		if i < 2 {
			hz = toneHz(i)
		}
		members = append(members, seat(t, s, newFakeLeg(t, opus, hz)))
	}
	profile := members[0].profile
	if got := spareOf(s, profile); got != 3 {
		t.Errorf("%d streams are spare before anybody talks, want 3: as many as find a place in the mix", got)
	}
	now := time.Now()
	turn := func(n int) {
		for range n {
			now = now.Add(frameDuration)
			s.tick(now)
			s.fillSpares()
		}
	}
	turn(20)
	for i, m := range members {
		if own := m.down.own != nil; own != (i < 2) {
			t.Errorf("member %d has a stream of its own: %v, want %v", i, own, i < 2)
		}
	}
	if got := spareOf(s, profile); got != 3 {
		t.Errorf("%d streams are spare while two talk, want 3", got)
	}
	for _, m := range members[:2] {
		m.leg.(*fakeLeg).toneHz = 0
	}
	turn(ownEncodeTicks + 20)
	for i, m := range members {
		if m.down.own != nil {
			t.Errorf("member %d has a stream of its own, and has been silent for long", i)
		}
	}
	if got := spareOf(s, profile); got != 3 {
		t.Errorf("%d streams are spare when nobody talks any more, want 3", got)
	}
}

func TestNoMoreStreamsAreSpareThanMembersMayTake(t *testing.T) {
	s := newTestState(t)
	m := seat(t, s, newFakeLeg(t, opus, 700))
	if got := spareOf(s, m.profile); got != 1 {
		t.Errorf("%d streams are spare for one member, want 1", got)
	}
	now := time.Now()
	for range 20 {
		now = now.Add(frameDuration)
		s.tick(now)
		s.fillSpares()
	}
	if got := spareOf(s, m.profile); got != 0 {
		t.Errorf("%d streams are spare while the only member has its own, want 0", got)
	}
	s.letGo(m.p, ReasonHangup)
	if got := len(s.mix.spares.each); got != 0 {
		t.Errorf("streams of %d profiles are spare in an empty room", got)
	}
}

func TestMoreWhoTalkAtOnceThanStreamsAreSpareGetTheirsInTheNextTick(t *testing.T) {
	s := newTestState(t)
	s.set.MaxTalkers = AllTalkers
	const members = 40
	for i := range members {
		seat(t, s, loopLeg{newFakeLeg(t, opus, toneHz(i%8))})
	}
	own := func() (n int) {
		for _, m := range s.members {
			if m.down.own != nil {
				n++
			}
		}
		return n
	}
	now := time.Now()
	for own() == 0 {
		now = now.Add(frameDuration)
		s.tick(now)
	}
	began := own()
	talking := 0
	for _, m := range s.members {
		if m.voice.contributes {
			talking++
		}
	}
	if began >= talking {
		t.Fatalf("%d of %d who talk have streams at once: nobody misses one", began, talking)
	}
	s.fillSpares()
	now = now.Add(frameDuration)
	s.tick(now)
	for i, m := range s.members {
		if m.voice.contributes && m.down.own == nil {
			t.Errorf("member %d talks, and hears itself for a second frame", i)
		}
	}
}

func TestTalkersWhoComeAndGoCostNoAllocation(t *testing.T) {
	s := newTestState(t)
	for i := range 8 {
		hz := 0.0
		if i < 3 {
			hz = toneHz(i)
		}
		seat(t, s, loopLeg{newFakeLeg(t, opus, hz)})
	}
	now := time.Now()
	tick := func() {
		now = now.Add(frameDuration)
		s.tick(now)
		s.pending = s.pending[:0]
	}
	for range 20 {
		tick()
	}
	i := 0
	if got := testing.AllocsPerRun(60, func() {
		if m := s.members[i%3]; i%2 == 0 {
			m.down.enterGroup(&s.mix)
		}
		i++
		tick()
	}); got != 0 {
		t.Errorf("%v allocations a tick in which somebody goes to its group or leaves it, want 0", got)
	}
}

// TestWhoBeginsToTalkHearsTheOthersAsBefore lets one of two who hear a third say something, in two rooms that are otherwise alike: what comes down is the
// same to the last bit, as the encoder that it gets remembers what the group's does. When it goes back to the group's, 5 s later, nothing is to be heard of that.
func TestWhoBeginsToTalkHearsTheOthersAsBefore(t *testing.T) {
	const ticks, from, to = 480, 100, 130
	hear := func(p codec.Profile, amp float64) []int16 {
		s := newStage(t, Settings{})
		frame := p.SampleRateHz / framesPerSecond
		seat(t, s.state, newScriptLeg(t, p, recorded(speech(3, 6000, p.SampleRateHz, 0, ticks*frame, ticks*frame))))
		seat(t, s.state, newScriptLeg(t, p, nil)) // who keeps the group going
		leg := newScriptLeg(t, p, func(i int) float64 {
			if i < from*frame || i >= to*frame {
				return 0
			}
			return amp * math.Sin(2*math.Pi*330*float64(i)/float64(p.SampleRateHz))
		})
		seat(t, s.state, leg)
		s.run(ticks)
		return leg.heard
	}
	for _, p := range []codec.Profile{cleanOpus(0), {Format: opus}, {Format: g722}, {Format: pcmu}} {
		quiet, talked := hear(p, 0), hear(p, 6000)
		frame := p.SampleRateHz / framesPerSecond
		if len(quiet) != len(talked) {
			t.Fatalf("%s: %d samples heard, want %d", p.Name, len(talked), len(quiet))
		}
		back := (from + ownEncodeTicks) * frame
		if i := firstOther(quiet[:back], talked[:back]); i >= 0 {
			t.Errorf("%+v: who talks from %d ms on hears something else from %d ms on", p, from*20, i*1000/p.SampleRateHz)
		}
		if i := firstOther(quiet, talked); p.Name == codec.Opus && i < 0 {
			t.Errorf("%+v: nothing shows that it has gone back to its group", p)
		}
		if worst, at := worstStep(talked[back:], p.SampleRateHz); worst > 8 {
			t.Errorf("%+v: a step of %.1f times the local RMS step at %d ms, want at most 8", p, worst, at*1000/p.SampleRateHz)
		}
		for i := back; i+frame/2 < len(talked); i += frame / 2 {
			got, want := measure.RMSDBFS(talked[i:i+frame/2]), measure.RMSDBFS(quiet[i:i+frame/2])
			if max(got, want) > -60 && (got < want-3 || got > want+3) {
				t.Errorf("%+v: %.1f dBFS at %d ms, and %.1f for who has not talked", p, got, i*1000/p.SampleRateHz, want)
			}
		}
	}
}

// firstOther is the first sample in which two sounds differ; -1: they do not.
func firstOther(a, b []int16) int {
	for i := range a {
		if a[i] != b[i] {
			return i
		}
	}
	return -1
}

// TestAnOpusLegThatDoesNotTalkIsSmall counts what a room has for each, without its socket.
func TestAnOpusLegThatDoesNotTalkIsSmall(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector has memory of its own")
	}
	s := newTestState(t)
	legs := make([]*cannedLeg, 101)
	for i := range legs {
		legs[i] = &cannedLeg{format: opus, payload: []byte{0xf8, 0xff, 0xfe}}
	}
	now := time.Now()
	run := func() uint64 {
		for range 100 {
			now = now.Add(frameDuration)
			s.tick(now)
			s.fillSpares()
			s.pending = s.pending[:0]
		}
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	seat(t, s, legs[0])
	before := run()
	for _, l := range legs[1:] {
		seat(t, s, l)
	}
	each := (run() - before) / uint64(len(legs)-1)
	t.Logf("%d bytes a leg", each)
	if limit := uint64(55_000); each > limit { // its socket is media's, 5 kB more
		t.Errorf("%d bytes for a leg, want at most %d", each, limit)
	}
	runtime.KeepAlive(s)
	if slices.ContainsFunc(s.members, func(m *member) bool { return m.down.own != nil }) {
		t.Error("somebody talks")
	}
}
