package locate

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
	"go.uber.org/goleak"

	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// zone is a DNS server made of text.
type zone struct {
	mu      sync.Mutex
	records []dns.RR
	asked   []string
	answer  func(m *dns.Msg, server string, tcp bool) (*dns.Msg, error) // nil: from records
}

func newZone(t *testing.T, text string) *zone {
	t.Helper()
	z := &zone{}
	p := dns.NewZoneParser(strings.NewReader("$ORIGIN example.com.\n$TTL 60\n"+text), "", "")
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		z.records = append(z.records, rr)
	}
	if err := p.Err(); err != nil {
		t.Fatal(err)
	}
	return z
}

func (z *zone) exchange(ctx context.Context, m *dns.Msg, server string, tcp bool) (*dns.Msg, error) {
	z.mu.Lock()
	over := ""
	if tcp {
		over = " tcp"
	}
	z.asked = append(z.asked, dns.TypeToString[m.Question[0].Qtype]+" "+m.Question[0].Name+over)
	answer := z.answer
	z.mu.Unlock()
	if answer != nil {
		if res, err := answer(m, server, tcp); res != nil || err != nil {
			return res, err
		}
	}
	return z.respond(m), nil
}

// respond answers from the records, with the chain of CNAMEs as a recursive server has it.
func (z *zone) respond(m *dns.Msg) *dns.Msg {
	res := new(dns.Msg)
	res.SetReply(m)
	name := m.Question[0].Name
	res.Rcode = dns.RcodeNameError
	for range 4 {
		next := ""
		for _, rr := range z.records {
			if !strings.EqualFold(rr.Header().Name, name) {
				continue
			}
			res.Rcode = dns.RcodeSuccess
			if c, ok := rr.(*dns.CNAME); ok && m.Question[0].Qtype != dns.TypeCNAME {
				res.Answer, next = append(res.Answer, rr), c.Target
			} else if rr.Header().Rrtype == m.Question[0].Qtype {
				res.Answer = append(res.Answer, rr)
			}
		}
		if next == "" {
			break
		}
		name = next
	}
	return res
}

func (z *zone) took() []string {
	z.mu.Lock()
	defer z.mu.Unlock()
	out := z.asked
	z.asked = nil
	slices.Sort(out)
	return out
}

// locator is one that asks the zone, has ways to all addresses, and draws 0.
func (z *zone) locator(usable ...string) *Locator {
	l := New(Config{
		Servers: []string{"one"}, HostsFile: "testdata/hosts", Draw: func(int) int { return 0 },
		Usable: func(name string, _ bool) bool { return slices.Contains(usable, name) },
	})
	l.dns.exchange = z.exchange
	l.sources = func(_ context.Context, to netip.Addr) netip.Addr { return to }
	return l
}

