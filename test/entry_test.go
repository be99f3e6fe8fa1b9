package test

import (
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/measure"
	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/rooms/entry"
	"github.com/confbridge/confbridge/rooms/sounds"
	"github.com/confbridge/confbridge/sipua"
	"github.com/confbridge/confbridge/sipua/phone"
	"github.com/confbridge/confbridge/test/bridge"
)

// doors is where numbers lead in these tests: 9000 is an entrance, 8000 a German number of room 1000.
const doors = `[{number: "9000"}, {number: "8000", room: "1000", voice: de}]`

// prompts are those that are told from each other in what has come to a telephone: a second of each, at 8 kHz.
func prompts(t *testing.T, voice string) map[string][]int16 {
	t.Helper()
	lib, err := sounds.Open(sounds.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer lib.Close()
	all := map[string][]int16{}
	for _, name := range entry.Prompts() {
		const second = 8000
		var p mixer.Player
		p.Play(lib.Prompt(voice, name))
		var pcm []int16
		for frame := p.Next(second); frame != nil; frame = p.Next(second) {
			pcm = append(pcm, frame...)
		}
		for len(pcm) > 160 && measure.RMSDBFS(pcm[:160]) < -40 { // from where it speaks
			pcm = pcm[160:]
		}
		all[name] = pcm[:min(second, len(pcm))]
	}
	return all
}

// recognised are the names of the prompts that have come to a guest, in order of when they first did. It is looked for in the packets: what a telephone
// makes of them depends on how busy the machine is.
func recognised(t *testing.T, all map[string][]int16, g *guest) []string {
	t.Helper()
	const alike = 0.8
	var came []int16
	for _, p := range g.since(time.Time{}) {
		came = append(came, decode(t, p)...)
	}
	at := map[string]int{}
	var names []string
	for name, pcm := range all {
		if peak, lag := measure.Correlation(pcm, came, len(came)); peak > alike {
			at[name] = lag
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return at[a] - at[b] })
	return names
}

func TestCallersHearTheirWayIn(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, number, voice, keys string
		said                      string
		role                      confbridgev1.Role // of who comes in
		reason                    string            // why who does not
	}{
		{name: "right PIN", number: "1000", keys: ",,,,1357#", said: "welcome enter-pin entering", role: confbridgev1.Role_ROLE_SPEAKER},
		{name: "host PIN", number: "1000", keys: ",,,,2468#", said: "welcome enter-pin entering", role: confbridgev1.Role_ROLE_MODERATOR},
		{
			name: "wrong twice, then right", number: "1000", keys: ",,,,1111#,,,2222#,,,1357#", said: "welcome enter-pin wrong-pin entering",
			role: confbridgev1.Role_ROLE_SPEAKER,
		},
		{name: "wrong thrice", number: "1000", keys: ",,,,1111#,,,2222#,,,3333#", said: "welcome enter-pin wrong-pin wrong-pin-goodbye", reason: "wrong PIN"},
		{
			name: "entrance", number: "9000", keys: ",,,,1000#,,,1357#", said: "welcome enter-conference enter-pin entering",
			role: confbridgev1.Role_ROLE_SPEAKER,
		},
		{name: "German", number: "8000", voice: "de", keys: ",,,,1357#", said: "welcome enter-pin entering", role: confbridgev1.Role_ROLE_SPEAKER},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			b := startBridge(t, bridge.Config{Closed: true, Numbers: doors})
			b.must(t, "rooms", "create", "1000", "--pin", "1357", "--moderator-pin", "2468")
			g := inviteDialling(t, newClient(t), sipua.DialConfig{URI: "sip:" + row.number + "@" + b.UDP, Codecs: []codec.Name{codec.PCMU}}, phone.Config{Digits: row.keys})
			if row.reason == "" {
				if got := b.present(t, "1000", 1)[0].GetRole(); got != row.role {
					t.Errorf("came in as %v, want %v", got, row.role)
				}
				sofar := len(g.sound())
				eventually(t, "what is said in the room", func() bool { return len(g.sound()) > sofar+3*8000 })
			} else {
				<-g.call.Done()
				eventually(t, "the record of the call", func() bool { return len(b.records(t)) == 1 })
				if r := b.records(t)[0]; r.GetReason() != row.reason || r.GetRoom() != "" {
					t.Errorf("got %v, want the reason %q and no room", r, row.reason)
				}
			}
			if got := strings.Join(recognised(t, prompts(t, row.voice), g), " "); got != row.said {
				t.Errorf("heard %q, want %q", got, row.said)
			}
		})
	}
}

