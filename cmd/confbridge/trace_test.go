package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
)

// fakeDiagnostics tells what it was given, filtered by Call-ID.
type fakeDiagnostics struct {
	confbridgev1.UnimplementedDiagnosticsServiceServer
	messages []*confbridgev1.TracedMessage
	calls    []*confbridgev1.TracedCall
	requests chan *confbridgev1.TraceMessagesRequest
}

func (f *fakeDiagnostics) ListTracedCalls(context.Context, *confbridgev1.ListTracedCallsRequest) (*confbridgev1.ListTracedCallsResponse, error) {
	return &confbridgev1.ListTracedCallsResponse{Calls: f.calls}, nil
}

func (f *fakeDiagnostics) TraceMessages(
	req *confbridgev1.TraceMessagesRequest, stream grpc.ServerStreamingServer[confbridgev1.TraceMessagesResponse],
) error {
	f.requests <- req
	for i, m := range f.messages {
		if want := req.GetFilter().GetCallId(); want != "" && want != m.GetCallId() {
			continue
		}
		if err := stream.Send(&confbridgev1.TraceMessagesResponse{Content: &confbridgev1.TraceMessagesResponse_Message{Message: m}}); err != nil {
			return err
		}
		if i != 1 || !req.GetFollow() {
			continue
		}
		for _, extra := range []*confbridgev1.TraceMessagesResponse{
			{}, // of a newer bridge
			{Content: &confbridgev1.TraceMessagesResponse_MissedCount{MissedCount: 3}},
		} {
			if err := stream.Send(extra); err != nil {
				return err
			}
		}
	}
	if !req.GetFollow() {
		return nil
	}
	<-stream.Context().Done()
	return stream.Context().Err()
}

func (f *fakeDiagnostics) start(t *testing.T) string {
	t.Helper()
	return serveFake(t, func(s *grpc.Server) { confbridgev1.RegisterDiagnosticsServiceServer(s, f) })
}

// sampleTrace is a call through a proxy with a second leg's worth of oddities, and a message of no call.
func sampleTrace() *fakeDiagnostics {
	const offer = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 96 0 101\r\n" +
		"a=rtpmap:96 opus/48000/2\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\nm=video 0 RTP/AVP 97\r\n"
	const answer = "v=0\r\no=- 1 1 IN IP4 203.0.113.4\r\ns=-\r\nc=IN IP4 203.0.113.4\r\nt=0 0\r\nm=audio 20000 RTP/AVP 96\r\na=rtpmap:96 opus/48000/2\r\na=recvonly\r\n"
	head := func(callID string, cseq string) string {
		return "\r\nFrom: \"Ann\" <sip:ann@example.com>;tag=1\r\nTo: <sip:1000@bridge.example.com>\r\nCall-ID: " + callID + "\r\nCSeq: " + cseq + "\r\n\r\n"
	}
	const one, proxy, phone = "a84b4c76e66710@192.0.2.1", "192.0.2.1:5060", "[2001:db8::7]:53124"
	f := &fakeDiagnostics{requests: make(chan *confbridgev1.TraceMessagesRequest, 8)}
	add := func(after time.Duration, sent bool, transport, remote, callID, text string) *confbridgev1.TracedMessage {
		m := &confbridgev1.TracedMessage{
			Time: timestamppb.New(noon.Add(after)), Sent: sent, Transport: transport, Local: "203.0.113.4:5060", Remote: remote,
			CallId: callID, Text: text, SizeBytes: int32(len(text)),
		}
		f.messages = append(f.messages, m)
		return m
	}
	invite := "INVITE sip:1000@bridge.example.com SIP/2.0" + head(one, "1 INVITE") + offer
	ok := "SIP/2.0 200 OK" + head(one, "1 INVITE") + answer
	add(0, false, "UDP", proxy, one, invite)
	add(800*time.Microsecond, true, "UDP", proxy, one, "SIP/2.0 100 Trying"+head(one, "1 INVITE"))
	add(4*time.Millisecond, true, "UDP", proxy, one, ok)
	add(500*time.Millisecond, false, "UDP", proxy, one, invite)
	add(504*time.Millisecond, true, "UDP", proxy, one, ok)
	add(600*time.Millisecond, false, "TCP", phone, one, "ACK sip:1000@203.0.113.4 SIP/2.0"+head(one, "1 ACK"))
	add(time.Second, true, "TCP", phone, one, "INVITE sip:ann@example.com SIP/2.0"+head(one, "7 INVITE"))
	add(1100*time.Millisecond, false, "TCP", phone, one, "SIP/2.0 200 OK"+head(one, "7 INVITE")+offer)
	add(1200*time.Millisecond, true, "TCP", phone, one, "ACK sip:ann@example.com SIP/2.0"+head(one, "7 ACK")+answer)
	broken := add(2*time.Second, false, "UDP", proxy, one, "INFO sip:1000@203.0.113.4 SIP/2.0"+head(one, "x INFO"))
	broken.Fault = "Bad Request: CSeq: sequence number is not below 2^31"
	add(61*time.Second, true, "UDP", "192.0.2.77:5060", one, "BYE sip:ann@example.com SIP/2.0"+head(one, "8 BYE"))
	add(62*time.Second, true, "UDP", "192.0.2.78:5060", one, "BYE sip:ann@example.com SIP/2.0"+head(one, "9 BYE"))
	odd := add(63*time.Second, false, "UDP", "192.0.2.66:9", "", "\x1b[31mGET / HTTP/1.1\x07"+strings.Repeat("x", 100)+"\r\n\r\n")
	odd.SizeBytes = 30_000
	f.calls = []*confbridgev1.TracedCall{
		{CallId: one, From: "\"Ann\" <sip:ann@example.com>;tag=1", To: "sip:1000@bridge.example.com;tag=2", LastTime: ago(0), MessageCount: 12, MissingCount: 3, Invite: true},
		{CallId: strings.Repeat("long", 20), From: "<sips:" + strings.Repeat("x", 50) + "@h>", To: "\x1b", LastTime: ago(time.Hour), MessageCount: 1},
	}
	return f
}