func uri(t *testing.T, s string) message.URI {
	t.Helper()
	u, err := message.ParseURI(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// find is Locate as text: URLs, with the name that TLS asks for behind them.
func find(t *testing.T, l *Locator, to string) []string {
	t.Helper()
	list, err := l.Locate(t.Context(), uri(t, to))
	if err != nil {
		return []string{errText(err)}
	}
	return urls(list)
}

func urls(list []transport.Target) []string {
	var out []string
	for _, one := range list {
		s := one.String()
		if one.Name != "" {
			s += " " + one.Name
		}
		out = append(out, s)
	}
	return out
}

func errText(err error) string {
	switch {
	case errors.Is(err, ErrNotFound):
		return "not found"
	case errors.Is(err, ErrDNS):
		return "DNS failed"
	}
	return err.Error()
}

const everything = `
@        NAPTR 10 50 "s" "SIPS+D2T" "" _sips._tcp
@        NAPTR 20 50 "s" "SIP+D2T"  "" _sip._tcp
@        NAPTR 30 60 "s" "SIP+D2U"  "" _sip._udp
@        NAPTR 30 50 "s" "SIP+D2W"  "" _sip._ws
@        NAPTR 30 70 "s" "SIPS+D2W" "" _sips._ws
@        NAPTR 1  1  "u" "E2U+sip"  "!^.*$!sip:x@y!" .
_sips._tcp SRV 1 0 5061 a
_sip._tcp  SRV 1 0 5070 b
_sip._tcp  SRV 0 0 5071 a
_sip._udp  SRV 1 0 5080 a
_sip._ws   SRV 1 0 80 a
_sips._ws  SRV 1 0 443 a
@  A 192.0.2.1
a  A 192.0.2.2
b  A 192.0.2.3
b  AAAA 2001:db8::3
srv      CNAME other
_sip._udp.other SRV 1 0 5060 b
nosrv    A 192.0.2.9
closed   A 192.0.2.9
_sip._udp.closed SRV 0 0 0 .
alias    CNAME alias2
alias2   CNAME nosrv
`

func TestWhereAURILeads(t *testing.T) {
	z := newZone(t, everything)
	for _, row := range []struct {
		name, uri string
		ours      string
		want      []string
	}{
		{"an address goes by UDP and no question is asked", "sip:a@192.0.2.7", "UDP TCP", []string{"udp://192.0.2.7:5060"}},
		{"an address where we have no UDP goes by what we have", "sip:a@192.0.2.7", "TCP", []string{"tcp://192.0.2.7:5060"}},
		{"an address in sips goes by TLS", "sips:a@192.0.2.7", "UDP TLS", []string{"tls://192.0.2.7:5061"}},
		{"an IPv6 address with a port", "sip:a@[2001:db8::7]:5090", "UDP", []string{"udp://[2001:db8::7]:5090"}},
		{"maddr is where it goes", "sip:a@example.com;maddr=192.0.2.8", "UDP", []string{"udp://192.0.2.8:5060"}},
		{"maddr by TLS must prove the URI's name", "sips:a@example.com;maddr=192.0.2.8", "TLS", []string{"tls://192.0.2.8:5061 example.com"}},
		{"a port means no NAPTR and no SRV", "sip:a@example.com:5062", "UDP", []string{"udp://192.0.2.1:5062"}},
		{"a port and a transport", "sip:a@example.com:5062;transport=tcp", "UDP TCP", []string{"tcp://192.0.2.1:5062"}},
		{"NAPTR: TLS is what the domain wants most", "sip:a@example.com", "UDP TCP TLS", []string{"tls://192.0.2.2:5061 example.com"}},
		{
			"NAPTR: without TLS, TCP, its servers by priority", "sip:a@example.com", "UDP TCP",
			[]string{"tcp://192.0.2.2:5071", "tcp://[2001:db8::3]:5070", "tcp://192.0.2.3:5070"},
		},
		{
			"NAPTR: one order by preference", "sip:a@example.com", "UDP WS WSS",
			[]string{"ws://192.0.2.2:80", "udp://192.0.2.2:5080", "wss://192.0.2.2:443 example.com"},
		},
		{"NAPTR: sips takes secure ones only", "sips:a@example.com", "UDP TCP WSS", []string{"wss://192.0.2.2:443 example.com"}},
		{
			"a transport means SRV of that", "sip:a@example.com;transport=tcp", "UDP TCP TLS",
			[]string{"tcp://192.0.2.2:5071", "tcp://[2001:db8::3]:5070", "tcp://192.0.2.3:5070"},
		},
		{"sips over tcp is TLS", "sips:a@example.com;transport=tcp", "TCP TLS", []string{"tls://192.0.2.2:5061 example.com"}},
		{"sips over udp is nowhere", "sips:a@example.com;transport=udp", "UDP TLS", []string{"not found"}},
		{
			"no NAPTR, SRV by way of a CNAME's own name", "sip:a@other.example.com", "UDP TCP",
			[]string{"udp://[2001:db8::3]:5060", "udp://192.0.2.3:5060"},
		},
		{"no NAPTR and no SRV", "sip:a@nosrv.example.com", "UDP TCP", []string{"udp://192.0.2.9:5060"}},
		{"no NAPTR and no SRV, in sips", "sips:a@nosrv.example.com", "UDP TLS", []string{"tls://192.0.2.9:5061 nosrv.example.com"}},
		{"a service that says it is not there", "sip:a@closed.example.com", "UDP", []string{"not found"}},
		{"two CNAMEs", "sip:a@alias.example.com", "UDP", []string{"udp://192.0.2.9:5060"}},
		{"no such name", "sip:a@nobody.example.com", "UDP", []string{"not found"}},
		{"a final dot", "sip:a@NoSRV.example.com.", "UDP", []string{"udp://192.0.2.9:5060"}},
		{"the hosts file", "sip:a@PBX;transport=udp", "UDP", []string{"udp://192.0.2.77:5060"}},
		{"localhost", "sip:a@localhost:5060", "UDP", []string{"udp://127.0.0.1:5060", "udp://[::1]:5060"}},
		{"a transport that we have not", "sip:a@192.0.2.7;transport=sctp", "UDP", []string{"not found"}},
		{"a tel URI", "tel:+1", "UDP", []string{"not found"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := find(t, z.locator(strings.Fields(row.ours)...), row.uri)
			if row.uri == "sip:a@localhost:5060" {
				slices.Sort(got) // ::1 comes first by RFC 6724; the test names the set
				slices.Reverse(got)
				slices.Sort(row.want)
				slices.Reverse(row.want)
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestAnAddressIsNotAskedFor(t *testing.T) {
	z := newZone(t, everything)
	find(t, z.locator("UDP"), "sip:a@192.0.2.7")
	find(t, z.locator("UDP"), "sip:a@pbx:5060")
	if got := z.took(); len(got) > 0 {
		t.Errorf("asked %q", got)
	}
}

func TestWeightsAreDrawnAsRFC2782Says(t *testing.T) {
	srv := func(priority, weight uint16, target string) *dns.SRV {
		return &dns.SRV{Priority: priority, Weight: weight, Target: target}
	}
	list := func() []*dns.SRV {
		return []*dns.SRV{srv(2, 5, "late"), srv(1, 3, "three"), srv(1, 0, "zero"), srv(1, 1, "one")}
	}
	order := func(draws ...int) (string, []int) {
		var bounds []int
		var names []string
		for _, s := range weigh(list(), func(n int) int {
			bounds = append(bounds, n)
			d := draws[0]
			draws = draws[1:]
			return d
		}) {
			names = append(names, s.Target)
		}
		return strings.Join(names, " "), bounds
	}
	for _, row := range []struct {
		draws []int
		want  string
	}{
		{[]int{0, 0, 0, 0}, "zero three one late"}, // 0 is the one of weight 0, then the first
		{[]int{1, 0, 0, 0}, "three zero one late"},
		{[]int{3, 0, 0, 0}, "three zero one late"},
		{[]int{4, 3, 0, 5}, "one three zero late"},
		{[]int{0, 4, 3, 0}, "zero one three late"},
	} {
		got, bounds := order(row.draws...)
		if got != row.want {
			t.Errorf("draws %v: got %q, want %q", row.draws, got, row.want)
		}
		if bounds[0] != 5 {
			t.Errorf("drew from %d first, want 5: the sum of the weights and 0", bounds[0])
		}
	}
	// Statistically: 3 of 4 first places go to the one with three quarters of the weight.
	first, n := 0, 0
	for i := range 400 {
		n++
		if s, _ := order(i%5, 0, 0, 0); strings.HasPrefix(s, "three") {
			first++
		}
	}
	if first*5 != n*3 {
		t.Errorf("got %d of %d", first, n)
	}
}

func TestAnAnswerIsKeptAsLongAsItSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := newZone(t, "a 30 A 192.0.2.2\nzero 0 A 192.0.2.3\nalias 10 CNAME a\n")
		z.records = append(z.records, &dns.SOA{})
		l := z.locator("UDP")
		look := func(name string, asked int) {
			t.Helper()
			if got := find(t, l, "sip:x@"+name+".example.com:5060"); name != "none" && !strings.HasPrefix(got[0], "udp://192.0.2.") {
				t.Errorf("got %q", got)
			}
			if got := z.took(); len(got) != asked {
				t.Errorf("%s: asked %q, want %d questions", name, got, asked)
			}
		}
		look("a", 2)
		time.Sleep(29 * time.Second)
		look("a", 0)
		time.Sleep(time.Second)
		look("a", 2) // that there is no AAAA holds for 30 s as well
		look("zero", 2)
		look("zero", 1)
		look("alias", 3) // and what it stands for
		time.Sleep(9 * time.Second)
		look("alias", 0)
		time.Sleep(time.Second)
		look("alias", 3)
		look("none", 2)
		look("none", 0)
	})
}

func TestManyAskersAskOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := newZone(t, "a A 192.0.2.2\n")
		z.answer = func(*dns.Msg, string, bool) (*dns.Msg, error) {
			time.Sleep(time.Second)
			return nil, nil
		}
		l := z.locator("UDP")
		var wg sync.WaitGroup
		for i := range 20 {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			if i == 0 {
				ctx, cancel = context.WithTimeout(t.Context(), 500*time.Millisecond) // who asked gives up: others ask again
			}
			defer cancel()
			wg.Go(func() {
				if i > 0 {
					time.Sleep(time.Millisecond)
				}
				list, err := l.Locate(ctx, uri(t, "sip:x@a.example.com:5060"))
				if (i == 0) != (err != nil) || i > 0 && len(list) != 1 {
					t.Errorf("asker %d: got %v, %v", i, list, err)
				}
			})
		}
		wg.Wait()
		if got := z.took(); len(got) > 4 {
			t.Errorf("asked %q", got)
		}
	})
}

func TestTheMemoryOfFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := newZone(t, "_sip._udp SRV 1 0 5060 a\n_sip._udp SRV 2 0 5060 b\n_sip._udp SRV 3 0 5060 c\na A 192.0.2.1\nb A 192.0.2.2\nc A 192.0.2.3\n")
		l := z.locator("UDP")
		target := func(i int) transport.Target {
			return transport.Target{Transport: "UDP", Addr: netip.MustParseAddrPort(fmt.Sprintf("192.0.2.%d:5060", i)), Name: "whatever"}
		}
		order := func() string {
			var out strings.Builder
			for _, s := range find(t, l, "sip:x@example.com") {
				out.WriteString(strings.TrimSuffix(strings.TrimPrefix(s, "udp://192.0.2."), ":5060"))
			}
			return out.String()
		}
		l.Failed(target(1), time.Minute)
		l.Failed(target(2), 30*time.Second)
		if got := order(); got != "321" {
			t.Errorf("got %s, want what failed last, soonest first", got)
		}
		time.Sleep(30 * time.Second)
		if got := order(); got != "231" {
			t.Errorf("got %s, want 2 back", got)
		}
		l.Worked(target(1))
		if got := order(); got != "123" {
			t.Errorf("got %s, want 1 back", got)
		}
		l.Failed(target(1), 100*time.Hour)
		time.Sleep(time.Hour)
		if got := order(); got != "123" {
			t.Errorf("got %s, want an hour to be the most", got)
		}
		for i := range 3 * maxFailed {
			l.Failed(transport.Target{Transport: "UDP", Addr: netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), uint16(i+1))}, time.Duration(i)*time.Second)
		}
		if got := len(l.failed.until); got > maxFailed {
			t.Errorf("remembers %d, want at most %d", got, maxFailed)
		}
	})
}

