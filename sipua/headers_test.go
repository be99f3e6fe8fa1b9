package sipua

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/sipua/message"
)

// place says where a header field stands in RFC 3261 §20, table 2, and in the tables of the RFCs that add to it.
type place uint8

const (
	may  place = iota
	must       // m, m*
	not        // -
)

// fieldRules is the table, of the fields that this package writes. Where a rule says may, the table says o, or it says *
// and the field is checked elsewhere.
var fieldRules = map[string]func(m *message.Message) place{
	"Contact": func(m *message.Message) place {
		method, class := m.CSeq.Method, m.StatusCode/100
		dialog := method == message.Invite || method == message.Update
		switch {
		case m.IsRequest() && dialog, class == 2 && dialog:
			return must
		case m.IsRequest() && (method == message.Ack || method == message.Options), class == 1 && method == message.Invite,
			class == 2 && method == message.Options, class == 3, m.StatusCode == 485:
			return may
		}
		return not
	},
	"Record-Route": func(m *message.Message) place {
		return only(m.CSeq.Method == message.Invite && (m.StatusCode > 100 && m.StatusCode < 300))
	},
	"Allow": func(m *message.Message) place {
		ok := m.StatusCode/100 == 2 && (m.CSeq.Method == message.Invite || m.CSeq.Method == message.Options)
		return always(ok || m.StatusCode == 405 || m.StatusCode == 501)
	},
	"Supported": func(m *message.Message) place {
		method := m.CSeq.Method
		return always(m.StatusCode/100 == 2 && (method == message.Invite || method == message.Options) || m.Method == message.Invite)
	},
	"Accept": func(m *message.Message) place {
		return always(m.StatusCode/100 == 2 && m.CSeq.Method == message.Options || m.StatusCode == 415)
	},
	"Unsupported": func(m *message.Message) place { return exactly(m.StatusCode == 420) },
	"Min-SE": func(m *message.Message) place { // RFC 4028, table 1
		if m.IsRequest() {
			return only(m.Method == message.Invite || m.Method == message.Update)
		}
		return exactly(m.StatusCode == 422)
	},
	"Session-Expires": func(m *message.Message) place {
		return only((m.IsRequest() || m.StatusCode/100 == 2) && (m.CSeq.Method == message.Invite || m.CSeq.Method == message.Update))
	},
	"RSeq": func(m *message.Message) place { // RFC 3262, table 1
		return exactly(m.StatusCode > 100 && m.StatusCode < 200 && m.HasToken("Require", "100rel"))
	},
	"RAck": func(m *message.Message) place { return exactly(m.Method == message.Prack) },
	"Require": func(m *message.Message) place {
		return only(m.StatusCode > 100 && m.StatusCode < 300 && (m.CSeq.Method == message.Invite || m.CSeq.Method == message.Update))
	},
	"Retry-After": func(m *message.Message) place {
		return only(slices.Contains([]int{404, 413, 480, 486, 500, 503, 600, 603}, m.StatusCode))
	},
	"Server": func(m *message.Message) place {
		if m.IsRequest() {
			return not
		}
		// These the transaction layer sends by itself.
		return always(m.StatusCode != 100 && m.StatusCode != 482 && m.CSeq.Method != message.Cancel)
	},
	"User-Agent": func(m *message.Message) place {
		return exactlyOrMay(m.IsRequest(), m.Method == message.Ack || m.Method == message.Cancel)
	},
	"Max-Forwards": func(m *message.Message) place { return exactly(m.IsRequest()) },
	"Recv-Info": func(m *message.Message) place { // RFC 6086, table 1
		if m.CSeq.Method == message.Invite && (m.IsRequest() || m.StatusCode/100 == 2) {
			return may
		}
		return exactly(m.StatusCode == 469)
	},
	"Content-Type": func(m *message.Message) place { return exactly(len(m.Body) > 0) },
	"Replaces":     func(*message.Message) place { return not },
}

func only(yes bool) place {
	if yes {
		return may
	}
	return not
}

func always(yes bool) place {
	if yes {
		return must
	}
	return may
}

func exactly(yes bool) place {
	if yes {
		return must
	}
	return not
}

func exactlyOrMay(yes, optional bool) place {
	if optional {
		return may
	}
	return exactly(yes)
}

// misfits are the fields of a message of ours that break the table.
func misfits(m *message.Message) []string {
	var faults []string
	for name, rule := range fieldRules {
		_, has := m.Header(name)
		switch name {
		case "Contact":
			has = len(m.Contact) > 0
		case "Record-Route":
			has = len(m.RecordRoute) > 0
		}
		switch want := rule(m); {
		case want == must && !has:
			faults = append(faults, "there is no "+name)
		case want == not && has:
			faults = append(faults, "there is "+name)
		}
	}
	if !m.IsRequest() && (m.To.Tag() == "") != (m.StatusCode == 100) {
		faults = append(faults, "To-tag is "+m.To.Tag())
	}
	if m.HasToken("Require", "timer") != (m.HasToken("Require", "timer") && len(m.Values("Session-Expires")) == 1) {
		faults = append(faults, "Require: timer without Session-Expires")
	}
	slices.Sort(faults)
	return faults
}

