package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/confbridge/confbridge/media/sap"
)

type sessionsCmd struct {
	List sessionsListCmd `cmd:"" default:"withargs" help:"List the sessions that are announced on the network."`
	Show sessionsShowCmd `cmd:"" help:"Show an announced session's description (SDP), or write it to a file."`
}

// sapFlags are those of both commands.
type sapFlags struct {
	Interface []string `placeholder:"NAME" help:"Listen on this interface (all that can multicast); may be repeated."`
	JSON      bool     `name:"json" help:"Print JSON."`
}

type sessionsListCmd struct {
	sapFlags
	For    time.Duration `placeholder:"TIME" default:"10s" help:"How long to listen; most repeat themselves after 5 minutes (10s)."`
	Follow bool          `short:"f" help:"Tell of each session that comes, changes or goes, until Ctrl-C."`
}

// Validate is called by the parser: a fault is one of usage.
func (cmd *sessionsListCmd) Validate() error { return listenTime(cmd.For) }

func listenTime(d time.Duration) error {
	if d <= 0 {
		return fmt.Errorf("--for: %v is not a time to listen", d)
	}
	return nil
}

// lookEvery is how often a command looks at what was heard.
const lookEvery = 100 * time.Millisecond

// listen looks at what is heard until look says that it has seen enough, the time is over or ctx is done. The last look is at the end.
func (f *sapFlags) listen(ctx context.Context, d time.Duration, look func(l *sap.Listener, last bool) (enough bool, err error)) error {
	l, err := sap.Listen(ctx, sap.ListenerConfig{Interfaces: f.Interface})
	if err != nil {
		return err
	}
	defer l.Close()
	over := time.NewTimer(d)
	defer over.Stop()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for last := false; ; {
		enough, err := look(l, last)
		if err != nil || enough || last {
			return err
		}
		select {
		case <-tick.C:
		case <-over.C:
			last = true
		case <-ctx.Done():
			last = true
		}
	}
}

// Run lists what was heard by the end; Ctrl-C is one.
func (cmd *sessionsListCmd) Run(ctx context.Context, c *console) error {
	if cmd.Follow {
		const forever = 100 * 365 * 24 * time.Hour
		story := sessionStory{c: c, json: cmd.JSON, known: map[string]sap.Heard{}}
		return cmd.listen(ctx, forever, func(l *sap.Listener, _ bool) (bool, error) { return false, story.look(l.Sessions()) })
	}
	return cmd.listen(ctx, cmd.For, func(l *sap.Listener, last bool) (bool, error) {
		if !last {
			return false, nil
		}
		return true, cmd.print(c, l.Sessions(), l.Stats())
	})
}

func (cmd *sessionsListCmd) print(c *console, heard []sap.Heard, stats sap.Stats) error {
	if cmd.JSON {
		list := sessionList{Sessions: []sessionEntry{}, Refused: stats.Refused}
		for i := range heard {
			list.Sessions = append(list.Sessions, entryOf(&heard[i]))
		}
		return writeJSON(c.stdout, list, "  ")
	}
	if line := refusedLine(stats); line != "" {
		fmt.Fprintln(c.stderr, line)
	}
	if len(heard) == 0 {
		_, err := fmt.Fprintf(c.stdout, "nothing was announced in %v; most announcements come every 5 minutes (--for)\n", cmd.For)
		return err
	}
	return sessionTable(heard, c.now()).print(c.stdout)
}

// refusedLine says what was not taken for an announcement, and how often; "" if all was.
func refusedLine(stats sap.Stats) string {
	var all []string
	total := uint64(0)
	for _, why := range slices.Sorted(maps.Keys(stats.Refused)) {
		total += stats.Refused[why]
		all = append(all, fmt.Sprintf("%s %d", strings.ReplaceAll(string(why), "_", " "), stats.Refused[why]))
	}
	if total == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d packets were refused: %s", total, stats.Packets, strings.Join(all, ", "))
}

func sessionTable(heard []sap.Heard, now time.Time) *table {
	t := &table{
		first:  1,
		header: []string{"ID", "NAME", "GROUP", "CODEC", "SOURCE", "REACH", "AGE"},
		right:  []bool{false, false, false, false, false, false, true},
	}
	for i := range heard {
		h := &heard[i]
		t.add(h.ID(), h.Session.Name, h.Session.Group.String(), sessionCodec(h), h.Source.String(), reach(h), span(now.Sub(h.First)))
	}
	return t
}

// sessionCodec is as codecOf, with a mark where the sound is encrypted; of what cannot be played, that.
func sessionCodec(h *sap.Heard) string {
	if h.Unfit != "" {
		return "not playable"
	}
	f := h.Session.Stream.Format
	text := string(f.Name) + "/" + strconv.Itoa(f.SampleRateHz/1000)
	if h.Session.Encrypted() {
		text += " srtp"
	}
	return text
}

// reach is how far a session gets: by its TTL where that is said, else by its address.
func reach(h *sap.Heard) string {
	if h.Session.TTL > 0 {
		return "ttl " + strconv.Itoa(h.Session.TTL)
	}
	return sap.Scope(h.Session.Group.Addr())
}

// sessionList and sessionEntry are the JSON.
type sessionList struct {
	Sessions []sessionEntry         `json:"sessions"`
	Refused  map[sap.Refusal]uint64 `json:"refused"` // packets, by why they were not taken
}

