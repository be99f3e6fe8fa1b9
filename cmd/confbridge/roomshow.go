package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
)

func (c *console) showRoom(r *confbridgev1.Room) error {
	longest, rate := "-", "-"
	if d := r.GetMaxDuration().AsDuration(); d > 0 {
		longest = d.String()
	}
	if hz := r.GetSampleRateHz(); hz > 0 {
		rate = strconv.Itoa(int(hz)) + " Hz"
	}
	started := "-"
	if t := r.GetStartTime(); t != nil {
		started = c.stamp(t.AsTime())
	}
	all := [][2]string{
		{"name", r.GetName()},
		{"display name", r.GetDisplayName()},
		{"people", strconv.Itoa(int(r.GetParticipantCount()))},
		{"max participants", limit(r.GetMaxParticipants())},
		{"max duration", longest},
		{"locked", yesNo(r.GetLocked())},
		{"PIN", pinsOf(r)},
		{"max talkers", talkers(r.GetMaxTalkers()).String()},
		{"agc", yesNo(r.GetAgc())},
		{"noise suppression", yesNo(r.GetNoiseSuppression())},
		{"opus", opusOf(r)},
	}
	return fields(c.stdout, slices.Concat(all, modeFields(r), speechFields(r), [][2]string{
		{"recorded as", recordedAs(r)},
		{"recording", recordingOf(r)},
		{"side room of", cmp.Or(number(r.GetSideOf()), "-")},
		{"on demand", yesNo(r.GetOnDemand())},
		{"sample rate", rate},
		{"created", c.stamp(r.GetCreateTime().AsTime())},
		{"started", started},
		{"last event", strconv.FormatUint(r.GetLastSequence(), 10)},
	}, c.hoursOf(r))...)
}

// opusOf is what encoders of Opus spend in a room.
func opusOf(r *confbridgev1.Room) string {
	if r.GetOpusComplexity() == 0 {
		return "-" // a bridge of another version
	}
	spent := fmt.Sprintf("complexity %d", r.GetOpusComplexity())
	if now := r.GetOpusComplexityNow(); now != 0 && now != r.GetOpusComplexity() {
		spent += fmt.Sprintf(" (%d for now: ticks run late)", now)
	}
	if bps := r.GetOpusBitrateBps(); bps != 0 {
		spent += fmt.Sprintf(", %d bit/s", bps)
	}
	return spent
}

// recordedAs is how a room is recorded.
func recordedAs(r *confbridgev1.Room) string {
	if r.GetRecordingFormat() == confbridgev1.RecordingFormat_RECORDING_FORMAT_UNSPECIFIED {
		return "-" // a bridge of another version
	}
	how := words(r.GetRecordingContent().String(), "RECORDING_CONTENT_") + ", " + words(r.GetRecordingFormat().String(), "RECORDING_FORMAT_")
	if r.GetRecordingTone() {
		how += ", tone"
	}
	if r.GetRecordingBeep() {
		how += ", beep"
	}
	if r.GetRecordingRule() > confbridgev1.RecordingRule_RECORDING_RULE_NEVER {
		how += ", " + words(r.GetRecordingRule().String(), "RECORDING_RULE_")
		if n := r.GetRecordingFrom(); n > 1 {
			how += fmt.Sprintf(" from %d participants on", n)
		}
	}
	return how
}

// recordingOf is the recording that is made of a room.
func recordingOf(r *confbridgev1.Room) string {
	switch {
	case r.GetRecording() == "":
		return "-"
	case r.GetRecordingPaused():
		return strings.TrimPrefix(r.GetRecording(), "recordings/") + ", paused"
	}
	return strings.TrimPrefix(r.GetRecording(), "recordings/")
}

// stamp is a point in time for people.
func (c *console) stamp(t time.Time) string { return t.In(c.zone).Format("2006-01-02 15:04:05") }
