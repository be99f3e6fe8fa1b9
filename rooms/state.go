package rooms

import (
	"fmt"
	"slices"
	"time"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/quality"
)

// state is the inside of a room. Only the room's goroutine touches it.
type state struct {
	room     *room
	metrics  *tickMetrics
	set      Settings
	onDemand bool
	declared bool
	created  time.Time
	started  time.Time // of this conference; zero while nobody has joined
	closed   bool      // run ends after this turn
	deleted  bool      // and the room is not asleep then, but gone

	seats   []*Participant // who has been admitted, joined or not, in that order
	members []*member      // who has joined, in that order
	feeds   []*feeding
	turn    int // of them: whom adapt has looked at last
	mix     mixdown
	shards  []shard   // of members, in the same order
	workers []*worker // the first is the room's own, the others are those of the registry's crew
	crew    *crew     // nil: there is none, or the room is too small for it
	work    work

	floor    mixer.Floor
	speakers []*mixer.Speaker // of members, in the same order
	dominant *mixer.Speaker   // whom the last event said to have the floor

	gone      []goneName  // who has left in this turn, and how they have said that they are called
	pending   []Event     // raised in the tick, published after it
	whispered []whispered // keys that are nobody else's business, passed on with them

	orders      []order   // commands that have been dialled in the tick, obeyed after it
	answering   []*member // who has dialled one in this turn
	commands    *KeyMap   // what can be dialled
	speaker     speaker
	lastNumber  int  // that somebody has been given in this conference
	lectureTold bool // whether there is a lecture, as last told
	musical     bool // those who wait have something to hear, or somebody has said what

	strain    strain
	taping    taping
	ruling    ruling
	chime     chime
	announcer announcer

	punctual punctuality

	chair
	lock   lock
	timers timers
	hours  hours
}

// timers is what wakes a room by itself.
type timers struct {
	clock clock       // the next tick is due
	beat  beat        // when packets come, by which the clock is set
	grace *time.Timer // an empty on-demand room closes
	limit *time.Timer // the conference has lasted its maximum
}

func newState(r *room, k Kept, onDemand bool) *state {
	s := &state{
		room: r, metrics: r.registry.metrics, set: k.Settings, lectureTold: k.Lecture, onDemand: onDemand, declared: k.Declared, created: k.Created,
		timers: timers{clock: clock{timer: newStoppedTimer()}, grace: newStoppedTimer(), limit: newStoppedTimer()},
		hours:  hours{timer: newStoppedTimer()},
		chair:  chair{alarm: alarm{timer: newStoppedTimer()}},
		lock:   lock{told: k.Locked},
		work:   work{free: make(chan struct{}, 1)},
	}
	s.work.busy.Store(closedWork)
	s.set.Opus = s.set.Opus.Or(r.registry.cfg.Defaults.Opus) // what was kept may be older than this setting
	s.applyEffort()
	s.learnKeys()
	s.keepHours(time.Now()) // a room that has been kept was made long ago
	return s
}

func (s *state) stopTimers() {
	s.timers.clock.timer.Stop()
	s.timers.grace.Stop()
	s.timers.limit.Stop()
	s.hours.timer.Stop()
	s.alarm.timer.Stop()
}

// armGrace starts the countdown of a room that nobody is in: one on demand vanishes, a lasting one falls asleep.
func (s *state) armGrace() {
	if len(s.seats) == 0 {
		s.timers.grace.Reset(s.room.registry.cfg.EmptyGrace)
	}
}

// used says whether anybody is there, or in a side room and may come back.
func (s *state) used() bool {
	return len(s.seats) > 0 || len(s.room.registry.sidesOf(s.room)) > 0
}

// armLimit sets the alarm for the conference's end, counted from its start.
func (s *state) armLimit() {
	s.timers.limit.Stop()
	if s.set.MaxDuration > 0 && !s.started.IsZero() {
		s.timers.limit.Reset(max(time.Until(s.started.Add(s.set.MaxDuration)), 0))
	}
}