func TestWhatTracePrints(t *testing.T) {
	const one = "a84b4c76e66710@192.0.2.1"
	for _, tt := range []struct {
		golden string
		args   []string
		width  int
	}{
		{"trace_list.txt", []string{"trace"}, lineWidth},
		{"trace_list.json", []string{"trace", "--json"}, 0},
		{"trace_call.txt", []string{"trace", "--call", one}, lineWidth},
		{"trace_wide.txt", []string{"trace", "--call", one, "COLUMNS=110"}, 110},
		{"trace_full.txt", []string{"trace", "--from", "ann", "--full"}, 0},
		{"trace_call.json", []string{"trace", "--call", one, "--json"}, 0},
	} {
		t.Run(tt.golden, func(t *testing.T) {
			env := map[string]string{"CONFBRIDGE_API": sampleTrace().start(t)}
			if last := tt.args[len(tt.args)-1]; strings.HasPrefix(last, "COLUMNS=") {
				env["COLUMNS"], tt.args = last[len("COLUMNS="):], tt.args[:len(tt.args)-1]
			}
			got := runAt(t.Context(), env, tt.args...)
			if got.code != exitOK || got.stderr != "" {
				t.Fatalf("got exit %d, %s", got.code, got.stderr)
			}
			golden(t, tt.golden, got.stdout)
			for line := range strings.Lines(got.stdout) {
				line = strings.TrimSuffix(line, "\n")
				if tt.width > 0 && columns(line) > tt.width {
					t.Errorf("wider than %d: %s", tt.width, line)
				}
				if strings.ContainsAny(line, "\x1b\x07") {
					t.Errorf("a control character gets through: %q", line)
				}
			}
		})
	}
}

