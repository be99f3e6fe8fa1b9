package sipua

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/confbridge/confbridge/media"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/schedule"
	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/transport"
	"github.com/confbridge/confbridge/sipua/trunk"
)

func TestACallIsAnsweredJoinsAndLeaves(t *testing.T) {
	for _, over := range []string{"UDP", "TCP"} {
		t.Run(over, func(t *testing.T) {
			b := newBridge(t, nil)
			w := b.phone(t, over)
			res := w.call()
			if res.To.Tag() == "" || len(res.Contact) != 1 || !res.Contact[0].Params.Has("isfocus") {
				t.Errorf("got %s", res.Bytes())
			}
			if got, want := res.Contact[0].URI.String(), "sip:1000@"+w.server; !strings.HasPrefix(got, want) ||
				strings.Contains(got, "transport=tcp") != (over == "TCP") {
				t.Errorf("Contact: got %q, want %q over %s", got, want, over)
			}
			for _, name := range []string{"Allow", "Supported", "Server"} {
				if _, ok := res.Header(name); !ok {
					t.Errorf("there is no %s in\n%s", name, res.Bytes())
				}
			}
			if ct, _ := res.ContentType(); ct != "application/sdp" || !strings.Contains(string(res.Body), "m=audio 31") {
				t.Errorf("got body %q of type %q", res.Body, ct)
			}
			list := b.participants(t, "1000", 1)
			if list[0].DisplayName != "Alice A." || list[0].Address != "sip:alice@example.org" || list[0].CallID != w.callID {
				t.Errorf("got %+v", list[0].Caller)
			}
			w.hangup()
			b.participants(t, "1000", 0)
			if got := b.Calls(); got != 0 {
				t.Errorf("got %d calls, want none", got)
			}
		})
	}
}

func TestRequestsOutsideOfDialogs(t *testing.T) {
	b := newBridge(t, func(c *Config) { c.Domain = "bridge.example" })
	for _, row := range []struct {
		name, method, uri string
		headers           []string
		body              string
		status            int
		header, want      string
	}{
		{"OPTIONS", "OPTIONS", "sip:bridge.example", nil, "", 200, "Allow", allow},
		{"OPTIONS says what SDP it takes", "OPTIONS", "", nil, "", 200, "Accept", "application/sdp, multipart/mixed, multipart/alternative"},
		{"REGISTER", "REGISTER", "", nil, "", 405, "Allow", allow},
		{"a method nobody knows", "DANCE", "", nil, "", 501, "Allow", allow},
		{"BYE", "BYE", "", nil, "", 481, "", ""},
		{"UPDATE", "UPDATE", "", nil, "", 481, "", ""},
		{"INFO", "INFO", "", nil, "", 481, "", ""},
		{"an extension is required", "INVITE", "", []string{"Require: 100rel, precondition, timer, sec-agree"}, "v", 420, "Unsupported", "precondition, sec-agree"},
		{"sips without TLS", "INVITE", "sips:1000@bridge.example", nil, "v", 480, "Warning", `380 127.0.0.1 "SIPS Not Allowed"`},
		{"another scheme", "OPTIONS", "http://bridge.example/", nil, "", 416, "", ""},
		{"another domain", "INVITE", "sip:1000@other.example", nil, "v", 404, "", ""},
		{"a body of another type", "INVITE", "", []string{"Content-Type: text/plain"}, "hello", 415, "Accept", "application/sdp, multipart/mixed, multipart/alternative"},
		{"a packed body", "INVITE", "", []string{"Content-Encoding: gzip"}, "v", 415, "Accept-Encoding", "identity"},
		{"a body that is no SDP", "INVITE", "", nil, "hello", 400, "", ""},
		{"two Contacts", "INVITE", "", []string{"Contact: <sip:a@h>, <sip:b@h>"}, "v", 400, "", ""},
		{"no user part", "INVITE", "sip:bridge.example", nil, "sdp", 404, "", ""},
		{"a number that cannot be", "INVITE", "sip:10%2000@bridge.example", nil, "sdp", 404, "", ""},
		{"Max-Forwards 0 is no matter of ours", "OPTIONS", "", []string{"Max-Forwards: 0"}, "", 200, "", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := b.phone(t, "UDP")
			w.target = "sip:1000@" + w.server
			if row.uri != "" {
				w.target = row.uri
			}
			body := row.body
			if body == "sdp" {
				body = w.sdp()
			}
			w.send(row.method, body, row.headers...)
			res := w.want(message.Method(row.method), row.status)
			if got := strings.Join(res.Values(row.header), ", "); row.header != "" && got != row.want {
				t.Errorf("%s: got %q, want %q", row.header, got, row.want)
			}
			if res.To.Tag() == "" {
				t.Error("there is no To-tag")
			}
		})
	}
	if got := b.Calls(); got != 0 {
		t.Errorf("got %d calls, want none", got)
	}
}