func TestAddressesInTheOrderOfRFC6724(t *testing.T) {
	l := New(Config{})
	sources := map[string]string{
		"192.0.2.1": "192.0.2.100", "2001:db8::1": "2001:db8::100", "fd00::1": "2001:db8::100", "::1": "::1",
	}
	l.sources = func(_ context.Context, to netip.Addr) netip.Addr {
		a, _ := netip.ParseAddr(sources[to.String()])
		return a
	}
	for in, want := range map[string]string{
		"192.0.2.1 2001:db8::1":          "2001:db8::1 192.0.2.1",
		"2001:db9::1 192.0.2.1":          "192.0.2.1 2001:db9::1", // there is no way to it
		"fd00::1 192.0.2.1":              "192.0.2.1 fd00::1",     // a source that is not local
		"192.0.2.1 ::1":                  "::1 192.0.2.1",
		"192.0.2.1":                      "192.0.2.1",
		"198.51.100.1 192.0.2.1 fd00::1": "192.0.2.1 fd00::1 198.51.100.1",
	} {
		var ips []netip.Addr
		for _, s := range strings.Fields(in) {
			ips = append(ips, netip.MustParseAddr(s))
		}
		var got []string
		for _, ip := range l.prefer(t.Context(), ips) {
			got = append(got, ip.String())
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %v, want %s", in, got, want)
		}
	}
	if got := source(t.Context(), netip.MustParseAddr("127.0.0.1")); got != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("got %v", got)
	}
}

