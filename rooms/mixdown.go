package rooms

import (
	"errors"
	"slices"
	"time"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/packetizer"
)

// mixdown is the middle of the tick: the sum of all contributors, and what comes out of it.
type mixdown struct {
	rateHz  int
	bus     mixer.Bus
	limiter mixer.Limiter // of the mix that listeners share
	all     []int16       // what listeners hear, once it is wanted in this tick
	mixed   bool
	quieter []int16       // scratch: what a group hears that hears it louder or quieter
	zero    []int16       // what the deaf hear
	music   *mixer.Player // for those who wait; nil: none
	waits   []int16       // what those hear who wait, once it is wanted in this tick; nil: not yet
	ticks   uint64
	still   int // ticks in which nothing was mixed, until now
	groups  []*group
	spares  spares
	effort  codec.Effort // of all encoders
	cast    cast
	leaving []*voice // of those who have left since the last tick, and are heard once more, ever fainter
}

// retune sets the room's rate to the highest that anybody in it can use, and sorts the members into groups. It is called
// whenever members or their formats have changed, between ticks.
func (s *state) retune() {
	rate := 0
	for _, m := range s.members {
		rate = max(rate, m.profile.SampleRateHz)
	}
	for _, f := range s.feeds {
		rate = max(rate, f.to.Profile().SampleRateHz)
	}
	s.speakers = s.speakers[:0]
	for _, m := range s.members {
		s.speakers = append(s.speakers, &m.voice.speaker)
	}
	s.reshard(rate)
	if rate == 0 {
		s.mix.groups = nil
		s.mix.spares.each = nil
		s.mix.dropLeaving()
		return
	}
	if s.mix.rateHz != rate {
		s.mix.setRate(rate)
		for _, g := range s.mix.groups {
			g.out.Tune(rate)
		}
		s.mix.spares.tune(rate)
	}
	for _, m := range s.members {
		m.voice.stream.Tune(rate)
		if m.down.own != nil {
			m.down.own.Tune(rate)
		}
	}
	for _, v := range s.mix.leaving {
		v.stream.Tune(rate)
	}
	s.regroup()
}

func (x *mixdown) setRate(rateHz int) {
	n := mixer.FrameSamples(rateHz)
	x.rateHz = rateHz
	x.all, x.quieter, x.zero = make([]int16, n), make([]int16, n), make([]int16, n)
}

// regroup finds or makes the group of each member and feed, drops those that nobody is in, and has streams spare for who leaves them.
func (s *state) regroup() {
	for _, g := range s.mix.groups {
		g.members = 0
	}
	for _, m := range s.members {
		if m.elsewhere {
			continue // the feed has its group
		}
		g := s.mix.group(groupKey{m.down.profile, m.ear(), m.hearingDB})
		g.members++
		if m.down.group != nil && m.down.group != g && m.down.own == nil {
			m.down.mustLeaveGroup(&s.mix)
		}
		m.down.group = g
	}
	for _, f := range s.feeds {
		f.group = s.mix.group(groupKey{profile: f.to.Profile(), ear: earMix})
		f.group.members++
	}
	s.mix.groups = slices.DeleteFunc(s.mix.groups, func(g *group) bool { return g.members == 0 })
	s.countSpares()
}

func (x *mixdown) group(key groupKey) *group {
	for _, g := range x.groups {
		if g.key == key {
			return g
		}
	}
	out := x.mustStream(key.profile)
	g := &group{key: key, out: out}
	g.hearing.gain.Jump(g.hearing.level.at(key.gainDB))
	x.groups = append(x.groups, g)
	return g
}

// stream makes a stream as all of the room are. It is not for the tick.
func (x *mixdown) stream(p codec.Profile) (*packetizer.Stream, error) {
	out, err := packetizer.New(p)
	if err != nil {
		return nil, err
	}
	if x.rateHz != 0 {
		out.Tune(x.rateHz)
	}
	return out, out.SetEffort(x.effort)
}

