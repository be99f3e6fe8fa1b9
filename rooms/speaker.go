package rooms

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/rooms/sounds"
)

// Sounds has what is said in rooms. Its methods are safe for concurrent use, and may read files: a room asks it on a goroutine of its own.
type Sounds interface {
	// Prompt is what a voice says under a name; an empty voice is the usual one. It never fails: where there is no such prompt it is something else
	// that can be heard.
	Prompt(voice, name string) *mixer.Clip
	// Language is the one by whose rules a voice's sentences are made.
	Language(voice string) string
	// Clip is a sound by its name: of a voice, or with an empty voice any other.
	Clip(ctx context.Context, voice, name string) (*mixer.Clip, error)
}

// maxJobs is how much can wait to be said in a room.
const maxJobs = 64

// speaker has what a room's goroutine may not wait for, reading sounds above all, done by another one, in order. That one lives from the first job to
// the end of the conference. The zero value has none.
type speaker struct {
	jobs chan func(*room) // nil: nothing has been to do yet
}

// later has a job done behind those that wait. False: too many do, which is counted.
func (s *state) later(job func(*room)) bool {
	if s.speaker.jobs == nil {
		jobs, r := make(chan func(*room), maxJobs), s.room
		s.speaker.jobs = jobs
		r.registry.running.Go(func() {
			for job := range jobs {
				job(r)
			}
		})
	}
	select {
	case s.speaker.jobs <- job:
		return true
	default:
		s.metrics.wordsDropped.Add(1)
		return false
	}
}

// perform is later for what a moderator has dialled: where too much waits, the log says what is lost, as nothing more can be said.
func (s *state) perform(by *member, a Action, job func(*room)) {
	if !s.later(job) {
		s.room.registry.cfg.Log.Warn("what was dialled is lost: too much waits to be done", "room", s.room.number, "participant", by.p.id, "action", a.String())
	}
}

// end lets the goroutine end, after what waits has been done.
func (k *speaker) end() {
	if k.jobs != nil {
		close(k.jobs)
		k.jobs = nil
	}
}

// line is something to be said: names of prompts, by the rules of a language.
type line func(language string) []string

// words are a line that is the same in all languages.
func words(names ...string) line { return func(string) []string { return names } }

// then is a line with another one behind it.
func (l line) then(more line) line {
	return func(language string) []string {
		return append(append([]string(nil), l(language)...), more(language)...)
	}
}

// beep is what is said where there is no word: a short tone.
const beep = "beep"

// clips reads what a line says. It is not for the room's goroutine.
func (r *room) clips(voice string, l line) []*mixer.Clip {
	from := r.registry.cfg.Sounds
	var clips []*mixer.Clip
	for _, name := range l(from.Language(voice)) {
		if name == beep {
			clips = append(clips, sounds.Beep())
		} else {
			clips = append(clips, from.Prompt(voice, name))
		}
	}
	return joined(clips)
}

// joined makes one clip of neighbours that have the same rate: a player takes only so many.
func joined(clips []*mixer.Clip) []*mixer.Clip {
	var all []*mixer.Clip
	for len(clips) > 0 {
		n := 1
		for n < len(clips) && clips[n].RateHz == clips[0].RateHz {
			n++
		}
		all = append(all, oneOf(clips[:n]))
		clips = clips[n:]
	}
	return all
}

// alike makes clips of one rate of those that have different ones: the highest.
func alike(clips []*mixer.Clip) []*mixer.Clip {
	rateHz := 0
	for _, c := range clips {
		rateHz = max(rateHz, c.RateHz)
	}
	all := make([]*mixer.Clip, len(clips))
	for i, c := range clips {
		if all[i] = c; c.RateHz != rateHz {
			all[i] = resampled(c, rateHz)
		}
	}
	return all
}

// resampled is a clip at another rate.
func resampled(c *mixer.Clip, rateHz int) *mixer.Clip {
	r := mixer.MakeResampler(c.RateHz, rateHz)
	from, frame := mixer.FrameSamples(c.RateHz), make([]int16, mixer.FrameSamples(rateHz))
	to := &mixer.Clip{Name: c.Name, RateHz: rateHz, PCM: make([]int16, 0, len(c.PCM)*rateHz/c.RateHz+len(frame))}
	for pcm := range slices.Chunk(slices.Concat(c.PCM, make([]int16, (from-len(c.PCM)%from)%from)), from) {
		to.PCM = append(to.PCM, frame[:r.Process(frame, pcm)]...)
	}
	return to
}

// oneOf is clips of one rate as one.
func oneOf(clips []*mixer.Clip) *mixer.Clip {
	if len(clips) == 1 {
		return clips[0]
	}
	names, parts := make([]string, len(clips)), make([][]int16, len(clips))
	for i, c := range clips {
		names[i], parts[i] = c.Name, c.PCM
	}
	return &mixer.Clip{Name: strings.Join(names, " "), RateHz: clips[0].RateHz, PCM: slices.Concat(parts...)}
}

// audience is who is meant by what is said.
type audience struct {
	one    *member // nil: more than one
	hosts  bool    // those who are inside
	answer bool    // in place of what is said to that one
}

var everybody = audience{} // who is inside

// part is a line behind the name that somebody has spoken; nil: a line alone.
type part struct {
	name *mixer.Clip
	line line
}

