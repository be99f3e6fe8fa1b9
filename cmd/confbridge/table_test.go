package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
)

func TestColumnsAreThoseOfATerminal(t *testing.T) {
	for s, want := range map[string]int{"": 0, "Ann": 3, "Zoë": 3, "Zoe\u0308": 3, "会議室": 6, "ﾃﾚﾋﾞ": 4, "📞": 2} {
		if got := columns(s); got != want {
			t.Errorf("%q: got %d columns, want %d", s, got, want)
		}
	}
	for _, tt := range []struct {
		s    string
		n    int
		want string
	}{{"Ann", 3, "Ann"}, {"Anna", 3, "An…"}, {"会議室", 6, "会議室"}, {"会議室", 5, "会議…"}, {"会議室", 4, "会…"}, {"会", 1, "…"}, {"Ann", 0, "…"}} {
		if got := cut(tt.s, tt.n); got != tt.want {
			t.Errorf("%q in %d columns: got %q, want %q", tt.s, tt.n, got, tt.want)
		}
	}
}

func TestLinesWithLongNamesFit(t *testing.T) {
	for _, name := range []string{strings.Repeat("Ann ", 20), strings.Repeat("会議室", 20)} {
		p := &confbridgev1.Participant{
			Name: "rooms/1000/participants/k3x9k3x9k3x9a", DisplayName: name, Role: confbridgev1.Role_ROLE_MODERATOR,
			Talking: true, Muted: true, Deaf: true, Format: &confbridgev1.AudioFormat{Codec: "opus", SampleRateHz: 48000},
		}
		tab := participantTable([]*confbridgev1.Participant{p}, noon)
		var out strings.Builder
		if err := tab.print(&out); err != nil {
			t.Fatal(err)
		}
		const head = 39 // of an event's line
		for _, kind := range []confbridgev1.EventKind{
			confbridgev1.EventKind_EVENT_KIND_JOINED, confbridgev1.EventKind_EVENT_KIND_LEFT,
			confbridgev1.EventKind_EVENT_KIND_MUTED,
		} {
			e := &confbridgev1.Event{Kind: kind, Participant: p, Reason: confbridgev1.Reason_REASON_UNSPECIFIED}
			if kind == confbridgev1.EventKind_EVENT_KIND_LEFT {
				e.Reason = confbridgev1.Reason_REASON_HANGUP
			}
			out.WriteString(strings.Repeat(" ", head) + detail(e, lineWidth-head) + "\n")
		}
		for line := range strings.Lines(out.String()) {
			if got := columns(strings.TrimSuffix(line, "\n")); got > lineWidth {
				t.Errorf("%d columns: %s", got, line)
			}
		}
	}
}

func TestBothWaysOfACallAreShownWhereTheyDiffer(t *testing.T) {
	pcmu := &confbridgev1.AudioFormat{Codec: "PCMU", SampleRateHz: 8000, PacketTime: durationpb.New(20 * time.Millisecond)}
	opus := &confbridgev1.AudioFormat{Codec: "opus", SampleRateHz: 16000, PacketTime: durationpb.New(60 * time.Millisecond)}
	for _, row := range []struct {
		received *confbridgev1.AudioFormat
		list     string
		show     [][2]string
	}{
		{nil, "PCMU/8", [][2]string{{"codec", "PCMU/8, packets of 20 ms; nothing has come in yet"}}},
		{proto.CloneOf(pcmu), "PCMU/8", [][2]string{{"codec", "PCMU/8, packets of 20 ms"}}},
		{opus, "opus/16", [][2]string{{"codec received", "opus/16, packets of 60 ms"}, {"codec sent", "PCMU/8, packets of 20 ms"}}},
	} {
		p := &confbridgev1.Participant{Format: pcmu, ReceivedFormat: row.received}
		if got := codecOf(p); got != row.list {
			t.Errorf("%v: got %q in the list, want %q", row.received, got, row.list)
		}
		if diff := cmp.Diff(row.show, codecFields(p)); diff != "" {
			t.Errorf("%v (-want +got):\n%s", row.received, diff)
		}
	}
}