// mustStream is stream of a profile that one has been made of before: of a member or a feed.
func (x *mixdown) mustStream(p codec.Profile) *packetizer.Stream {
	out, err := x.stream(p)
	if err != nil {
		panic("a member has a profile that no encoder can be made for: " + err.Error()) // newMember made one
	}
	return out
}

// runDue ticks as many times as frames are due, sees to what the legs report, and lets those go that have died.
func (s *state) runDue() {
	s.summon(time.Now())
	now, due := s.timers.clock.wait(time.Now()), s.timers.clock.next()
	ticks, skipped := s.timers.clock.due(now)
	for range ticks {
		s.tick(now)
	}
	if ticks > 0 {
		end := time.Now()
		worked := end.Sub(now) / time.Duration(ticks)
		s.metrics.tick.observe(worked)
		s.watchLateness(end.Sub(due), worked, skipped, end)
		s.fillSpares()
		s.adapt()
		s.keepBeat()
	}
	s.metrics.lateTicks.Add(uint64(skipped))
	if ticks > 0 {
		s.watchStrain(now, int(ticks), int(skipped))
	}
	s.taping.late(skipped)
	s.watchTape()
	s.letDeadGo()
	s.letMoversGo()
	s.endWhispers()
	s.endAsides()
	s.announcer.endPlayed()
	if s.timers.clock.runs {
		s.timers.clock.rearm(time.Now())
	}
}

// catchUp runs what is due already, where somebody has got in front of it: a recording that begins or ends now does so at its frame. It is called between ticks.
func (s *state) catchUp() {
	c := &s.timers.clock
	if now := time.Now(); c.runs && now.Sub(c.next()) >= 0 {
		s.runDue()
	}
}

func (s *state) letDeadGo() {
	for i := 0; i < len(s.members); {
		m := s.members[i]
		if m.dead == nil {
			i++
			continue
		}
		s.room.registry.cfg.Log.Info("leg died", "room", s.room.number, "participant", m.p.id,
			"call_id", m.caller.CallID, "err", m.dead)
		if e, ok := errors.AsType[*EndError](m.dead); ok && e.Reason == ReasonLooped {
			s.raise(Event{Kind: KindFeedLooped, Feed: e.Feed, Participant: s.describe(m)})
		}
		s.letGo(m.p, deathReason(m.dead)) // takes it out of members
	}
}

// tick is 20 ms of the conference: drain the sockets, choose who is heard, mix, send. Nothing in it allocates, locks, logs or
// waits.
func (s *state) tick(now time.Time) {
	s.mix.begin()
	s.callCrew()
	s.each(takingIn, now)
	s.tellShards(now)
	s.floor.Decide(s.speakers, s.set.talkers())
	s.watchFloor()
	for _, m := range s.members {
		if m.elsewhere {
			continue
		}
		if m.voice.contributes = m.speak(); m.voice.contributes {
			s.mix.bus.Add(m.voice.frame)
			s.mix.cast.add(m.source, m.voice.vad.LevelDBFS()+m.mixedGainDB())
		}
	}
	for _, v := range s.mix.leaving {
		if v.fadeAway(now, s.mix.rateHz, s.set.AGC) {
			s.mix.bus.Add(v.frame)
		}
	}
	s.beep()
	if sound := s.chime.next(s.mix.rateHz); sound != nil {
		s.mix.bus.Add(sound)
	}
	if s.announcer.sounds() {
		s.mix.bus.Add(s.announcer.next(s.mix.rateHz, s.talking()))
	}
	s.record()
	s.mix.dropLeaving()
	s.mix.cast.finish()
	for _, m := range s.members {
		if !m.elsewhere {
			s.mix.route(m)
		}
	}
	s.wantFeeds()
	s.mix.makeWanted()
	s.each(sendingOut, now)
}

const frameDuration = mixer.FrameDuration

const framesPerSecond = int(time.Second / frameDuration)

func (x *mixdown) begin() {
	x.bus.Reset(len(x.all))
	x.mixed, x.waits = false, nil
	x.ticks++
	x.cast.begin()
	for _, g := range x.groups {
		g.made, g.wanted = false, false
	}
}

