package serve

import (
	"github.com/confbridge/confbridge/cmd/confbridge/internal/config"
	"github.com/confbridge/confbridge/rooms"
)

// roomModes is what the file says of who may come into rooms and who may speak.
func roomModes(m config.Modes) (rooms.Modes, error) {
	warnings, err := rooms.Warnings(m.WarnBefore...)
	return rooms.Modes{
		WaitForHost: m.WaitForHost, EndWithoutHost: m.OnLastHostLeave == config.LeaveEnd, HostGrace: m.HostGrace,
		Lobby: m.Lobby, Lecture: m.Lecture, MuteOnEntry: m.MuteOnEntry, AllowSelfUnmute: m.AllowSelfUnmute,
		ReservedForHosts: m.ReservedForHosts, WarnBefore: warnings, EarlyWait: m.EarlyWait, RecordNames: m.RecordNames,
	}, err
}
