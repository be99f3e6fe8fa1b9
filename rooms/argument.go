package rooms

import (
	"strings"
	"time"

	"github.com/confbridge/confbridge/rooms/sounds"
)

// argumentPause is how long a command may rest between two keys of what is dialled behind it: numbers are looked up.
const argumentPause = 15 * time.Second

// Bounds of what is dialled behind a command.
const (
	maxArguments    = 2
	maxArgumentKeys = 24 // of one
)

// arguments are what is dialled behind a command: digits, and # behind each. They may have none.
type arguments struct {
	keys [maxArguments * (maxArgumentKeys + 1)]byte
	used int
	n    int // of those that are whole
	last int // digits of the one that is not
}

// list is what has been dialled.
func (a *arguments) list() []string {
	return strings.Split(strings.TrimSuffix(string(a.keys[:a.used]), "#"), "#")
}

// add takes a key; false: it cannot be part of them. It is part of the tick.
func (a *arguments) add(digit byte) bool {
	switch {
	case digit == '#':
		a.n, a.last = a.n+1, 0
	case digit < '0' || digit > '9' || a.last == maxArgumentKeys:
		return false
	default:
		a.last++
	}
	a.keys[a.used] = digit
	a.used++
	return true
}

// asks are the prompts for what is to be dialled behind a command, in this order.
func (a Action) asks() []string {
	switch a {
	case ActionWhisper, ActionSide:
		return askTwo
	case ActionBan:
		return askBan
	case ActionMove:
		return askMove
	case ActionHeardQuieter, ActionHeardLouder, ActionHearsQuieter, ActionHearsLouder, ActionMuteOne, ActionDeafOne:
		return askOne
	case ActionRole:
		return askRole
	case ActionDial:
		return askDial
	}
	return nil
}

var (
	askOne  = []string{sounds.EnterParticipant}
	askTwo  = []string{sounds.EnterParticipant, sounds.EnterSecond}
	askBan  = []string{sounds.EnterParticipant, sounds.EnterMinutes}
	askMove = []string{sounds.EnterParticipant, sounds.EnterConference}
	askRole = []string{sounds.EnterParticipant, sounds.EnterRole}
	askDial = []string{sounds.EnterDial}
)

// dialArgument takes a key of what is dialled behind a command. It is part of the tick.
func (m *member) dialArgument(digit byte, now time.Time) {
	d := &m.dialled
	if now.Sub(d.last) > argumentPause {
		d.action = ActionNone
		return
	}
	d.last = now
	o := order{by: m, action: d.action}
	switch {
	case !d.args.add(digit):
		d.action, o.action = ActionNone, ActionNone
	case digit != '#':
		return
	case d.args.n == len(d.action.asks()):
		d.action = ActionNone
	}
	o.args = d.args
	m.state.orders = append(m.state.orders, o)
}

// ask asks for what is to be dialled next. Who has gone on meanwhile is not asked any more.
func (s *state) ask(m *member, a Action, i int) {
	voice := s.speech().Voice
	if s.room.registry.cfg.Sounds == nil {
		return
	}
	s.later(func(r *room) {
		clips := r.clips(voice, words(a.asks()[i]))
		_ = r.doAlways(func(s *state) error { // ErrClosed: nobody is there
			if s.member(m.p.id) == m && m.dialled.action == a && m.dialled.args.n == i {
				s.play(audience{one: m, answer: true}, clips)
			}
			return nil
		})
	})
}