// TestNoPINIsInTheLog looks for PINs in all that a bridge says at its most talkative.
func TestNoPINIsInTheLog(t *testing.T) {
	t.Parallel()
	b := startBridge(t, bridge.Config{Closed: true, Numbers: doors, LogLevel: "debug"})
	pin, wrong := "4815162342", "8080808080"
	b.must(t, "rooms", "create", "1000", "--pin", pin)
	invited := b.must(t, "invitations", "create", "1000", "--digits", "12")
	_, personal, ok := strings.Cut(strings.TrimSpace(invited), ": PIN ")
	if !ok || len(personal) != 12 {
		t.Fatalf("got %q", invited)
	}
	if r := b.run(t, "rooms", "update", "1000", "--moderator-pin", pin); r.code == 0 || strings.Contains(r.stderr, pin) {
		t.Errorf("the same PIN for moderators: exit %d, %s", r.code, r.stderr)
	}
	client := newClient(t)
	// Who dials on while a PIN is looked at dials for an answer that was right: so there is a pause behind the wrong one.
	for _, keys := range []string{wrong + "#,,," + pin + "#", personal + "#"} {
		inviteDialling(t, client, sipua.DialConfig{URI: "sip:1000@" + b.UDP, Codecs: []codec.Name{codec.PCMU}}, phone.Config{Digits: keys})
	}
	b.present(t, "1000", 2)
	for _, args := range [][]string{{"rooms", "show", "1000", "--json"}, {"rooms", "list"}, {"invitations", "list", "1000", "--json"}, {"cdr", "--json"}} {
		if said := b.must(t, args...); strings.Contains(said, pin) || strings.Contains(said, personal) || strings.Contains(said, "argon2id") {
			t.Errorf("%s shows a PIN:\n%s", strings.Join(args, " "), said)
		}
	}
	b.stopped = true
	b.conn.Close()
	log, err := b.Stop()
	if err != nil || !strings.Contains(log, "caller is let in") || !strings.Contains(log, "wrong PIN") {
		t.Errorf("%v: the log does not tell of the dialogues:\n%s", err, log)
	}
	for _, secret := range []string{pin, wrong, personal, "argon2id"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log has %s", secret)
		}
	}
}