// makeLasting turns an on-demand room into one that stays.
func (s *state) makeLasting(k Kept) {
	s.onDemand, s.created, s.lock.dialled = false, k.Created, false
	s.changeSettings(k.Settings)
}

// admit takes a seat for p, who comes in that role.
func (s *state) admit(p *Participant, role Role) error {
	return s.admitAs(p, p.caller.Address, role, false)
}

// admitAs is admit for whoever calls from that address now, which is not who p was made for once another call has the seat (swap); and for one of the
// house too, to whom no lock, no limit and no hours apply.
func (s *state) admitAs(p *Participant, address string, role Role, own bool) error {
	switch {
	case s.bans(address):
		return ErrBanned
	case s.closed:
		return ErrClosed
	}
	if !own {
		if err := s.openFor(time.Now()); err != nil {
			return err
		}
	}
	switch {
	case own:
	case s.locked() && role != RoleModerator:
		return ErrLocked
	case role != RoleModerator && s.overloaded():
		return ErrOverloaded
	case s.set.MaxParticipants > 0 && len(s.seats) >= s.set.MaxParticipants:
		return fmt.Errorf("%d of %d seats taken: %w", len(s.seats), s.set.MaxParticipants, ErrFull)
	case role != RoleModerator && s.onlyForHosts():
		return fmt.Errorf("all but the %d seats for moderators taken: %w", s.set.ReservedForHosts, ErrFull)
	}
	s.seats = append(s.seats, p)
	s.timers.grace.Stop()
	return nil
}

// bans says whether whoever calls from an address is kept out.
func (s *state) bans(address string) bool {
	return s.room.registry.bans.covers(s.room.number, address, time.Now())
}

// onlyForHosts says whether all seats that are left are for moderators.
func (s *state) onlyForHosts() bool {
	if s.set.MaxParticipants == 0 || s.set.ReservedForHosts == 0 {
		return false
	}
	roles := make(map[*Participant]Role, len(s.members))
	for _, m := range s.members {
		roles[m.p] = m.caller.Role
	}
	others := 0
	for _, p := range s.seats {
		role, joined := roles[p]
		if !joined {
			role = p.caller.Role
		}
		if role != RoleModerator {
			others++
		}
	}
	return others >= s.set.MaxParticipants-s.set.ReservedForHosts
}

// join seats p's leg in the mix.
func (s *state) join(p *Participant, leg Leg) error {
	if !slices.Contains(s.seats, p) {
		return ErrClosed
	}
	if s.member(p.id) != nil {
		return fmt.Errorf("participant %s has joined already: %w", p.id, ErrInvalid)
	}
	now := time.Now()
	m, err := newMember(s, p, leg, now)
	if err != nil {
		return err
	}
	s.metrics.participant(m.profile.Name, 1)
	s.enter(m, now)
	close(p.joined)
	return nil
}

// enter puts a member on the room's lists and tells of it; the first one in begins the conference.
func (s *state) enter(m *member, now time.Time) {
	if len(s.members) == 0 {
		s.started = now
		s.timers.beat = beat{known: s.room.registry.phases == nil}
	}
	s.endDial(m.p)
	s.giveNumber(m)
	s.members = append(s.members, m)
	if len(s.members) == 1 {
		s.armLimit()
		s.rewarn()
		s.wakeFeeds()
		s.wind(now)
	}
	s.reserve()
	s.retune()
	s.raise(Event{Kind: KindJoined, Participant: s.describe(m)})
	if m.place.waits() {
		s.raise(Event{Kind: KindWaiting, Participant: s.describe(m)})
	}
	s.watchHosts(s.describe(m))
}

// keysReserved is how many keys may be pressed in one turn without an allocation.
const keysReserved = 32

