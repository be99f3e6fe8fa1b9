package config

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/access"
	"github.com/confbridge/confbridge/rooms/distribution"
)

// Room is a room that is declared in the file.
type Room struct {
	Number, DisplayName string
	MaxParticipants     int           // 0 means any number
	MaxDuration         time.Duration // 0 means no limit
	// What follows is that of Rooms where nothing is said: 0 and nil.
	MaxTalkers            int
	AGC, NoiseSuppression *bool
	Opus                  codec.Effort
	RoomModes
	RoomRecording
	// PIN and ModeratorPIN are 4 to 16 digits, or what argon2id makes of them as a PHC string; empty: none.
	PIN, ModeratorPIN string
	// Keys are what is dialled for commands there in place of what Rooms.Keys says, by their names.
	Keys map[string]string
	// IdentityForPIN lets those in without a PIN whom a trusted trunk vouches for.
	IdentityForPIN bool
	// Distributions are where its mix goes besides, without what Declared gives them.
	Distributions []distribution.Distribution
	// Sources are sessions that it takes in.
	Sources []Source
}

const (
	maxRoomName     = 128 // bytes
	maxRoomMembers  = 100_000
	maxRoomDuration = 7 * 24 * time.Hour
)

// roomNumber is the grammar of room numbers.
var roomNumber = regexp.MustCompile(`^[-_.+*#A-Za-z0-9]{1,64}$`)

func roomFields() []field[Room] {
	return append([]field[Room]{
		{
			name: "number", needed: true,
			set: func(r *Room, s string) error {
				if r.Number = s; !roomNumber.MatchString(s) {
					return fmt.Errorf("%q is not 1 to 64 letters, digits and -_.+*#", s)
				}
				return nil
			},
			get: func(r *Room) string { return strconv.Quote(r.Number) },
		},
		{
			name: "display_name",
			set: func(r *Room, s string) error {
				if r.DisplayName = s; len(s) > maxRoomName {
					return fmt.Errorf("is longer than %d bytes", maxRoomName)
				}
				return nil
			},
			get: func(r *Room) string { return unless(r.DisplayName == "", strconv.Quote(r.DisplayName)) },
		},
		{
			name: "max_participants",
			set: func(r *Room, s string) (err error) {
				r.MaxParticipants, err = parseCount(s, 1, maxRoomMembers)
				return err
			},
			get: func(r *Room) string { return unless(r.MaxParticipants == 0, strconv.Itoa(r.MaxParticipants)) },
		},
		{
			name: "max_duration",
			set: func(r *Room, s string) (err error) {
				r.MaxDuration, err = parseDuration(s, time.Second, maxRoomDuration)
				return err
			},
			get: func(r *Room) string { return unless(r.MaxDuration == 0, durationYAML(r.MaxDuration)) },
		},
		{
			name: "max_talkers",
			set:  func(r *Room, s string) (err error) { r.MaxTalkers, err = parseTalkers(s); return err },
			get:  func(r *Room) string { return unless(r.MaxTalkers == 0, talkersYAML(r.MaxTalkers)) },
		},
		flagField("agc", func(r *Room) **bool { return &r.AGC }),
		pinField("pin", func(r *Room) *string { return &r.PIN }),
		pinField("moderator_pin", func(r *Room) *string { return &r.ModeratorPIN }),
		{
			name: "identity_for_pin", shape: flag,
			set: func(r *Room, s string) (err error) { r.IdentityForPIN, err = strconv.ParseBool(s); return err },
			get: func(r *Room) string { return unless(!r.IdentityForPIN, "true") },
		},
		{
			name: "keys", shape: table,
			put: func(r *Room, name, s string) error {
				if _, err := rooms.NewRemap(map[string]string{name: s}); err != nil { // how they go together is seen when all are there
					return plain(err)
				}
				if r.Keys == nil {
					r.Keys = map[string]string{}
				}
				r.Keys[name] = s
				return nil
			},
			get: func(r *Room) string { return unless(len(r.Keys) == 0, remapYAML(r.Keys)) },
		},
		flagField("noise_suppression", func(r *Room) **bool { return &r.NoiseSuppression }),
		{
			name: "opus_complexity",
			set: func(r *Room, s string) (err error) {
				r.Opus.Complexity, err = parseCount(s, 1, codec.MaxComplexity)
				return err
			},
			get: func(r *Room) string { return unless(r.Opus.Complexity == 0, strconv.Itoa(r.Opus.Complexity)) },
		},
		{
			name: "opus_bitrate",
			set:  func(r *Room, s string) (err error) { r.Opus.BitrateBps, err = parseOpusBitrate(s); return err },
			get:  func(r *Room) string { return unless(r.Opus.BitrateBps == 0, strconv.Itoa(r.Opus.BitrateBps)) },
		},
		{
			name: "distributions",
			list: func(last func(*Config) *Room) key {
				return recordKeyFrom("", func(c *Config) *[]distribution.Distribution { return &last(c).Distributions }, freshDistribution(), distributionFields())
			},
			get: func(r *Room) string {
				return unless(len(r.Distributions) == 0, recordsYAML(r.Distributions, distributionFields()))
			},
		},
		{
			name: "sources",
			list: func(last func(*Config) *Room) key {
				return recordKeyFrom("", func(c *Config) *[]Source { return &last(c).Sources }, freshSource(), sourceFields())
			},
			get: func(r *Room) string { return unless(len(r.Sources) == 0, recordsYAML(r.Sources, sourceFields())) },
		},
	}, slices.Concat(roomModeFields(), roomRecordingFields())...)
}