// server is a real DNS server on the loopback, UDP and TCP on one port.
func server(t *testing.T, h dns.Handler) string {
	t.Helper()
	for range 50 {
		tcp, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		udp, err := net.ListenPacket("udp", tcp.Addr().String())
		if err != nil {
			_ = tcp.Close()
			continue
		}
		var done, ready sync.WaitGroup
		ready.Add(2)
		servers := []*dns.Server{
			{Listener: tcp, Handler: h, NotifyStartedFunc: ready.Done},
			{PacketConn: udp, Handler: h, NotifyStartedFunc: ready.Done},
		}
		for _, s := range servers {
			done.Go(func() { _ = s.ActivateAndServe() })
		}
		ready.Wait()
		t.Cleanup(func() {
			for _, s := range servers {
				_ = s.Shutdown()
			}
			done.Wait()
		})
		return tcp.Addr().String()
	}
	t.Fatal("no port is free for both")
	return ""
}

func TestARealServer(t *testing.T) {
	z := newZone(t, everything)
	var big strings.Builder
	for i := range 200 {
		fmt.Fprintf(&big, "_sip._udp.big SRV 1 0 %d a\n", 6000+i)
	}
	z.records = append(z.records, newZone(t, big.String()).records...)
	at := server(t, dns.HandlerFunc(func(w dns.ResponseWriter, m *dns.Msg) {
		res := z.respond(m)
		if w.LocalAddr().Network() == "udp" {
			res.Truncate(512)
		}
		_ = w.WriteMsg(res)
	}))
	l := New(Config{Servers: []string{at}, HostsFile: "testdata/hosts", Timeout: 20 * time.Second})
	if got := find(t, l, "sip:a@example.com;transport=udp"); len(got) != 1 || got[0] != "udp://192.0.2.2:5080" {
		t.Errorf("got %q", got)
	}
	if got := find(t, l, "sip:a@big.example.com;transport=udp"); len(got) != maxTargets {
		t.Errorf("got %d targets from an answer that came over TCP, want %d", len(got), maxTargets)
	}
}

