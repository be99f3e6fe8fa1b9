package main

import (
	"context"
	"maps"
	"slices"
	"strings"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
)

// keyFlags are what is dialled in a room for its commands.
type keyFlags struct {
	Key         map[string]string `placeholder:"COMMAND=KEYS" help:"What is dialled for a command in this room, as lock=*51; without keys it is no command there. Others stay as they are."`
	DefaultKeys bool              `help:"Forget what was changed of the room's keys before."`
}

// apply puts into room what becomes of the keys that it has, and says whether that is anything else.
func (f keyFlags) apply(room *confbridgev1.Room, has map[string]string) bool {
	if len(f.Key) == 0 && !f.DefaultKeys {
		return false
	}
	room.Keys = map[string]string{}
	if !f.DefaultKeys {
		maps.Copy(room.GetKeys(), has)
	}
	maps.Copy(room.GetKeys(), f.Key)
	return true
}

// merge is apply for a room that is there: whose keys it has is asked of the bridge.
func (f keyFlags) merge(ctx context.Context, api client, room *confbridgev1.Room) (bool, error) {
	if len(f.Key) == 0 || f.DefaultKeys {
		return f.apply(room, nil), nil
	}
	r, err := api.rooms.GetRoom(ctx, &confbridgev1.GetRoomRequest{Name: room.GetName()})
	if err != nil {
		return false, err
	}
	return f.apply(room, r.GetKeys()), nil
}

// keyText is what a room's keys are, in the words of the flags.
func keyText(r *confbridgev1.Room) string {
	all := make([]string, 0, len(r.GetKeys()))
	for _, name := range slices.Sorted(maps.Keys(r.GetKeys())) {
		all = append(all, clean(name+"="+r.GetKeys()[name]))
	}
	if len(all) == 0 {
		return "-"
	}
	return strings.Join(all, ", ")
}
