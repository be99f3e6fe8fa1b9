package api

import (
	"fmt"
	"math"
	"slices"
	"time"
	"unicode"

	"github.com/confbridge/confbridge/mixer/codec"
	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/rooms"
)

// Limits of what can be set; the comments in the .proto files tell them to clients.
const (
	maxDisplayName  = 128 // bytes
	maxParticipants = 100_000
	maxDuration     = 7 * 24 * time.Hour
	maxGainDB       = 30
)

// validateRoom checks those fields of a room that paths names.
func validateRoom(room *confbridgev1.Room, paths []string) error {
	var v violations
	for _, path := range paths {
		if fault := roomFault(room, path); fault != "" {
			v.add("room."+path, fault)
		}
	}
	return v.err()
}

func roomFault(room *confbridgev1.Room, path string) string {
	switch path {
	case "display_name":
		return displayNameFault(room.GetDisplayName())
	case "max_participants":
		if n := room.GetMaxParticipants(); n < 0 || n > maxParticipants {
			return fmt.Sprintf("%d is not within 0 to %d", n, maxParticipants)
		}
	case "max_talkers":
		if n := room.GetMaxTalkers(); n < rooms.AllTalkers || n > rooms.MaxTalkers {
			return fmt.Sprintf("%d is neither within 0 to %d nor %d for all", n, rooms.MaxTalkers, rooms.AllTalkers)
		}
	case "opus_complexity":
		if n := room.GetOpusComplexity(); n < 0 || n > codec.MaxComplexity {
			return fmt.Sprintf("%d is not within 0 to %d", n, codec.MaxComplexity)
		}
	case "opus_bitrate_bps":
		if n := room.GetOpusBitrateBps(); n != 0 && (n < codec.MinEffortBitrateBps || n > codec.MaxEffortBitrateBps) {
			return fmt.Sprintf("%d is neither 0 nor within %d to %d", n, codec.MinEffortBitrateBps, codec.MaxEffortBitrateBps)
		}
	case "pin":
		return pinFault(room.GetPin())
	case "moderator_pin":
		return pinFault(room.GetModeratorPin())
	case "recording_content", "recording_format", "recording_rule", "recording_from":
		return recordingFault(room, path)
	case "open_windows":
		return hoursFault(room)
	case "max_duration":
		if room.GetMaxDuration() != nil {
			return durationFault(room.GetMaxDuration(), 0, maxDuration)
		}
	}
	if fault := modesFault(room, path); fault != "" {
		return fault
	}
	return speechFault(room, path)
}

// validateParticipant checks those fields of a participant that paths names.
func validateParticipant(p *confbridgev1.Participant, paths []string) error {
	var v violations
	for _, path := range paths {
		if fault := participantFault(p, path); fault != "" {
			v.add("participant."+path, fault)
		}
	}
	return v.err()
}

func participantFault(p *confbridgev1.Participant, path string) string {
	switch path {
	case "display_name":
		return displayNameFault(p.GetDisplayName())
	case "gain_db":
		return gainFault(p.GetGainDb())
	case "hearing_gain_db":
		return gainFault(p.GetHearingGainDb())
	case "role":
		if _, ok := roleFromProto(p.GetRole()); !ok {
			return p.GetRole().String() + " is no role to have"
		}
	}
	return ""
}

func gainFault(db float64) string {
	if math.IsNaN(db) || math.Abs(db) > maxGainDB {
		return fmt.Sprintf("%v is not within -%d to %d", db, maxGainDB, maxGainDB)
	}
	return ""
}

func displayNameFault(name string) string {
	if n := len(name); n > maxDisplayName {
		return fmt.Sprintf("has %d bytes, more than %d", n, maxDisplayName)
	}
	if slices.ContainsFunc([]rune(name), unicode.IsControl) {
		return "has a control character"
	}
	return ""
}