// say has a line said. Nothing comes of it where there are no sounds.
func (s *state) say(to audience, l line) { s.sayParts(to, part{line: l}) }

// sayParts has lines said one behind the other.
func (s *state) sayParts(to audience, parts ...part) {
	voice := s.speech().Voice
	if s.room.registry.cfg.Sounds == nil || len(s.members) == 0 {
		return
	}
	s.later(func(r *room) {
		var clips []*mixer.Clip
		for _, p := range parts {
			if p.name != nil {
				clips = append(clips, p.name)
			}
			clips = append(clips, r.clips(voice, p.line)...)
		}
		if len(parts) > 1 {
			clips = joined(alike(clips))
		}
		dropped := 0
		_ = r.doAlways(func(s *state) error { dropped = s.play(to, clips); return nil }) // ErrClosed: nobody is there
		if dropped > 0 && len(clips) > 0 {
			r.registry.cfg.Log.Warn("too much waits to be said: words are left out", "room", r.number, "words", clips[0].Name, "people", dropped)
		}
	})
}

// answer says a line to a member who has dialled a command.
func (s *state) answer(m *member, l line) { s.say(audience{one: m, answer: true}, l) }

// play lets people hear what has been read. It returns, and counts, for how many it is left out, as too much waits.
func (s *state) play(to audience, clips []*mixer.Clip) (dropped int) {
	add := func(m *member) {
		if !m.aside.add(clips) {
			dropped++
		}
	}
	switch m := to.one; {
	case m != nil && s.member(m.p.id) != m: // it has gone
	case m != nil && to.answer:
		m.aside.play(clips)
	case m != nil:
		add(m)
	case to.hosts:
		for _, m := range s.members {
			if m.caller.Role == RoleModerator && m.place == PlaceInside {
				add(m)
			}
		}
	case len(s.members) > 0:
		if _, ok := s.announcer.play(clips); !ok {
			dropped = len(s.members)
		}
	}
	if dropped > 0 {
		s.metrics.wordsDropped.Add(1)
	}
	return dropped
}

// goodbyeTime is how long the last words may take.
const goodbyeTime = 5 * time.Second

// sayGoodbye ends the conference, and where the room speaks when everybody has heard that it does. The channel is closed after the end.
func (s *state) sayGoodbye(why Reason) <-chan struct{} {
	voice, started, ended := s.speech().Voice, s.started, make(chan struct{})
	finish := func(s *state) {
		if s.started.Equal(started) { // it is still the same conference
			s.end(why)
			s.closed = s.onDemand && why == ReasonEnded
		}
		close(ended)
	}
	if s.room.registry.cfg.Sounds == nil || s.speech().Speaking != SpeakEvents || len(s.members) == 0 {
		finish(s)
		return ended
	}
	queued := s.later(func(r *room) {
		clips := r.clips(voice, words(sounds.ConferenceOver))
		var played <-chan struct{}
		_ = r.doAlways(func(s *state) error { // ErrClosed: it has ended
			if len(s.members) > 0 && s.started.Equal(started) {
				s.announcer.stop()
				played, _ = s.announcer.play(clips) // after stop there is room
			}
			return nil
		})
		if played != nil {
			timeout := time.NewTimer(goodbyeTime)
			defer timeout.Stop()
			select {
			case <-played:
			case <-timeout.C:
			case <-r.done:
			}
		}
		if err := r.doAlways(func(s *state) error { finish(s); return nil }); err != nil { // ErrClosed: it has ended
			close(ended)
		}
	})
	if !queued {
		finish(s)
	}
	return ended
}

// waitingTone is what those hear who wait, where no music is set.
const waitingTone = "tone:440/150,0/9850"

// musicName is the sound that those are to hear who wait; empty: none.
func (s *state) musicName() string {
	v := s.speech()
	early := slices.ContainsFunc(s.members, func(m *member) bool { return m.place == PlaceEarly })
	if v.Music == "" && (early || v.Speaking == SpeakEvents) {
		return waitingTone
	}
	return v.Music
}

// changeMusic has those who wait hear what is set now.
func (s *state) changeMusic() {
	s.musical = false
	s.playMusic(nil) // what comes in its place has to be read
	if slices.ContainsFunc(s.members, func(m *member) bool { return m.place.waits() }) {
		s.wantMusic()
	}
}

// wantMusic has the room's music played when the first has to wait for something.
func (s *state) wantMusic() {
	name := s.musicName()
	if name == "" || s.musical || s.room.registry.cfg.Sounds == nil {
		return
	}
	s.musical = s.later(func(r *room) {
		clip, err := r.registry.cfg.Sounds.Clip(r.registry.life, "", name)
		if err != nil && r.registry.life.Err() != nil {
			return // the bridge ends, and nobody waits any more
		}
		if err != nil {
			r.registry.cfg.Log.Warn("no music for those who wait", "room", r.number, "err", err)
			_ = r.doAlways(func(s *state) error { s.musical = false; return nil }) // ErrClosed: nobody is there
			return
		}
		_ = r.doAlways(func(s *state) error { // ErrClosed: nobody is there
			if s.musicName() == name { // else another one has been set meanwhile
				s.playMusic(clip)
			}
			return nil
		})
	})
}