func TestADeadServerIsPassedOver(t *testing.T) {
	z := newZone(t, "a A 192.0.2.2\n")
	z.answer = func(_ *dns.Msg, server string, _ bool) (*dns.Msg, error) {
		if server == "dead" {
			return nil, errors.New("timeout")
		}
		return nil, nil
	}
	l := z.locator("UDP")
	l.dns.system.fixed = []string{"dead", "alive"}
	if got := find(t, l, "sip:x@a.example.com:5060"); got[0] != "udp://192.0.2.2:5060" {
		t.Errorf("got %q", got)
	}
	l = z.locator("UDP")
	l.dns.system.fixed = []string{"dead"}
	z.took()
	if got := find(t, l, "sip:x@b.example.com"); got[0] != "DNS failed" {
		t.Errorf("got %q", got)
	}
	if got := z.took(); len(got) != 2 {
		t.Errorf("asked %q, want NAPTR twice and then no more", got)
	}
}

func TestHostileDNS(t *testing.T) {
	var many strings.Builder
	for i := range 500 {
		fmt.Fprintf(&many, "many A 10.0.%d.%d\n_sip._udp.wide SRV 1 1 5060 w%d\nw%d A 10.1.%d.%d\n", i/200, i%200+1, i, i, i/200, i%200+1)
		fmt.Fprintf(&many, "naptr NAPTR %d 0 \"s\" \"SIP+D2U\" \"\" _n%d._udp\n", i, i)
	}
	z := newZone(t, many.String()+`
loop1 CNAME loop2
loop2 CNAME loop1
self  CNAME self
_sip._udp.selfsrv SRV 1 1 5060 _sip._udp.selfsrv
zero  A 0.0.0.0
zero  A 224.0.0.1
`)
	wrong := func(change func(*dns.Msg)) func(m *dns.Msg, _ string, _ bool) (*dns.Msg, error) {
		return func(m *dns.Msg, _ string, _ bool) (*dns.Msg, error) {
			res := z.respond(m)
			change(res)
			return res, nil
		}
	}
	for _, row := range []struct {
		name, host string
		answer     func(m *dns.Msg, _ string, _ bool) (*dns.Msg, error)
		want       string // or a number of targets
		most       int    // queries
	}{
		{"two CNAMEs in a circle", "loop1", nil, "not found", 40},
		{"a CNAME to itself", "self", nil, "not found", 40},
		{"a SRV record that points at its own name", "selfsrv", nil, "not found", 8},
		{"a host with 500 addresses", "many", nil, "16", 10},
		{"500 servers", "wide", nil, "32", maxQueries},
		{"500 NAPTR records", "naptr", nil, "not found", maxQueries},
		{"addresses that nobody can have", "zero", nil, "not found", 8},
		{"an endless chain of CNAMEs", "chain", func(m *dns.Msg, _ string, _ bool) (*dns.Msg, error) {
			res := new(dns.Msg)
			res.SetReply(m)
			name := m.Question[0].Name
			res.Answer = []dns.RR{&dns.CNAME{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeCNAME, Class: dns.ClassINET, Ttl: 1}, Target: "x" + name}}
			return res, nil
		}, "DNS failed", 40},
		{"an answer to another question", "many", wrong(func(m *dns.Msg) { m.Question[0].Name = "other." }), "DNS failed", 4},
		{"an answer with another id", "many", wrong(func(m *dns.Msg) { m.Id++ }), "DNS failed", 4},
		{"an answer without a question", "many", wrong(func(m *dns.Msg) { m.Question = nil }), "DNS failed", 4},
		{"a query in place of an answer", "many", wrong(func(m *dns.Msg) { m.Response = false }), "DNS failed", 4},
		{"a server that refuses", "many", wrong(func(m *dns.Msg) { m.Rcode = dns.RcodeRefused }), "DNS failed", 20},
		{"records of another class", "many", wrong(func(m *dns.Msg) {
			for i := range m.Answer {
				m.Answer[i] = dns.Copy(m.Answer[i])
				m.Answer[i].Header().Class = dns.ClassCHAOS
			}
		}), "not found", 8},
		{"records of another name", "many", wrong(func(m *dns.Msg) {
			for i := range m.Answer {
				m.Answer[i] = dns.Copy(m.Answer[i])
				m.Answer[i].Header().Name = "bank.example."
			}
		}), "not found", 8},
		{"always truncated, also over TCP", "many", wrong(func(m *dns.Msg) { m.Truncated, m.Answer = true, nil }), "not found", 16},
		{"a name too long for DNS", strings.Repeat("a", 64), nil, "not found", 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			z.answer = row.answer
			z.took()
			got := find(t, z.locator("UDP"), "sip:x@"+row.host+".example.com")
			text := got[0]
			if strings.HasPrefix(text, "udp:") {
				text = fmt.Sprint(len(got))
			}
			if text != row.want {
				t.Errorf("got %s (%q), want %s", text, got[0], row.want)
			}
			if asked := z.took(); len(asked) > row.most {
				t.Errorf("asked %d questions, want at most %d: %q", len(asked), row.most, asked)
			}
		})
	}
}