func TestPINsAndNumbersOutliveKill9(t *testing.T) {
	t.Parallel()
	b := startBridge(t, bridge.Config{Closed: true, Numbers: doors, Rooms: "  list: [{number: \"4711\", pin: \"9753\"}]\n"})
	b.must(t, "rooms", "create", "1000", "--pin", "1357")
	b.must(t, "rooms", "update", "1000", "--moderator-pin", "2468")
	b.must(t, "rooms", "create", "3000")
	b.must(t, "numbers", "create", "7000", "--room", "1000")
	_, personal, _ := strings.Cut(strings.TrimSpace(b.must(t, "invitations", "create", "3000", "--name", "Zoe")), ": PIN ")
	_, used, _ := strings.Cut(strings.TrimSpace(b.must(t, "invitations", "create", "3000")), ": PIN ")
	in := func(b *running, dialled, number, pin string, want int) {
		t.Helper()
		g := inviteDialling(t, newClient(t), sipua.DialConfig{URI: "sip:" + dialled + "@" + b.UDP, Codecs: []codec.Name{codec.PCMU}}, phone.Config{Digits: pin + "#"})
		if want == 0 {
			eventually(t, "the PIN is wrong", func() bool {
				wrong, _ := b.metric(t, "confbridge_pin_failures_total")
				return wrong == 1
			})
		}
		b.present(t, number, want)
		g.end()
		b.present(t, number, 0)
	}
	in(b, "3000", "3000", used, 1)
	if err := syscall.Kill(b.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	b.conn.Close()
	b.stopped = true
	_, _ = b.Stop() // it was killed: no end that it could be blamed for
	b = b.restart(t)
	if r := b.room(t, "1000"); !r.GetHasPin() || !r.GetHasModeratorPin() {
		t.Errorf("got %v", r)
	}
	in(b, "7000", "1000", "1357", 1)
	in(b, "4711", "4711", "9753", 1)
	in(b, "3000", "3000", personal, 1)
	in(b, "3000", "3000", used, 0)
}

// keyScenario is a scenario of SIPp: a call that presses keys, by INFO, by the packets of RFC 4733 that come with SIPp, or in its sound. A comma is a pause. It ends by
// itself, or, where reason is given, by a BYE of the bridge's with it.
func keyScenario(t *testing.T, how, keys, reason string) string {
	t.Helper()
	const request = `
      %[1]s sip:[service]@[remote_ip]:[remote_port] SIP/2.0
      Via: SIP/2.0/[transport] [local_ip]:[local_port];rport;branch=[branch]
      Max-Forwards: 70
      From: "SIPp" <sip:sipp@[local_ip]:[local_port]>;tag=[pid]-[call_number]
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
		fmt.Fprintf(&s, "<send%s><![CDATA[%s]]></send>\n", retrans, fmt.Sprintf(request, method, tag, sequence, kind, body))
	}
	s.WriteString(xml.Header + `<scenario name="keys">` + "\n")
	audio := `      m=audio [media_port] RTP/AVP 0 101
      a=rtpmap:0 PCMU/8000
      a=rtpmap:101 telephone-event/8000
`
	if how == inBand {
		audio = `      m=audio [rtpstream_audio_port] RTP/AVP 0
      a=rtpmap:0 PCMU/8000
`
	}
	send("INVITE", ` retrans="500"`, "application/sdp", `      v=0
      o=sipp 1 1 IN IP[local_ip_type] [local_ip]
      s=-
      c=IN IP[media_ip_type] [media_ip]
      t=0 0
`+audio)
	s.WriteString(`<recv response="100" optional="true"/><recv response="200"/>` + "\n")
	send("ACK", "", "", "")
	if how == inBand {
		file, length := toneFile(t, keys)
		fmt.Fprintf(&s, "<nop><action><exec rtp_stream=\"%s,1,0,PCMU/8000\"/></action></nop><pause milliseconds=\"%d\"/>\n", file, length.Milliseconds())
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
		s.WriteString(`<pause milliseconds="1500"/>` + "\n")
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

func TestKeysOfSIPpOpenARoom(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"INFO", "RFC 4733", inBand} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			b := startBridge(t, bridge.Config{Closed: true, Numbers: doors, SIP: "  trunks: [{name: carrier, networks: [127.0.0.1]}]\n"})
			b.must(t, "rooms", "create", "2479", "--pin", "1357", "--moderator-pin", "2468")
			for _, row := range []struct{ name, number, keys, reason, outcome string }{ // SIPp's packets are of one stream, in which the keys stand in order, but 0
				{"right PIN", "2479", ",1357#", "", "admitted"},
				{"host PIN", "2479", ",2468#", "", "admitted"},
				{"wrong twice, then right", "2479", ",1212#,2323#,1357#", "", "admitted"},
				{"entrance", "9000", ",2479#,1357#", "", "admitted"},
				{"wrong thrice", "2479", ",1212#,2323#,3434#", "wrong PIN", "wrong_pin"},
			} {
				if how == inBand {
					if row.name != "right PIN" && row.name != "wrong twice, then right" {
						continue // tones take their time, and these two have all that there is
					}
					row.keys = strings.ReplaceAll(row.keys, "#,", "#,,") // the file goes on whether a PIN has been looked at or not
				}
				before, _ := b.metric(t, "confbridge_entry_dialogues_total", `outcome="`+row.outcome+`"`)
				stats := b.sipp(t, b.UDP, "-sf", keyScenario(t, how, row.keys, row.reason), "-s", row.number, "-m", "1")
				wantStats(t, stats, map[string]string{"SuccessfulCall(C)": "1", "FailedCall(C)": "0"})
				after, _ := b.metric(t, "confbridge_entry_dialogues_total", `outcome="`+row.outcome+`"`)
				if after != before+1 {
					t.Errorf("%s: %v dialogues ended as %s, want one", row.name, after-before, row.outcome)
				}
			}
		})
	}
}
