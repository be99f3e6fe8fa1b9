package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
)

type eventsCmd struct {
	apiFlags
	roomArg
	After *uint64 `placeholder:"N" help:"Resume behind event number N; 0 begins with the first that is kept."`
}

// Run follows until ctx is done: Ctrl-C is the way to end it, and no error.
func (cmd *eventsCmd) Run(ctx context.Context, c *console) error {
	var last uint64 // number of the newest event that was told
	err := cmd.stream(ctx, func(ctx context.Context, api client) error {
		stream, err := api.rooms.WatchRoom(ctx, &confbridgev1.WatchRoomRequest{
			Name: roomName(cmd.Room), AfterSequence: cmd.After,
		})
		if err != nil {
			return err
		}
		for {
			resp, err := stream.Recv()
			if err != nil {
				return err
			}
			if err := cmd.tell(c, resp); err != nil {
				return err
			}
			last = max(last, resp.GetSnapshot().GetSequence(), resp.GetEvent().GetSequence(), resp.GetMissed().GetToSequence())
		}
	})
	if ctx.Err() != nil {
		err = nil
	} else if err != nil && last > 0 {
		err = fmt.Errorf("%w; resume with --after %d", err, last)
	}
	return err
}

// tell prints one message on one line.
func (cmd *eventsCmd) tell(c *console, resp *confbridgev1.WatchRoomResponse) error {
	if resp.GetContent() == nil {
		return nil // of a newer bridge
	}
	if cmd.JSON {
		return printJSON(c.stdout, resp, false)
	}
	line := ""
	switch content := resp.GetContent().(type) {
	case *confbridgev1.WatchRoomResponse_Snapshot:
		line = snapshotLine(content.Snapshot)
	case *confbridgev1.WatchRoomResponse_Event:
		e := content.Event
		at := e.GetTime().AsTime().In(c.zone).Format("15:04:05.000")
		head := fmt.Sprintf("%6d  %s  %-15s  ", e.GetSequence(), at, kind(e))
		line = strings.TrimRight(head+detail(e, lineWidth-columns(head)), " ")
	case *confbridgev1.WatchRoomResponse_Missed:
		m := content.Missed
		line = fmt.Sprintf("%6d  to %d were missed", m.GetFromSequence(), m.GetToSequence())
	}
	_, err := fmt.Fprintln(c.stdout, line)
	return err
}

// How much of a name a line has room for, in columns.
const (
	maxName = 30
	minName = 8
)

func snapshotLine(s *confbridgev1.RoomSnapshot) string {
	if s.GetRoom() == nil {
		return fmt.Sprintf("%6d  no room yet", s.GetSequence())
	}
	line := fmt.Sprintf("%6d  %d in the room", s.GetSequence(), len(s.GetParticipants()))
	if s.GetRoom().GetLocked() {
		line += ", locked"
	}
	for i, p := range s.GetParticipants() {
		sep := ", "
		if i == 0 {
			sep = ": "
		}
		line += sep + person(p, maxName)
	}
	return cut(line, lineWidth)
}

func person(p *confbridgev1.Participant, room int) string {
	return fmt.Sprintf("%s (%s)", cut(clean(called(p)), room), id(p.GetName()))
}

// kind is the event's kind in words.
func kind(e *confbridgev1.Event) string {
	if e.GetKind() == confbridgev1.EventKind_EVENT_KIND_DOMINANT_SPEAKER {
		return "dominates"
	}
	return words(e.GetKind().String(), "EVENT_KIND_")
}

func words(enum, prefix string) string {
	return strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(enum, prefix), "_", " "))
}

// detail is who and what, within so many columns: the name gives way.
func detail(e *confbridgev1.Event, room int) string {
	var parts []string
	p := e.GetParticipant()
	if d := e.GetDial(); d != nil {
		p = dialed(d)
	}
	if p != nil && e.GetKind() == confbridgev1.EventKind_EVENT_KIND_JOINED {
		parts = append(parts, codecOf(p))
	}
	if e.GetReason() != confbridgev1.Reason_REASON_UNSPECIFIED {
		parts = append(parts, words(e.GetReason().String(), "REASON_"))
	}
	if s := sipStatus(e.GetDial()); s != "" {
		parts = append(parts, s)
	}
	if k := e.GetKeyPress(); k != nil {
		parts = append(parts, fmt.Sprintf("%s for %v", clean(k.GetKey()), k.GetHeld().AsDuration()))
	}
	if p == nil && e.GetKind() == confbridgev1.EventKind_EVENT_KIND_DOMINANT_SPEAKER {
		parts = append(parts, "nobody")
	}
	if c := e.GetOpusComplexity(); c != nil {
		parts = append(parts, fmt.Sprintf("from %d to %d", c.GetFrom(), c.GetTo()))
	}
	if d := e.GetRemaining(); d != nil {
		parts = append(parts, "ends in "+d.AsDuration().String())
	}
	if n := p.GetHandPosition(); n > 0 && e.GetKind() == confbridgev1.EventKind_EVENT_KIND_HAND_RAISED {
		parts = append(parts, fmt.Sprintf("number %d", n))
	}
	if e.GetKind() == confbridgev1.EventKind_EVENT_KIND_MUTED && p.GetMutedBy() != confbridgev1.MutedBy_MUTED_BY_UNSPECIFIED {
		parts = append(parts, mutedOf(p))
	}
	if e.GetKind() == confbridgev1.EventKind_EVENT_KIND_WAITING {
		parts = append(parts, words(p.GetPlace().String(), "PLACE_"))
	}
	if b := e.GetBan(); b != nil && p == nil {
		parts = append(parts, clean(b.GetAddress()))
	} else if b != nil {
		parts = append(parts, "for "+b.GetExpireTime().AsTime().Sub(b.GetCreateTime().AsTime()).String())
	}
	if r := e.GetRecording(); r != "" {
		parts = append(parts, clean(strings.TrimPrefix(r, "recordings/")))
	}
	if d := e.GetDistribution(); d != "" {
		parts = append(parts, clean(d[strings.LastIndexByte(d, '/')+1:]))
	}
	if l := e.GetLateness(); l != nil {
		parts = append(parts, fmt.Sprintf("%d times, %d frames left out, %v at the worst",
			l.GetLateTurns(), l.GetSkippedFrames(), l.GetWorst().AsDuration().Round(time.Millisecond)))
	}
	what := strings.Join(parts, "  ")
	if p == nil {
		return what
	}
	if what != "" {
		what = "  " + what
	}
	room -= columns(person(p, 0)) + columns(what) - 1 // less the "…" that is left of no name
	return person(p, min(max(room, minName), maxName)) + what
}