// reserve makes room for what one turn's ticks raise, so that they do not allocate: of everybody that talk starts or
// stops (its hang-over outlasts the ticks that are caught up), that another one has the floor, and keys of as many fingers as press
// one in the same 60 ms.
func (s *state) reserve() {
	s.pending = slices.Grow(s.pending, len(s.members)+maxCatchUp+keysReserved)
	s.whispered = slices.Grow(s.whispered, len(s.members)+keysReserved)
	s.orders = slices.Grow(s.orders, len(s.members)+keysReserved)
	s.reserveTape()
}

// change runs op and reads the leg's format anew.
func (s *state) change(p *Participant, op func() error) error {
	if !slices.Contains(s.seats, p) {
		return ErrClosed
	}
	if err := op(); err != nil {
		return err
	}
	m := s.member(p.id)
	if m == nil {
		return nil
	}
	m.listenForKeys()
	if m.leg.Profile() == m.profile {
		return nil
	}
	before := m.profile.Name
	if err := m.setProfile(m.leg.Profile()); err != nil {
		return err
	}
	s.metrics.participant(before, -1)
	s.metrics.participant(m.profile.Name, 1)
	s.retune()
	s.raise(Event{Kind: KindUpdated, Participant: s.describe(m)})
	return nil
}

// swap gives p's member another leg.
func (s *state) swap(p *Participant, leg Leg, c Caller) error {
	m := s.member(p.id)
	if m == nil {
		return ErrClosed
	}
	if s.bans(c.Address) {
		return ErrBanned
	}
	if m.elsewhere || isElsewhere(leg) {
		return ErrElsewhere
	}
	before, format, reported, spoken := m.leg, m.profile.Name, m.peer, m.heard
	stay := s.stay(m)
	m.peer = quality.Peer{} // whatever that one lost
	m.heard = heard{}       // whatever that one spoke
	if err := m.setProfile(leg.Profile()); err != nil {
		m.peer, m.heard = reported, spoken
		return err
	}
	p.last.Store(stay)
	c.Role, c.Origin = m.caller.Role, nil
	m.caller, m.dead = c, nil
	m.take(leg)
	m.name = nil // whoever has spoken it
	m.voice.vad, m.voice.agc = mixer.VAD{}, mixer.AGC{}
	m.down.told = toldNothing
	m.keys = keypad{} // what was begun on the other leg is nobody's key
	m.voice.stream.Scrub(nil)
	m.listenForKeys()
	if err := before.Close(); err != nil {
		s.room.registry.cfg.Log.Warn("leg did not close", "room", s.room.number, "participant", p.id, "err", err)
	}
	s.metrics.participant(format, -1)
	s.metrics.participant(m.profile.Name, 1)
	s.retune()
	s.muteCoaches(m) // it is somebody else whom they would whisper to
	s.raise(Event{Kind: KindUpdated, Participant: s.describe(m)})
	return nil
}

// letGo takes p out of the room, if p is in it.
func (s *state) letGo(p *Participant, why Reason) {
	i := slices.Index(s.seats, p)
	if i < 0 {
		return
	}
	s.seats = slices.Delete(s.seats, i, i+1)
	if m := s.member(p.id); m != nil {
		p.last.Store(s.stay(m))
		s.unseat(m, why)
	}
	s.failDial(p, why)
	p.gone(why)
	if len(s.seats) == 0 {
		s.armGrace()
	}
}

// unseat takes a member out of the mix for good and tells of it.
func (s *state) unseat(m *member, why Reason) {
	m.logQuality()
	if m.voice.contributes {
		s.mix.leaving = append(s.mix.leaving, &m.voice)
	} else {
		m.voice.close()
	}
	m.stay()
	m.aside.end()
	s.metrics.participant(m.profile.Name, -1)
	if err := m.leg.Close(); err != nil {
		s.room.registry.cfg.Log.Warn("leg did not close", "room", s.room.number, "participant", m.p.id, "err", err)
	}
	s.release(m, why)
}