func TestRoomsRefuseWithAReason(t *testing.T) {
	b := newBridge(t, nil)
	ctx := patient(t)
	for number, s := range map[string]rooms.Settings{"locked": {Locked: true}, "full": {MaxParticipants: 1}} {
		if _, err := b.rooms.Create(ctx, number, s); err != nil {
			t.Fatal(err)
		}
	}
	first := b.phone(t, "UDP")
	first.target = "sip:full@" + first.server
	first.call()
	for _, row := range []struct {
		number string
		status int
		text   string
	}{{"locked", 480, "room is locked"}, {"full", 486, "room is full"}} {
		w := b.phone(t, "UDP")
		w.target = "sip:" + row.number + "@" + w.server
		w.send("INVITE", w.sdp())
		res := w.want(message.Invite, row.status)
		if r := res.Reasons(); len(r) != 1 || r[0].Text != row.text {
			t.Errorf("%s: got %+v, want %q", row.number, r, row.text)
		}
		w.send("ACK", "")
	}
	first.hangup()
}

func TestAnEarlyCallerIsToldWhenToCallAgain(t *testing.T) {
	b := newBridge(t, nil)
	opens := time.Now().UTC().Truncate(time.Minute).Add(time.Hour)
	for number, w := range map[string]schedule.Window{
		"later": {Start: opens.Format("2006-01-02T15:04"), Zone: "UTC", Duration: time.Minute},
		"over":  {Start: "2001-01-01T00:00", Zone: "UTC", Duration: time.Minute},
	} {
		hours, err := schedule.Parse([]schedule.Window{w})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.rooms.Create(patient(t), number, rooms.Settings{Schedule: hours}); err != nil {
			t.Fatal(err)
		}
	}
	for number, text := range map[string]string{
		"later": "room is not open, it opens at " + opens.Format(time.RFC3339), "over": "room is not open, and will not be again",
	} {
		w := b.phone(t, "UDP")
		w.target = "sip:" + number + "@" + w.server
		w.send("INVITE", w.sdp())
		res := w.want(message.Invite, 480)
		if r := res.Reasons(); len(r) != 1 || r[0].Text != text {
			t.Errorf("%s: got %+v, want %q", number, r, text)
		}
		after, told := res.Header("Retry-After")
		seconds, _ := strconv.Atoi(after)
		if told != (number == "later") || told && (seconds <= 3500 || seconds > 3600) {
			t.Errorf("%s: got Retry-After %q", number, after)
		}
		w.send("ACK", "")
	}
}

func TestWhoIsBannedIsRefused(t *testing.T) {
	b := newBridge(t, nil)
	ctx := patient(t)
	w := b.phone(t, "UDP")
	w.call()
	people, err := b.rooms.Participants(ctx, "1000")
	if err != nil || len(people) != 1 {
		t.Fatalf("got %v, %v, want one participant", people, err)
	}
	if err := b.rooms.Ban(ctx, "1000", people[0].ID, time.Hour); err != nil {
		t.Fatal(err)
	}
	w.answer(w.wantRequest(message.Bye), 200)
	again := b.phone(t, "UDP")
	again.send("INVITE", again.sdp())
	res := again.want(message.Invite, 403)
	if r := res.Reasons(); len(r) != 1 || r[0].Text != "not allowed into the room" {
		t.Errorf("got %+v", r)
	}
	again.send("ACK", "")
}

func TestOffersThatCannotBeAnswered(t *testing.T) {
	b := newBridge(t, nil)
	for _, row := range []struct {
		name, from, to string
		status         int
		warning        int
	}{
		{"codec", "RTP/AVP 0", "RTP/AVP 4 18", 488, 305},
		{"profile", "RTP/AVP 0", "RTP/SAVP 0", 488, 302},
		{"IP version without a way", "IN IP4 127.0.0.1", "IN IP6 fe80::1", 488, 301}, // link-local without a link
		{"host name", "IN IP4 127.0.0.1\r\nt", "IN IP4 phone.example\r\nt", 488, 301},
		{"medium", "m=audio", "m=video", 488, 304},
		{"multicast", "IN IP4 127.0.0.1\r\nt", "IN IP4 239.1.1.1\r\nt", 488, 330},
		{"malformed", "c=IN", "c=OUT", 400, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := b.phone(t, "UDP")
			w.send("INVITE", strings.ReplaceAll(w.sdp(), row.from, row.to))
			res := w.want(message.Invite, row.status)
			warnings := res.Warnings()
			if row.warning != 0 && (len(warnings) != 1 || warnings[0].Code != row.warning) {
				t.Errorf("got warnings %+v, want %d", warnings, row.warning)
			}
			if row.status == 400 && !strings.Contains(res.Reason, "line 4") {
				t.Errorf("got reason phrase %q, want the line in it", res.Reason)
			}
			w.send("ACK", "")
		})
	}
	if got := b.Calls(); got != 0 {
		t.Errorf("got %d calls, want none", got)
	}
}