func TestAnOldServerIsAskedWithoutEDNS(t *testing.T) {
	z := newZone(t, "a A 192.0.2.2\n")
	z.answer = func(m *dns.Msg, _ string, _ bool) (*dns.Msg, error) {
		if m.IsEdns0() == nil {
			return nil, nil
		}
		res := new(dns.Msg)
		res.SetRcodeFormatError(m)
		return res, nil
	}
	if got := find(t, z.locator("UDP"), "sip:x@a.example.com:5060"); got[0] != "udp://192.0.2.2:5060" {
		t.Errorf("got %q", got)
	}
}

func TestTheCacheIsBounded(t *testing.T) {
	z := newZone(t, "")
	l := z.locator("UDP")
	for i := range maxCached {
		find(t, l, fmt.Sprintf("sip:x@h%d.example.com:5060", i)) // two questions each
	}
	l.dns.mu.Lock()
	defer l.dns.mu.Unlock()
	if got := len(l.dns.cache); got > maxCached {
		t.Errorf("keeps %d, want at most %d", got, maxCached)
	}
}

func TestNothingIsFoundWithoutServers(t *testing.T) {
	l := New(Config{HostsFile: "testdata/none"})
	l.dns.system.file = "testdata/none"
	if got := find(t, l, "sip:x@a.example.com"); got[0] != "DNS failed" {
		t.Errorf("got %q", got)
	}
	l.dns.system = systemServers{file: "testdata/resolv.conf"}
	if got := l.dns.system.servers(); len(got) != 3 || got[0] != "192.0.2.53:53" || got[1] != "[2001:db8::53]:53" {
		t.Errorf("got %q", got)
	}
	if got := l.dns.names("pbx"); !slices.Equal(got, []string{"pbx.corp.example.", "pbx."}) {
		t.Errorf("got %q", got)
	}
}