func TestTraceFollowsUntilCtrlC(t *testing.T) {
	fake := sampleTrace()
	ctx, cancel := context.WithTimeout(t.Context(), testWait)
	defer cancel()
	const lines = 35 // of the golden file
	out := &lineCounter{want: lines, reached: cancel}
	var errOut strings.Builder
	c := &console{
		program: "confbridge", stdout: out, stderr: &errOut, zone: time.UTC,
		getenv: func(string) string { return "" }, now: func() time.Time { return noon },
	}
	code := c.run(ctx, []string{"trace", "--from", "ann", "-f", "--api", fake.start(t)})
	if code != exitOK || errOut.String() != "" {
		t.Errorf("got exit %d, %q", code, errOut.String())
	}
	golden(t, "trace_follow.txt", out.String())
	if req := <-fake.requests; !req.GetFollow() || req.GetFilter().GetFrom() != "ann" {
		t.Errorf("got request %v", req)
	}
}

func TestTraceSaysThatNothingWasFound(t *testing.T) {
	addr := sampleTrace().start(t)
	for _, tt := range []struct{ args, want string }{
		{"--call nobody", "confbridge: no message of a call with Call-ID nobody is kept: `confbridge trace` lists the calls that are\n"},
		{"--call nobody --from ann --to bob", "confbridge: no message of a call with Call-ID nobody from ann to bob is kept: `confbridge trace` lists the calls that are\n"},
	} {
		got := runAt(t.Context(), map[string]string{"CONFBRIDGE_API": addr}, append([]string{"trace"}, strings.Fields(tt.args)...)...)
		if got.code != exitError || got.stderr != tt.want {
			t.Errorf("%s: got exit %d, %q", tt.args, got.code, got.stderr)
		}
	}
	empty := &fakeDiagnostics{requests: make(chan *confbridgev1.TraceMessagesRequest, 1)}
	got := runAt(t.Context(), map[string]string{"CONFBRIDGE_API": empty.start(t)}, "trace")
	if got.code != exitOK || got.stdout != "no messages yet\n" {
		t.Errorf("got %+v", got)
	}
}

func TestDescriptionsInOneLine(t *testing.T) {
	for _, tt := range []struct{ name, sdp, want string }{
		{"numbers that need no rtpmap", "v=0\nc=IN IP4 h\nm=audio 4 RTP/AVP 0 8 99\n", "PCMU PCMA 99 h:4 sendrecv"},
		{"a session on hold by its direction", "v=0\nc=IN IP6 2001:db8::1\na=inactive\nm=audio 4 RTP/AVP 9\n", "G722 [2001:db8::1]:4 inactive"},
		{"what the stream says counts more", "v=0\nc=IN IP4 h\na=inactive\nm=audio 4 RTP/AVP 9\nc=IN IP4 i\na=sendonly\nm=video 5 RTP/AVP 1\nc=IN IP4 j\na=recvonly\n", "G722 i:4 sendonly +video"},
		{"a stream that is refused", "v=0\nc=IN IP4 h\nm=audio 0 RTP/AVP 0\nm=image 0 udptl t38\n", "PCMU h:0 (off) sendrecv +image (off)"},
		{"no stream", "v=0\n", ""},
		{"half a line", "v=0\nm=audio\n", ""},
	} {
		if got := describe(tt.sdp); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

// FuzzLadder: whatever came over the wire is printed without a control character, and within the width.
func FuzzLadder(f *testing.F) {
	for _, m := range sampleTrace().messages {
		f.Add(m.GetText(), m.GetRemote(), m.GetCallId())
	}
	f.Fuzz(func(t *testing.T, text, remote, callID string) {
		var out strings.Builder
		l := newLadder(&console{stdout: &out, zone: time.UTC, getenv: func(string) string { return "" }}, false)
		for i := range 4 {
			m := &confbridgev1.TracedMessage{
				Time: timestamppb.New(noon), Sent: i%2 == 0, Transport: "UDP", Local: "127.0.0.1:5060", Remote: fmt.Sprint(remote, i),
				CallId: callID, Text: text, Fault: text,
			}
			if err := l.message(m); err != nil {
				t.Fatal(err)
			}
		}
		for line := range strings.Lines(out.String()) {
			if line = strings.TrimSuffix(line, "\n"); columns(line) > lineWidth || clean(line) != line {
				t.Fatalf("%d columns: %q", columns(line), line)
			}
		}
	})
}
