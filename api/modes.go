package api

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/rooms"
)

// maxHostGrace is the longest host_grace.
const maxHostGrace = time.Hour

// modeFields are the updatable fields of a room that are its modes.
var modeFields = []string{
	"wait_for_host", "on_last_host_leave", "host_grace", "lobby", "lecture", "mute_on_entry", "allow_self_unmute", "reserved_for_hosts",
	"warn_before", "early_wait", "record_names",
}

// hostLeaves is rooms.Modes.EndWithoutHost, in both directions.
var hostLeaves = map[bool]confbridgev1.LastHostLeave{
	false: confbridgev1.LastHostLeave_LAST_HOST_LEAVE_GO_ON,
	true:  confbridgev1.LastHostLeave_LAST_HOST_LEAVE_END,
}

// modes is what a request says of them, or else what the bridge is configured with; but for warn_before, which is what the request says. Its
// fields have been checked.
func (s *roomService) modes(room *confbridgev1.Room) rooms.Modes {
	m := s.rooms.Defaults().Modes
	if room == nil {
		return m
	}
	or(&m.WaitForHost, room.WaitForHost)
	or(&m.Lobby, room.Lobby)
	or(&m.Lecture, room.Lecture)
	or(&m.MuteOnEntry, room.MuteOnEntry)
	or(&m.RecordNames, room.RecordNames)
	or(&m.AllowSelfUnmute, room.AllowSelfUnmute)
	if room.GetOnLastHostLeave() != confbridgev1.LastHostLeave_LAST_HOST_LEAVE_UNSPECIFIED {
		m.EndWithoutHost = room.GetOnLastHostLeave() == confbridgev1.LastHostLeave_LAST_HOST_LEAVE_END
	}
	if room.GetHostGrace() != nil {
		m.HostGrace = room.GetHostGrace().AsDuration()
	}
	if room.GetEarlyWait() != nil {
		m.EarlyWait = room.GetEarlyWait().AsDuration()
	}
	if room.ReservedForHosts != nil {
		m.ReservedForHosts = int(room.GetReservedForHosts())
	}
	return m
}

// or sets what is given.
func or(to, given *bool) {
	if given != nil {
		*to = *given
	}
}

// newModes are those of a room that is made.
func (s *roomService) newModes(room *confbridgev1.Room) (m rooms.Modes, err error) {
	m = s.modes(room)
	if len(room.GetWarnBefore()) > 0 {
		m.WarnBefore, err = rooms.Warnings(warnings(room)...)
	}
	return m, err
}

// modesPatch is what an update says of them.
func (s *roomService) modesPatch(room *confbridgev1.Room, paths []string) rooms.ModesPatch {
	m := s.modes(room)
	return rooms.ModesPatch{
		WaitForHost:      pick(paths, "wait_for_host", m.WaitForHost),
		EndWithoutHost:   pick(paths, "on_last_host_leave", m.EndWithoutHost),
		HostGrace:        pick(paths, "host_grace", m.HostGrace),
		Lobby:            pick(paths, "lobby", m.Lobby),
		Lecture:          pick(paths, "lecture", m.Lecture),
		MuteOnEntry:      pick(paths, "mute_on_entry", m.MuteOnEntry),
		AllowSelfUnmute:  pick(paths, "allow_self_unmute", m.AllowSelfUnmute),
		RecordNames:      pick(paths, "record_names", m.RecordNames),
		EarlyWait:        pick(paths, "early_wait", m.EarlyWait),
		ReservedForHosts: pick(paths, "reserved_for_hosts", m.ReservedForHosts),
		WarnBefore:       pick(paths, "warn_before", warnings(room)),
	}
}

func warnings(room *confbridgev1.Room) []time.Duration {
	all := make([]time.Duration, len(room.GetWarnBefore()))
	for i, d := range room.GetWarnBefore() {
		all[i] = d.AsDuration()
	}
	return all
}

// showModes puts a room's modes into what is told of it.
func showModes(room *confbridgev1.Room, m rooms.Modes) {
	reserved := int32(m.ReservedForHosts)
	room.WaitForHost, room.Lobby, room.Lecture = &m.WaitForHost, &m.Lobby, &m.Lecture
	room.MuteOnEntry, room.AllowSelfUnmute, room.ReservedForHosts = &m.MuteOnEntry, &m.AllowSelfUnmute, &reserved
	room.OnLastHostLeave, room.HostGrace = hostLeaves[m.EndWithoutHost], durationpb.New(m.HostGrace)
	room.EarlyWait, room.RecordNames = durationpb.New(m.EarlyWait), &m.RecordNames
	for _, d := range m.Warnings() {
		room.WarnBefore = append(room.WarnBefore, durationpb.New(d))
	}
}

// modesFault says what is wrong with a field of modes.
func modesFault(room *confbridgev1.Room, path string) string {
	switch path {
	case "on_last_host_leave":
		if how := room.GetOnLastHostLeave(); confbridgev1.LastHostLeave_name[int32(how)] == "" {
			return fmt.Sprintf("%d is nothing that a room can do", how)
		}
	case "host_grace":
		if room.GetHostGrace() != nil {
			return durationFault(room.GetHostGrace(), 0, maxHostGrace)
		}
	case "early_wait":
		if room.GetEarlyWait() != nil {
			return durationFault(room.GetEarlyWait(), 0, rooms.MaxEarlyWait)
		}
	case "reserved_for_hosts":
		if n := room.GetReservedForHosts(); n < 0 || n > maxParticipants {
			return fmt.Sprintf("%d is not within 0 to %d", n, maxParticipants)
		}
	case "warn_before":
		if n := len(room.GetWarnBefore()); n > rooms.MaxWarnings {
			return fmt.Sprintf("%d are more than %d", n, rooms.MaxWarnings)
		}
		for _, d := range room.GetWarnBefore() {
			if fault := durationFault(d, 1, maxDuration); fault != "" {
				return fault
			}
		}
	}
	return ""
}

// durationFault says what is wrong with a duration that must lie within bounds.
func durationFault(d *durationpb.Duration, least, most time.Duration) string {
	if err := d.CheckValid(); err != nil {
		return "is no valid duration"
	}
	if t := d.AsDuration(); t < least || t > most {
		return fmt.Sprintf("%v is not within %v to %v", t, least, most)
	}
	return ""
}
