package trunk

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// logged returns a Config whose log lines of a format go to the buffer.
func logged(format string) (Config, *watch, *bytes.Buffer) {
	var out bytes.Buffer
	cfg, clock := several(), newWatch()
	cfg.Now = clock.Now
	cfg.Log = slog.New(slog.NewTextHandler(&out, nil))
	if format == "json" {
		cfg.Log = slog.New(slog.NewJSONHandler(&out, nil))
	}
	return cfg, clock, &out
}

func TestWrongPasswordsBlockASourceForAWhile(t *testing.T) {
	cfg, clock, out := logged("text")
	v := newVisit(t, cfg, 0)
	for range 9 {
		v.refused(WrongCredentials, false, v.line("alice", "guess", 1))
	}
	if _, err := v.try(v.line("alice", "wonder", 1)); err != nil {
		t.Fatalf("the right password after 9 wrong ones: %v", err)
	}
	v.refused(WrongCredentials, false, v.line("alice", "guess", 1)) // who has one password cannot guess others for ever
	if _, err := v.try(v.line("alice", "wonder", 2)); !errors.Is(err, ErrBlocked) {
		t.Errorf("got %v, want ErrBlocked", err)
	}
	if _, err := v.try(); !errors.Is(err, ErrBlocked) {
		t.Errorf("got %v, want ErrBlocked", err)
	}
	if got := v.b.Failures()[Blocked]; got != 2 {
		t.Errorf("got %d blocked, want 2", got)
	}
	neighbour, carrier := from("9.9.9.10"), from("192.0.2.1")
	if _, err := v.b.Identify(request("INVITE", room), neighbour); !errors.Is(err, ErrUnauthorized) {
		t.Errorf("a neighbour: got %v, want a challenge", err)
	}
	if _, err := v.b.Identify(request("INVITE", room), carrier); err != nil {
		t.Errorf("a carrier: %v", err)
	}
	clock.now = clock.now.Add(10 * time.Minute)
	if _, err := v.try(); !errors.Is(err, ErrUnauthorized) {
		t.Errorf("when the window is over: got %v, want a challenge", err)
	}
	if n := strings.Count(out.String(), "\n"); n != 1 {
		t.Errorf("got %d lines, want 1:\n%s", n, out)
	}
}

// TestNobodyIsBlockedByAForger: a forged source address gets no nonce.
func TestNobodyIsBlockedByAForger(t *testing.T) {
	cfg, _, _ := logged("text")
	v := newVisit(t, cfg, 0)
	stolen := v.b.dare(netip.MustParseAddr("8.8.8.8")).Fields[0]
	right := v.field
	for range 100 {
		v.field = stolen
		v.refused(WrongCredentials, false, v.line("alice", "guess", 1))
		v.refused(NoCredentials, false)
		v.refused(Malformed, false, "Authorization: Digest x")
	}
	v.field = right
	if _, err := v.try(v.line("alice", "wonder", 1)); err != nil {
		t.Errorf("the owner of the address: %v", err)
	}
}

func TestASourceIsTheNetworkOfAnIPv6Address(t *testing.T) {
	for a, want := range map[string]string{"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::", "fe80::1%eth0": "fe80::"} {
		if got := sourceOf(netip.MustParseAddr(a)); got.String() != want {
			t.Errorf("%s: got %v, want %s", a, got, want)
		}
	}
}

func TestTheTableOfSourcesIsBounded(t *testing.T) {
	cfg, clock, _ := logged("text")
	g := newGuard(cfg.withDefaults())
	addr := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}) }
	bad := addr(0)
	for range 10 {
		g.refused(bad, WrongCredentials, true, clock.now)
	}
	for i := range MaxSources + 1000 {
		g.refused(addr(i+1), NoCredentials, false, clock.now)
	}
	if len(g.sources) != MaxSources {
		t.Errorf("got %d sources, want %d", len(g.sources), MaxSources)
	}
	if !g.blocked(bad, clock.now) {
		t.Error("the worst source was forgotten for those that did little")
	}
}

// failregex reads the filter as fail2ban does, as far as this file goes: <HOST> is an address, the date is cut out first.
func failregex(t *testing.T) []*regexp.Regexp {
	t.Helper()
	text, err := os.ReadFile("../../deploy/fail2ban/filter.d/confbridge.conf")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "failregex = ")
	rest, _, _ = strings.Cut(rest, "\n\n")
	if !found {
		t.Fatal("there is no failregex")
	}
	var list []*regexp.Regexp
	for line := range strings.Lines(rest) {
		list = append(list, regexp.MustCompile(strings.ReplaceAll(strings.TrimSpace(line), "<HOST>", `(?P<host>[0-9A-Fa-f:.]+)`)))
	}
	return list
}

// stamp is the date that fail2ban cuts out of a line.
var stamp = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[-+]\d\d:\d\d)`)

func TestFail2banReadsTheLine(t *testing.T) {
	rules := failregex(t)
	if len(rules) != 2 {
		t.Fatalf("got %d rules, want one for each log.format", len(rules))
	}
	for i, format := range []string{"text", "json"} {
		for _, addr := range []string{"9.9.9.9", "2001:db8::9"} {
			for _, why := range []Reason{NoCredentials, WrongCredentials, Malformed, Downgrade, Rejected} {
				t.Run(fmt.Sprintf("%s %s %s", format, addr, why), func(t *testing.T) {
					cfg, clock, out := logged(format)
					g := newGuard(cfg.withDefaults())
					for range 3 * 10 * challengePoints {
						g.refused(netip.MustParseAddr(addr), why, true, clock.now)
					}
					line := strings.TrimSuffix(out.String(), "\n")
					if line == "" || strings.Contains(line, "\n") {
						t.Fatalf("got %q, want one line", line)
					}
					m := rules[i].FindStringSubmatch(stamp.ReplaceAllString(line, ""))
					if m == nil || m[1] != addr {
						t.Errorf("got %q from %q", m, line)
					}
				})
			}
		}
	}
}

func TestNothingOfThePeersComesIntoTheLine(t *testing.T) {
	cfg, _, out := logged("text")
	v := newVisit(t, cfg, 0)
	for range 20 {
		_, _ = v.try(v.line("x remote=1.2.3.4 reason=y", "guess", 1))
	}
	if !strings.Contains(out.String(), "remote=9.9.9.9 ") || strings.Contains(out.String(), "1.2.3.4") {
		t.Errorf("got %s", out)
	}
}

func TestTelephonesThatAnswerTheirChallengesAreNotLogged(t *testing.T) {
	cfg, _, out := logged("text")
	v := newVisit(t, cfg, 0)
	for i := range 1000 {
		if i%99 == 98 { // a burst of many behind one NAT, then one that answers
			if _, err := v.try(v.line("alice", "wonder", i)); err != nil {
				t.Fatal(err)
			}
			continue
		}
		v.refused(NoCredentials, false)
	}
	if out.Len() > 0 {
		t.Errorf("got %s", out)
	}
	for range 101 {
		v.refused(NoCredentials, false)
	}
	if strings.Count(out.String(), "reason=no-credentials\n") != 1 {
		t.Errorf("a scanner: got %q, want one line", out)
	}
}