// pinField is a key that takes a PIN or its hash, and shows neither.
func pinField(name string, at func(*Room) *string) field[Room] {
	return field[Room]{
		name: name, secret: true,
		set: func(r *Room, s string) error {
			*at(r) = s
			if strings.HasPrefix(s, "$") {
				if _, err := access.ParseHash(s); err != nil {
					return errors.New("is no PHC string of argon2id, like $argon2id$v=19$m=19456,t=2,p=1$SALT$KEY")
				}
				return nil
			}
			if _, err := access.ParsePIN(s); err != nil {
				return fmt.Errorf("is not %d to %d digits", access.ShortestPIN, access.LongestPIN)
			}
			return nil
		},
		get: func(r *Room) string { return unless(*at(r) == "", masked) },
	}
}

func remapYAML(keys map[string]string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(keys)) {
		parts = append(parts, name+": "+strconv.Quote(keys[name]))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// flagField is a key that is true, false or not there.
func flagField(name string, at func(*Room) **bool) field[Room] {
	return field[Room]{
		name: name, shape: flag,
		set: func(r *Room, s string) error {
			v, err := strconv.ParseBool(s)
			*at(r) = &v
			return err
		},
		get: func(r *Room) string {
			if *at(r) == nil {
				return ""
			}
			return strconv.FormatBool(**at(r))
		},
	}
}

// crossRooms finds numbers that are declared twice, and says where both are.
func (l *loader) crossRooms() {
	first := map[string]int{}
	for i, r := range l.cfg.Rooms.List {
		path := fmt.Sprintf("rooms.list[%d]", i)
		if j, twice := first[r.Number]; twice && r.Number != "" {
			before := l.places[fmt.Sprintf("rooms.list[%d]", j)]
			l.fault(l.places[path], path, "room %q is declared in line %d already", r.Number, before.line)
			continue
		}
		first[r.Number] = i
		if r.PIN != "" && r.PIN == r.ModeratorPIN {
			l.fault(l.places[path], path+".moderator_pin", "is the same as pin")
		}
	}
}

// checkStoreURL takes URLs of NATS servers with commas between them, or nothing.
func checkStoreURL(s string) error {
	if s == "" {
		return nil
	}
	for _, one := range strings.Split(s, ",") {
		u, err := url.Parse(strings.TrimSpace(one))
		if err != nil || u.Host == "" || u.User != nil || u.Scheme != "nats" && u.Scheme != "tls" {
			return fmt.Errorf("%q is not a NATS server, like nats://127.0.0.1:4222, without a user (store.credentials_file)", one)
		}
	}
	return nil
}
