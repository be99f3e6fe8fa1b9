package test

import (
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/test/bridge"
)

// keyScenario is a scenario of SIPp: a call by somebody of this name that presses keys, by INFO, by the packets of RFC 4733 that come with SIPp, or in its sound. A comma
// is a pause of a second. It ends by itself, or, where reason is given, by a BYE of the bridge's with it. What is said to it goes to listenBeside.
func keyScenario(t *testing.T, how, name, keys, reason string) string {
	t.Helper()
	const request = `
      %[1]s sip:[service]@[remote_ip]:[remote_port] SIP/2.0
      Via: SIP/2.0/[transport] [local_ip]:[local_port];rport;branch=[branch]
      Max-Forwards: 70
      From: "%[6]s" <sip:sipp@[local_ip]:[local_port]>;tag=[pid]-[call_number]
      To: <sip:[service]@[remote_ip]:[remote_port]>%[2]s
      Call-ID: [call_id]
      CSeq: %[3]d %[1]s
      Contact: <sip:sipp@[local_ip]:[local_port];transport=[transport]>
%[4]s      Content-Length: [len]

%[5]s`
	var s strings.Builder
	sequence := 1
	send := func(method, retrans, kind, body string) {
		tag := "[peer_tag_param]"
		if method == "INVITE" {
			tag = ""
		}
		if kind != "" {
			kind = "      Content-Type: " + kind + "\n"
		}
		fmt.Fprintf(&s, "<send%s><![CDATA[%s]]></send>\n", retrans, fmt.Sprintf(request, method, tag, sequence, kind, body, name))
	}
	s.WriteString(xml.Header + `<scenario name="keys">` + "\n")
	audio := `      m=audio [media_port+%d] RTP/AVP 0 101
      a=rtpmap:0 PCMU/8000
      a=rtpmap:101 telephone-event/8000
`
	if how == inBand {
		audio = `      m=audio [media_port+%d] RTP/AVP 0
      a=rtpmap:0 PCMU/8000
`
	}
	send("INVITE", ` retrans="500"`, "application/sdp", `      v=0
      o=sipp 1 1 IN IP[local_ip_type] [local_ip]
      s=-
      c=IN IP[media_ip_type] [media_ip]
      t=0 0
`+fmt.Sprintf(audio, earOffset))
	s.WriteString(`<recv response="100" optional="true"/><recv response="200"/>` + "\n")
	send("ACK", "", "", "")
	if how == inBand {
		file, length := toneFile(t, keys)
		fmt.Fprintf(&s, "<nop><action><exec play_pcap_audio=%q/></action></nop><pause milliseconds=\"%d\"/>\n", file, length.Milliseconds())
		keys = ""
	}
	pcaps := strings.NewReplacer("#", "pound", "*", "star")
	for _, k := range keys {
		switch {
		case k == ',':
			s.WriteString(`<pause milliseconds="1000"/>` + "\n")
		case how == "INFO":
			sequence++
			send("INFO", ` retrans="500"`, "application/dtmf-relay", fmt.Sprintf("      Signal=%c\n      Duration=160\n", k))
			s.WriteString(`<recv response="200"/>` + "\n")
		default:
			file := "/usr/share/sip-tester/dtmf_2833_" + pcaps.Replace(string(k)) + ".pcap"
			if _, err := os.Stat(file); err != nil {
				t.Skipf("SIPp's packets are not installed: %v", err)
			}
			fmt.Fprintf(&s, "<nop><action><exec play_pcap_audio=%q/></action></nop><pause milliseconds=\"400\"/>\n", file)
		}
	}
	if reason == "" {
		sequence++
		send("BYE", ` retrans="500"`, "", "")
		s.WriteString(`<recv response="200"/>` + "\n")
	} else {
		fmt.Fprintf(&s, `<recv request="BYE" timeout="30000"><action><ereg regexp=%q search_in="hdr" header="Reason:" check_it="true" assign_to="1"/></action></recv>
<send><![CDATA[
      SIP/2.0 200 OK
      [last_Via:]
      [last_From:]
      [last_To:]
      [last_Call-ID:]
      [last_CSeq:]
      Content-Length: 0

]]></send><Reference variables="1"/>
`, reason)
	}
	s.WriteString("</scenario>\n")
	file := filepath.Join(t.TempDir(), "keys.xml")
	if err := os.WriteFile(file, []byte(s.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestKeysOfSIPpOpenARoom has a SIPp of its own dial each way in, all at once, and listens to what is said to it.
func TestKeysOfSIPpOpenARoom(t *testing.T) {
	t.Parallel()
	const speaker, moderator = confbridgev1.Role_ROLE_SPEAKER, confbridgev1.Role_ROLE_MODERATOR
	rows := []struct { // SIPp's packets are of one stream, in which the keys stand in order, but 0
		name, number, keys string
		said               string
		room               string // that they come into
		role               confbridgev1.Role
		reason             string // why who does not
	}{
		{"right PIN", "2479", ",,,,1357#,,,", "welcome enter-pin entering", "rooms/2479", speaker, ""},
		{"host PIN", "2479", ",,,,2468#,,,", "welcome enter-pin entering", "rooms/2479", moderator, ""},
		{
			"wrong twice, then right", "2479", ",,,,1212#,,,2323#,,,1357#,,,",
			"welcome enter-pin wrong-pin wrong-pin entering", "rooms/2479", speaker, "",
		},
		{"entrance", "9000", ",,,,2479#,,,1357#,,,", "welcome enter-conference enter-pin entering", "rooms/2479", speaker, ""},
		{
			"wrong thrice", "2479", ",,,,1212#,,,2323#,,,3434#",
			"welcome enter-pin wrong-pin wrong-pin wrong-pin-goodbye", "", speaker, "wrong PIN",
		},
	}
	for _, how := range []string{"INFO", "RFC 4733", inBand} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			b := startBridge(t, bridge.Config{Closed: true, Numbers: doors, SIP: "  trunks: [{name: carrier, networks: [127.0.0.1]}]\n"})
			b.must(t, "rooms", "create", "2479", "--pin", "1357", "--moderator-pin", "2468")
			ears, running := make([]*ear, len(rows)), make([]*sippRun, len(rows))
			for i, row := range rows {
				media := sippMediaPort()
				ears[i] = listenBeside(t, media)
				running[i] = b.startSIPp(t, media, b.UDP, "-sf", keyScenario(t, how, row.name, row.keys, row.reason), "-s", row.number, "-m", "1")
			}
			for _, r := range running {
				wantStats(t, r.wait(t), map[string]string{"SuccessfulCall(C)": "1", "FailedCall(C)": "0"})
			}
			var calls []*confbridgev1.CallRecord
			eventually(t, "the records of the calls", func() bool { calls = b.records(t); return len(calls) == len(rows) })
			for outcome, want := range map[string]float64{"admitted": 4, "wrong_pin": 1} {
				if got, _ := b.metric(t, "confbridge_entry_dialogues_total", `outcome="`+outcome+`"`); got != want {
					t.Errorf("%v dialogues ended as %s, want %v", got, outcome, want)
				}
			}
			all := prompts(t, "")
			for i, row := range rows {
				if got := strings.Join(recognised(all, ears[i].received(t)), " "); got != row.said {
					t.Errorf("%s: heard %q, want %q", row.name, got, row.said)
				}
				at := slices.IndexFunc(calls, func(r *confbridgev1.CallRecord) bool { return r.GetDisplayName() == row.name })
				if at < 0 {
					t.Errorf("%s: no record", row.name)
				} else if r := calls[at]; r.GetRoom() != row.room || r.GetSeat().GetRole() != row.role || row.reason != "" && r.GetReason() != row.reason {
					t.Errorf("%s: got %v, want room %q, role %v, reason %q", row.name, r, row.room, row.role, row.reason)
				}
			}
		})
	}
}
