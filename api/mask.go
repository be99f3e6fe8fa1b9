package api

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
)

// maxMaskPaths bounds an update_mask.
const maxMaskPaths = 32

// What can be updated, as of the comments on the update requests.
var (
	roomFields = slices.Concat([]string{
		"display_name", "max_participants", "max_duration", "locked", "max_talkers", "agc", "noise_suppression", "opus_complexity", "opus_bitrate_bps",
		"recording_content", "recording_format", "recording_tone", "recording_beep", "recording_rule", "recording_from",
		"open_windows", "outlasts_windows",
		"pin", "moderator_pin", "identity_for_pin",
	}, modeFields, speechFields)
	participantFields = []string{"muted", "deaf", "gain_db", "role", "display_name", "hearing_gain_db", "whisper_to"}
)

// updatePaths says which of the updatable fields are to be set (AIP-134): those of the mask, all for "*", those that
// are not empty in m where there is no mask.
func updatePaths(mask *fieldmaskpb.FieldMask, m proto.Message, updatable []string) ([]string, error) {
	if len(mask.GetPaths()) == 0 {
		return populated(m.ProtoReflect(), updatable), nil
	}
	if len(mask.GetPaths()) > maxMaskPaths {
		return nil, violated("update_mask", fmt.Sprintf("has more than %d paths", maxMaskPaths))
	}
	if slices.Equal(mask.GetPaths(), []string{"*"}) {
		return updatable, nil
	}
	var v violations
	for _, path := range mask.GetPaths() {
		if !slices.Contains(updatable, path) {
			v.add("update_mask", fmt.Sprintf("%s %s; can be updated: %s",
				quote(path), whyNot(m.ProtoReflect(), path), strings.Join(updatable, ", ")))
		}
	}
	return mask.GetPaths(), v.err()
}

// whyNot says what is wrong with a path that cannot be updated.
func whyNot(m protoreflect.Message, path string) string {
	if m.Descriptor().Fields().ByName(protoreflect.Name(path)) != nil {
		return "cannot be changed"
	}
	return "is no field of " + string(m.Descriptor().Name())
}

func populated(m protoreflect.Message, fields []string) []string {
	var paths []string
	for _, name := range fields {
		if m.Has(m.Descriptor().Fields().ByName(protoreflect.Name(name))) {
			paths = append(paths, name)
		}
	}
	return paths
}