// dropLeaving forgets those who have left.
func (x *mixdown) dropLeaving() {
	for i, v := range x.leaving {
		v.close()
		x.leaving[i] = nil
	}
	x.leaving = x.leaving[:0]
}

// route decides by which packets m hears this tick: those of its group, or some of its own. Groups make theirs when all have left that do: who goes on where
// the group is must not find this tick's sound there.
func (x *mixdown) route(m *member) {
	d := &m.down
	ear := d.group.key.ear // regroup has looked at the member, whose memory is not touched for it
	d.said = nil
	switch {
	case ear == earNothing:
		d.said = m.aside.next(x.rateHz) // it is over for those who hear nothing, too
		return
	case m.voice.contributes || m.aside.speaks() || d.ear != ear || d.whispered():
		if d.own != nil || d.leaveGroup(x) {
			d.said, d.ownTicks = m.aside.next(x.rateHz), ownEncodeTicks
		}
	case ear == earSilence:
		d.dropOwn(x)
	case d.own != nil:
		if d.ownTicks--; d.ownTicks == 0 {
			d.enterGroup(x)
		}
	}
	switch {
	case d.own == nil:
		d.group.wanted = true
	case ear == earMusic || d.ear == earMusic:
		x.heardBy(earMusic)
	}
}

// makeWanted makes what is heard by groups in this tick.
func (x *mixdown) makeWanted() {
	for _, g := range x.groups {
		if g.wanted {
			x.make(g)
		}
	}
}

// send sends m what it hears in this tick, as route has decided. It changes nothing but what is m's and w's.
func (x *mixdown) send(w *worker, m *member, now time.Time) {
	d := &m.down
	ear := d.group.key.ear
	switch {
	case ear == earNothing:
		return
	case d.own == nil:
		d.group.send(m.leg, now)
		return
	}
	x.hear(w.own, m, d.ear)
	if d.ear != ear {
		x.hear(w.next, m, ear)
		mixer.Crossfade(w.own, w.next)
		d.ear = ear
	}
	d.hearing.apply(w.own, m.hearingDB, x.rateHz)
	d.layWhispers(w.own, x.rateHz)
	m.aside.lay(w.own, d.said, x.rateHz)
	d.own.Push(w.own, x.ticks)
	for {
		payload, units, ok := d.own.Next(w.payload[:])
		if !ok {
			return
		}
		m.leg.Send(now, payload, units)
	}
}

// make makes what a group hears in this tick, once.
func (x *mixdown) make(g *group) {
	if g.made {
		return
	}
	pcm := x.heardBy(g.key.ear)
	if g.key.gainDB != 0 {
		copy(x.quieter, pcm)
		g.hearing.apply(x.quieter, g.key.gainDB, x.rateHz)
		pcm = x.quieter
	}
	g.fill(pcm, x.ticks)
}

// hear is what m hears with that ear, but for what is said to it alone.
func (x *mixdown) hear(dst []int16, m *member, e ear) {
	switch {
	case e != earMix:
		copy(dst, x.heardBy(e))
	case m.voice.contributes:
		x.bus.MixWithout(dst, m.voice.frame, &m.down.limiter)
	default:
		x.bus.MixAll(dst, &m.down.limiter)
	}
}

// heardBy is what all hear who listen with that ear and add nothing.
func (x *mixdown) heardBy(e ear) []int16 {
	switch e {
	case earMix:
		return x.shared()
	case earMusic:
		if x.waits == nil {
			x.waits = x.zero
			if x.music != nil && x.music.Playing() {
				x.waits = x.music.Next(x.rateHz)
			}
		}
		return x.waits
	}
	return x.zero
}

// shared is the mix of everybody, limited once a tick.
func (x *mixdown) shared() []int16 {
	if !x.mixed {
		x.bus.MixAll(x.all, &x.limiter)
		x.mixed = true
	}
	return x.all
}