// FuzzAnswers gives the resolver whatever parses as DNS.
func FuzzAnswers(f *testing.F) {
	for _, text := range []string{"naptr", "many", "self"} {
		m := new(dns.Msg)
		m.SetQuestion(text+".example.com.", dns.TypeNAPTR)
		m.Response = true
		m.Answer = []dns.RR{
			&dns.NAPTR{Hdr: dns.RR_Header{Name: text + ".example.com.", Rrtype: dns.TypeNAPTR, Class: 1}, Flags: "s", Service: "SIP+D2U", Replacement: "."},
			&dns.CNAME{Hdr: dns.RR_Header{Name: text + ".example.com.", Rrtype: dns.TypeCNAME, Class: 1}, Target: "example.com."},
		}
		data, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		z := &zone{answer: func(m *dns.Msg, _ string, _ bool) (*dns.Msg, error) {
			res := new(dns.Msg)
			if err := res.Unpack(data); err != nil {
				return nil, err
			}
			res.Id, res.Question, res.Response = m.Id, m.Question, true
			for _, rr := range res.Answer {
				rr.Header().Name = m.Question[0].Name
			}
			return res, nil
		}}
		list, err := z.locator("UDP", "TLS", "WS").Locate(t.Context(), message.URI{Scheme: "sip", Host: "many.example.com"})
		if (err == nil) == (len(list) == 0) || len(list) > maxTargets {
			t.Errorf("got %v, %v", list, err)
		}
		if n := len(z.took()); n > maxQueries*maxCNAME*3 {
			t.Errorf("asked %d questions", n)
		}
	})
}
