package main

import (
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
)

// modeFlags are who may come into a room and who may speak; nil leaves it as it is, or to the bridge.
type modeFlags struct {
	WaitForHost      *bool            `negatable:"" help:"Have everybody wait until a moderator is inside."`
	OnLastHostLeave  *string          `enum:"go-on,end" placeholder:"WHAT" help:"What the conference does when the last moderator has left: go-on or end."`
	HostGrace        *time.Duration   `placeholder:"TIME" help:"How long it goes on then before it ends, as 1m."`
	Lobby            *bool            `negatable:"" help:"Have newcomers wait until they are admitted."`
	Lecture          *bool            `negatable:"" help:"Mute all but moderators and who has the floor."`
	MuteOnEntry      *bool            `negatable:"" help:"Mute newcomers."`
	AllowSelfUnmute  *bool            `negatable:"" help:"Let those unmute themselves whom others have muted."`
	ReservedForHosts *int32           `placeholder:"N" help:"How many of the seats are for moderators alone."`
	RecordNames      *bool            `negatable:"" help:"Ask newcomers to say their names, which are said when they come and go (--announce words)."`
	EarlyWait        *time.Duration   `placeholder:"TIME" help:"Let callers wait with music who come at most so long before the room opens, as 15m; 0 refuses them."`
	WarnBefore       *[]time.Duration `placeholder:"TIME,..." help:"Warn so long before the maximum duration is over, as 5m,1m; 0 for never."`
}

// apply puts what was given into room and says which fields that are.
func (f modeFlags) apply(room *confbridgev1.Room) (paths []string) {
	if f.EarlyWait != nil {
		room.EarlyWait = durationpb.New(*f.EarlyWait)
		paths = append(paths, "early_wait")
	}
	for _, b := range []struct {
		path  string
		given *bool
		to    **bool
	}{
		{"wait_for_host", f.WaitForHost, &room.WaitForHost},
		{"lobby", f.Lobby, &room.Lobby},
		{"lecture", f.Lecture, &room.Lecture},
		{"mute_on_entry", f.MuteOnEntry, &room.MuteOnEntry},
		{"record_names", f.RecordNames, &room.RecordNames},
		{"allow_self_unmute", f.AllowSelfUnmute, &room.AllowSelfUnmute},
	} {
		if b.given != nil {
			*b.to = b.given
			paths = append(paths, b.path)
		}
	}
	if f.OnLastHostLeave != nil {
		name := "LAST_HOST_LEAVE_" + strings.ToUpper(strings.ReplaceAll(*f.OnLastHostLeave, "-", "_"))
		room.OnLastHostLeave = confbridgev1.LastHostLeave(confbridgev1.LastHostLeave_value[name])
		paths = append(paths, "on_last_host_leave")
	}
	if f.HostGrace != nil {
		room.HostGrace = durationpb.New(*f.HostGrace)
		paths = append(paths, "host_grace")
	}
	if f.ReservedForHosts != nil {
		room.ReservedForHosts = f.ReservedForHosts
		paths = append(paths, "reserved_for_hosts")
	}
	if f.WarnBefore != nil {
		for _, d := range *f.WarnBefore {
			if d != 0 {
				room.WarnBefore = append(room.WarnBefore, durationpb.New(d))
			}
		}
		paths = append(paths, "warn_before")
	}
	return paths
}

// modesOf is who may come into a room and who may speak, in the words of the flags.
func modesOf(r *confbridgev1.Room) string {
	var all []string
	for _, m := range []struct {
		is   bool
		name string
	}{
		{r.GetWaitForHost(), "wait for host"},
		{r.GetLobby(), "lobby"},
		{r.GetLecture(), "lecture"},
		{r.GetMuteOnEntry(), "mute on entry"},
		{r.GetAllowSelfUnmute(), "allow self unmute"},
		{r.GetRecordNames(), "record names"},
	} {
		if m.is {
			all = append(all, m.name)
		}
	}
	if len(all) == 0 {
		return "-"
	}
	return strings.Join(all, ", ")
}

// modeFields are what is set of a room's moderators.
func modeFields(r *confbridgev1.Room) [][2]string {
	leave := words(r.GetOnLastHostLeave().String(), "LAST_HOST_LEAVE_")
	switch r.GetOnLastHostLeave() {
	case confbridgev1.LastHostLeave_LAST_HOST_LEAVE_UNSPECIFIED:
		leave = "-" // a bridge of another version
	case confbridgev1.LastHostLeave_LAST_HOST_LEAVE_END:
		leave += " after " + r.GetHostGrace().AsDuration().String()
	}
	var warned []string
	for _, d := range r.GetWarnBefore() {
		warned = append(warned, d.AsDuration().String())
	}
	if warned == nil {
		warned = []string{"-"}
	}
	return [][2]string{
		{"modes", modesOf(r)},
		{"last host leaves", leave},
		{"seats for hosts", strconv.Itoa(int(r.GetReservedForHosts()))},
		{"warned before", strings.Join(warned, ", ")},
	}
}