func TestTheTableFindsWhatBreaksIt(t *testing.T) {
	good := message.NewResponse(invite(t), 486, "")
	good.To = good.To.WithTag("x")
	good.Add("Server", "s")
	if got := misfits(good); len(got) != 0 {
		t.Errorf("got %v of a good one", got)
	}
	for want, change := range map[string]func(*message.Message){
		"there is Contact":      func(m *message.Message) { m.Contact = invite(t).Contact },
		"there is Record-Route": func(m *message.Message) { m.RecordRoute = invite(t).Contact },
		"there is RSeq":         func(m *message.Message) { m.SetRSeq(1) },
		"there is no Allow":     func(m *message.Message) { m.StatusCode = 405 },
		"there is no Accept":    func(m *message.Message) { m.StatusCode = 415 },
		"there is no Server":    func(m *message.Message) { m.Del("Server") },
		"To-tag is ":            func(m *message.Message) { m.To.Params = nil },
	} {
		bad := good.Clone()
		change(bad)
		if got := misfits(bad); !slices.Contains(got, want) {
			t.Errorf("got %v, want %q", got, want)
		}
	}
}

// TestEachResponseHasItsFields provokes them; wire.read checks each by the table.
func TestEachResponseHasItsFields(t *testing.T) {
	b := newBridge(t, func(c *Config) { c.Domain = "bridge.example" })
	for number, s := range map[string]rooms.Settings{"locked": {Locked: true}, "full": {MaxParticipants: 1}} {
		if _, err := b.rooms.Create(patient(t), number, s); err != nil {
			t.Fatal(err)
		}
	}
	in := b.phone(t, "UDP")
	in.target = "sip:full@bridge.example"
	in.send("INVITE", in.sdp(), "Record-Route: <sip:"+in.host()+";lr>", "Supported: timer")
	res := in.want(message.Invite, 200)
	if len(res.RecordRoute) != 1 || !res.HasToken("Require", "timer") {
		t.Errorf("got %s", res.Bytes())
	}
	in.enter(res)
	in.send("ACK", "")
	type row struct {
		method string
		inside bool
		user   string
		status int
		body   string
		header string
	}
	for _, row := range []row{
		{"OPTIONS", false, "1000", 200, "", ""},
		{"OPTIONS", true, "", 200, "", ""},
		{"INVITE", false, "1000@other.example", 404, "sdp", ""},
		{"INVITE", false, "locked", 480, "sdp", ""},
		{"INVITE", false, "full", 486, "sdp", ""},
		{"INVITE", false, "1000", 400, "rubbish", ""},
		{"INVITE", false, "1000", 415, "rubbish", "Content-Type: text/plain"},
		{"INVITE", false, "1000", 420, "sdp", "Require: x"},
		{"INVITE", false, "1000", 422, "sdp", "Supported: timer\r\nx: 10"},
		{"INVITE", false, "1000", 488, "bad", ""},
		{"INVITE", true, "", 488, "bad", ""},
		{"INVITE", true, "", 422, "sdp", "Supported: timer\r\nx: 10"},
		{"UPDATE", true, "", 200, "", "Supported: timer"},
		{"UPDATE", true, "", 488, "bad", ""},
		{"UPDATE", false, "1000", 481, "", ""},
		{"INFO", true, "", 200, "", ""},
		{"INFO", true, "", 469, "", "Info-Package: x"},
		{"INFO", true, "", 415, "x", "Content-Type: x/y"},
		{"PRACK", true, "", 400, "", ""},
		{"PRACK", true, "", 481, "", "RAck: 1 1 INVITE"},
		{"PRACK", false, "1000", 481, "", ""},
		{"REFER", true, "", 405, "", ""},
		{"REFER", false, "1000", 405, "", ""},
		{"NOTIFY", true, "", 405, "", ""},
		{"DANCE", true, "", 501, "", ""},
		{"BYE", false, "1000", 481, "", ""},
	} {
		t.Run(fmt.Sprint(row.status, " to ", row.method), func(t *testing.T) {
			w := in
			if !row.inside {
				w = b.phone(t, "UDP")
				w.target = "sip:" + row.user
				if !strings.Contains(row.user, "@") {
					w.target += "@bridge.example"
				}
			}
			body := row.body
			switch body {
			case "sdp":
				body = w.sdp()
			case "bad":
				body = strings.Replace(w.sdp(), "AVP 0", "AVP 18", 1)
			}
			var headers []string
			if row.header != "" {
				headers = strings.Split(row.header, "\r\n")
			}
			w.send(row.method, body, headers...)
			res := w.want(message.Method(row.method), row.status)
			if row.method == "INVITE" {
				if !row.inside {
					w.toTag = res.To.Tag()
				}
				w.send("ACK", "")
			}
		})
	}
	in.hangup()
}
