package test

import (
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

// prompts are those that are told from each other in what has come to a telephone: a second of each, thinned.
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
		all[name] = thinned(pcm[:min(second, len(pcm))])
	}
	return all
}

// thinned is a sound of 8000 Hz with a quarter of the samples: what speaks is told by what is left, and found in a tenth of the time.
func thinned(pcm []int16) []int16 {
	const every = 4
	thin := make([]int16, len(pcm)/every)
	for i := range thin {
		sum := 0
		for _, s := range pcm[every*i : every*(i+1)] {
			sum += int(s)
		}
		thin[i] = int16(sum / every)
	}
	return thin
}

// recognised are the names of the prompts in what has come to a caller, in order, each as often as it was said. It is looked for in what was in the packets: what a
// telephone makes of them depends on how busy the machine is.
func recognised(all map[string][]int16, came []int16) []string {
	const alike = 0.8
	type said struct {
		name string
		at   int
	}
	var found []said
	for name, pcm := range all {
		left := thinned(came)
		for {
			peak, lag := measure.Correlation(pcm, left, len(left))
			if peak <= alike {
				break
			}
			found = append(found, said{name, lag})
			clear(left[max(lag, 0):min(lag+len(pcm), len(left))]) // it may have been said again
		}
	}
	slices.SortFunc(found, func(a, b said) int { return a.at - b.at })
	names := make([]string, len(found))
	for i, f := range found {
		names[i] = f.name
	}
	return names
}

// received is what was in all packets that have come to a guest.
func (g *guest) received(t *testing.T) (pcm []int16) {
	t.Helper()
	for _, p := range g.since(time.Time{}) {
		pcm = append(pcm, decode(t, p)...)
	}
	return pcm
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
			name: "wrong twice, then right", number: "1000", keys: ",,,,1111#,,,2222#,,,1357#", said: "welcome enter-pin wrong-pin wrong-pin entering",
			role: confbridgev1.Role_ROLE_SPEAKER,
		},
		{name: "wrong thrice", number: "1000", keys: ",,,,1111#,,,2222#,,,3333#", said: "welcome enter-pin wrong-pin wrong-pin wrong-pin-goodbye", reason: "wrong PIN"},
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
			if got := strings.Join(recognised(prompts(t, row.voice), g.received(t)), " "); got != row.said {
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