func TestADrainingBridgeSendsEverybodyAway(t *testing.T) {
	b := newBridge(t, nil)
	w, late := b.phone(t, "TCP"), b.phone(t, "UDP")
	w.call()
	b.participants(t, "1000", 1)
	ended := make(chan error, 1)
	go func() { ended <- b.Shutdown(patient(t)) }()
	bye := w.wantRequest(message.Bye)
	if r := bye.Reasons(); len(r) != 1 || r[0].Text != "bridge is shutting down" {
		t.Errorf("got %+v in\n%s", r, bye.Bytes())
	}
	late.send("INVITE", late.sdp())
	res := late.want(message.Invite, 503)
	if _, ok := res.Header("Retry-After"); !ok {
		t.Error("there is no Retry-After")
	}
	w.answer(bye, 200)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := b.Listen(t.Context()); !errors.Is(err, ErrShutdown) {
		t.Errorf("got %v, want ErrShutdown", err)
	}
}

func TestAPortInUseIsNamed(t *testing.T) {
	b := newBridge(t, nil)
	eng, err := media.NewEngine(media.Config{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Config{Listen: []string{"tcp://" + b.addrs["tcp"]}}, b.rooms, eng)
	if err != nil {
		t.Fatal(err)
	}
	err = s.Listen(t.Context())
	if !errors.Is(err, transport.ErrAddressUsed) || !strings.Contains(err.Error(), b.addrs["tcp"]) {
		t.Errorf("got %v, want ErrAddressUsed with the address", err)
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestConfigIsChecked(t *testing.T) {
	eng, err := media.NewEngine(media.Config{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = New(Config{MaxCalls: -1, Codecs: nil}, nil, eng)
	if !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), "MaxCalls") || !strings.Contains(err.Error(), "rooms") {
		t.Errorf("got %v, want both faults", err)
	}
}

func TestMoreCallsThanAllowed(t *testing.T) {
	b := newBridge(t, func(c *Config) { c.MaxCalls = 1 })
	first, second := b.phone(t, "UDP"), b.phone(t, "UDP")
	first.call()
	second.send("INVITE", second.sdp())
	res := second.want(message.Invite, 503)
	if _, ok := res.Header("Retry-After"); !ok {
		t.Error("there is no Retry-After")
	}
	second.send("ACK", "")
	first.hangup()
}

func TestATelURIIsARoomsNumber(t *testing.T) {
	b := newBridge(t, func(c *Config) { c.Domain = "bridge.example" })
	w := b.phone(t, "UDP")
	w.target = "tel:+1-201-555-0123"
	res := w.call()
	if got := res.Contact[0].URI.User; got != "+12015550123" {
		t.Errorf("got Contact %v", res.Contact[0].URI)
	}
	b.participants(t, "+12015550123", 1)
	w.hangup()
}

func TestOPTIONSAsksForARoom(t *testing.T) {
	closed := rooms.NewRegistry(rooms.Config{})
	t.Cleanup(func() {
		if err := closed.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if _, err := closed.Create(t.Context(), "1000", rooms.Settings{}); err != nil {
		t.Fatal(err)
	}
	b := newBridgeWith(t, media.Config{PortMin: 31000, PortMax: 31999}, func(*rooms.Registry) Rooms { return closed }, func(c *Config) {
		c.Trunks.Guests = trunk.Terms{Rooms: []string{"1*"}, Rewrite: []trunk.Rule{{Match: "00*", To: "*"}}}
	})
	ask := func(uri string) int {
		w := b.phone(t, "UDP")
		w.target = uri
		w.send("OPTIONS", "")
		return w.final(message.Options).StatusCode
	}
	for uri, want := range map[string]int{
		"sip:bridge.example":        200, // about the bridge
		"sip:1000@bridge.example":   200,
		"sip:001000@bridge.example": 200, // after rewriting
		"sip:1001@bridge.example":   404,
		"sip:2000@bridge.example":   404, // a number that is not theirs to call
		"tel:1000":                  200,
	} {
		if got := ask(uri); got != want {
			t.Errorf("%s: got %d, want %d", uri, got, want)
		}
	}
	if list, err := closed.List(t.Context(), "", 9); err != nil || len(list) != 1 {
		t.Errorf("got %d rooms, %v", len(list), err)
	}
	closed.Drain()
	if got := ask("sip:1000@bridge.example"); got != 503 {
		t.Errorf("draining: got %d, want 503", got)
	}
}