type sessionEntry struct {
	ID      string        `json:"id"`
	FullID  string        `json:"full_id"`
	Name    string        `json:"name"`
	Info    string        `json:"info,omitempty"`
	Group   string        `json:"group"`
	Sources []string      `json:"sources,omitempty"`
	TTL     int           `json:"ttl,omitempty"`
	Scope   string        `json:"scope"`
	Unfit   string        `json:"not_playable,omitempty"` // why
	Sound   *sessionSound `json:"sound,omitempty"`        // of what can be played
	Heard   sessionHeard  `json:"heard"`
	SDP     string        `json:"sdp"`
}

type sessionSound struct {
	Codec     string `json:"codec"`
	RateHz    int    `json:"sample_rate_hz"`
	Encrypted bool   `json:"encrypted"`
}

// sessionHeard is how its announcement has come.
type sessionHeard struct {
	From      string    `json:"from"`
	At        string    `json:"at"`
	Interface string    `json:"interface"`
	First     time.Time `json:"first_time"`
	Last      time.Time `json:"last_time"`
}

func entryOf(h *sap.Heard) sessionEntry {
	s := h.Session
	e := sessionEntry{
		ID: h.ID(), FullID: h.FullID(), Name: s.Name, Info: s.Info, Group: s.Group.String(), TTL: s.TTL, Scope: sap.Scope(s.Group.Addr()), Unfit: h.Unfit,
		Heard: sessionHeard{From: h.Source.String(), At: h.To.String(), Interface: h.Interface, First: h.First.UTC(), Last: h.Last.UTC()},
		SDP:   string(h.Text),
	}
	if h.Unfit == "" {
		e.Sound = &sessionSound{Codec: string(s.Stream.Format.Name), RateHz: s.Stream.Format.SampleRateHz, Encrypted: s.Encrypted()}
	}
	for _, a := range s.Sources {
		e.Sources = append(e.Sources, a.String())
	}
	return e
}

// sessionStory tells what has become of the sessions since it last looked.
type sessionStory struct {
	c     *console
	json  bool
	known map[string]sap.Heard
}

// key is the same for all versions of a session.
func (s *sessionStory) key(h *sap.Heard) string {
	if h.Session.ID == 0 {
		return h.FullID()
	}
	return h.Source.String() + " " + strconv.FormatUint(h.Session.ID, 10)
}

func (s *sessionStory) look(heard []sap.Heard) error {
	seen := map[string]bool{}
	for i := range heard {
		h := &heard[i]
		key := s.key(h)
		seen[key] = true
		was, known := s.known[key]
		s.known[key] = *h
		var err error
		switch {
		case !known:
			err = s.tell("new", h)
		case was.Hash != h.Hash:
			err = s.tell("changed", h)
		}
		if err != nil {
			return err
		}
	}
	for _, key := range slices.Sorted(maps.Keys(s.known)) {
		if h := s.known[key]; !seen[key] {
			delete(s.known, key)
			if err := s.tell("gone", &h); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *sessionStory) tell(what string, h *sap.Heard) error {
	if s.json {
		return writeJSON(s.c.stdout, struct {
			Change string `json:"change"`
			sessionEntry
		}{what, entryOf(h)}, "")
	}
	line := fmt.Sprintf("%s  %-7s  %s  %s  %s", s.c.now().In(s.c.zone).Format("15:04:05"), what, h.ID(), h.Session.Group, clean(h.Session.Name))
	if h.Unfit != "" {
		line += " (not playable)"
	}
	_, err := fmt.Fprintln(s.c.stdout, cut(line, s.c.width()))
	return err
}

type sessionsShowCmd struct {
	sapFlags
	ID     string        `arg:"" name:"id" help:"ID as sessions list has it, or source/ID where two sources have the same."`
	For    time.Duration `placeholder:"TIME" default:"7m" help:"How long to wait for its announcement (7m)."`
	Output string        `short:"o" placeholder:"FILE" help:"Write the description to this file, for a player to open."`
}

// Validate is called by the parser: a fault is one of usage.
func (cmd *sessionsShowCmd) Validate() error { return listenTime(cmd.For) }

// Run ends as soon as the session is heard.
func (cmd *sessionsShowCmd) Run(ctx context.Context, c *console) error {
	return cmd.listen(ctx, cmd.For, func(l *sap.Listener, last bool) (bool, error) {
		h, err := cmd.find(l.Sessions())
		if h == nil {
			if err == nil && last {
				err = fmt.Errorf("no session %q was announced", cmd.ID)
			}
			return false, err
		}
		return true, cmd.write(c.stdout, h)
	})
}

// find is the one that the ID means; nil: none.
func (cmd *sessionsShowCmd) find(heard []sap.Heard) (*sap.Heard, error) {
	var found *sap.Heard
	for i := range heard {
		h := &heard[i]
		if !strings.EqualFold(cmd.ID, h.ID()) && !strings.EqualFold(cmd.ID, h.FullID()) {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("two sources announce a session %s: say %s or %s", cmd.ID, found.FullID(), h.FullID())
		}
		found = h
	}
	return found, nil
}

func (cmd *sessionsShowCmd) write(stdout io.Writer, h *sap.Heard) error {
	if cmd.Output != "" {
		file, err := os.OpenFile(cmd.Output, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) // of somebody else's making: nothing is overwritten
		if err != nil {
			return err
		}
		_, err = file.Write(h.Text)
		if err := errors.Join(err, file.Close()); err != nil {
			return err
		}
		_, err = fmt.Fprintf(stdout, "%s is in %s\n", h.FullID(), cmd.Output)
		return err
	}
	if cmd.JSON {
		return writeJSON(stdout, entryOf(h), "  ")
	}
	for _, line := range lines(string(h.Text)) {
		if _, err := fmt.Fprintln(stdout, line); err != nil {
			return err
		}
	}
	return nil
}