// release takes a member off the room's lists and tells of it; the last one out ends the conference.
func (s *state) release(m *member, why Reason) {
	if m.voice.talking {
		m.voice.talking = false
		s.raise(Event{Kind: KindTalkingStopped, Participant: s.describe(m)})
	}
	s.noHand(m) // it is not told as muted any more
	info := s.describe(m)
	s.raise(Event{Kind: KindLeft, Reason: why, Participant: info})
	s.rememberName(m)
	s.leaveWhispers(m)
	s.floor.Forget(&m.voice.speaker)
	s.members = slices.DeleteFunc(s.members, func(o *member) bool { return o == m })
	s.reserveTape()
	s.retune()
	if len(s.members) > 0 {
		s.watchFloor()
		s.bringBack()
		s.watchHosts(info)
		return
	}
	s.hosts = 0
	s.quiet()
	s.dominant = nil
	s.restFeeds(time.Now())
	s.timers.limit.Stop()
	switch why {
	case ReasonHangup, ReasonRemoved, ReasonMediaTimeout, ReasonFailed, ReasonMoved, ReasonLooped:
		why = ReasonEmpty
	}
	s.stopRecording(why)
	s.ruling = ruling{begins: s.ruling.begins}
	s.chime.stop()
	s.unwind()
	s.speaker.end()
	s.started = time.Time{}
	s.raise(Event{Kind: KindEnded, Reason: why, Info: new(s.info())})
	if len(s.room.registry.sidesOf(s.room)) == 0 { // else they come back
		s.forgetLock()
		s.lastNumber = 0
		s.cancelDials(why)
	}
}

// end sends everybody away.
func (s *state) end(why Reason) {
	s.ending = true
	defer func() { s.ending = false }()
	s.endSides(why)
	for len(s.seats) > 0 {
		s.letGo(s.seats[len(s.seats)-1], why)
	}
}

// member finds who has joined, by id; nil where nobody of that id is here.
func (s *state) member(id string) *member {
	for _, m := range s.members {
		if m.p.id == id {
			return m
		}
	}
	return nil
}

func (s *state) changeSettings(set Settings) {
	before, music := s.set, s.musicName()
	s.set = set
	if set.Remap != before.Remap || !set.Keys.equal(before.Keys) {
		s.learnKeys()
	}
	if set.MaxDuration != before.MaxDuration {
		s.armLimit()
	}
	if set.MaxDuration != before.MaxDuration || set.WarnBefore != before.WarnBefore {
		s.rewarn()
	}
	if set.Recording.Rule != before.Recording.Rule {
		s.ruling.declined = false
	}
	if s.musicName() != music {
		s.changeMusic()
	}
	if set.DisplayName != before.DisplayName {
		s.renameFeeds()
	}
	s.tellLock()
	before.Locked = set.Locked
	s.applyEffort()
	if set.NoiseSuppression != before.NoiseSuppression {
		for _, m := range s.members {
			m.suppressNoise()
		}
	}
	if !set.equal(before) {
		s.raise(Event{Kind: KindUpdated, Info: new(s.info())})
	}
	if !set.Schedule.Equal(before.Schedule) {
		s.turnHours(time.Now())
		s.sendEarlyAway(time.Now())
		s.armGrace()
	}
	s.changeModes(before.Modes)
}

// raise notes an event; publish tells it.
func (s *state) raise(e Event) {
	e.Room, e.Time = s.room.number, time.Now()
	s.pending = append(s.pending, e)
}

// publish tells what has happened in this turn. It is called between ticks, so the log's lock is not the tick's.
func (s *state) publish() {
	s.speak()
	for i := range s.pending {
		s.room.log.append(s.pending[i])
		if s.taping.tape != nil {
			s.taping.tape.Note(s.pending[i])
		}
		s.pending[i] = Event{}
	}
	s.pending = s.pending[:0]
	s.passKeys()
}
