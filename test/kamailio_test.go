package test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer/codec"
	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/sipua"
	"github.com/confbridge/confbridge/test/bridge"
)

// kamailioModules are the folders that distributions have them in.
const kamailioModules = "/usr/lib/*/kamailio/modules"

// proxy is a running Kamailio, by test/kamailio/kamailio.cfg.
type proxy struct {
	port, tls, ws int // of 127.0.0.1: UDP and TCP, TLS, WebSocket
	dir           string
	args          []string
	cmd           *exec.Cmd
	log           *bytes.Buffer
}

// kamailioConfig is what a proxy forwards to: the sets of the dispatcher as SIP URIs.
type kamailioConfig struct {
	sets      map[int]string
	algorithm string // of digest; empty: MD5
}

const kamailioPassword = "a secret of the proxy's"

// startKamailio runs a proxy until the test ends.
func startKamailio(t *testing.T, cfg kamailioConfig) *proxy {
	t.Helper()
	kamailio := have(t, "kamailio")
	modules, _ := filepath.Glob(kamailioModules)
	if len(modules) != 1 {
		t.Fatalf("Kamailio's modules are not in %s", kamailioModules)
	}
	p := &proxy{port: freePort(t), tls: freePort(t), ws: freePort(t), dir: t.TempDir()}
	if cfg.algorithm == "" {
		cfg.algorithm = "MD5"
	}
	text, err := os.ReadFile("kamailio/kamailio.cfg")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(p.dir, "kamailio.cfg")
	writeFile(t, file, strings.NewReplacer(
		"@PORT@", strconv.Itoa(p.port), "@TLS@", strconv.Itoa(p.tls), "@WS@", strconv.Itoa(p.ws), "@DIR@", p.dir,
		"@MODULES@", modules[0]+"/", "@PASSWORD@", kamailioPassword, "@ALGORITHM@", cfg.algorithm,
	).Replace(string(text)))
	var sets strings.Builder
	for set, uri := range cfg.sets {
		fmt.Fprintf(&sets, "%d %s\n", set, uri)
	}
	writeFile(t, filepath.Join(p.dir, "dispatcher.list"), sets.String())
	certificate(t, p.dir, "kamailio.test")
	tls := "method = TLSv1.2+\nverify_certificate = no\nrequire_certificate = no\nprivate_key = %[1]s/key.pem\ncertificate = %[1]s/cert.pem\n"
	writeFile(t, filepath.Join(p.dir, "tls.cfg"), fmt.Sprintf("[server:default]\n"+tls+"[client:default]\n"+tls, p.dir))
	p.args = []string{
		kamailio, "-f", file, "-DD", "-E", "-m", "64", "-M", "8",
		"-Y", p.dir, "-P", filepath.Join(p.dir, "pid"), "-w", p.dir,
	}
	p.start(t)
	t.Cleanup(func() { p.stop(t) })
	return p
}

// start runs the proxy, for the first time or again, and waits until it answers.
func (p *proxy) start(t *testing.T) {
	t.Helper()
	p.log = &bytes.Buffer{}
	p.cmd = exec.CommandContext(context.Background(), p.args[0], p.args[1:]...)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w := dialWire(t, "udp", fmt.Sprintf("127.0.0.1:%d", p.port))
	eventually(t, "Kamailio answers", func() bool {
		w.raw([]byte(fmt.Sprintf("OPTIONS sip:proxy@127.0.0.1:%d SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bK%d\r\nFrom: <sip:t@t>;tag=1\r\n"+
			"To: <sip:proxy@127.0.0.1>\r\nCall-ID: alive\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 5\r\nContent-Length: 0\r\n\r\n",
			p.port, w.conn.LocalAddr(), time.Now().UnixNano())))
		res := w.receive(quiet)
		return res != nil && res.StatusCode == 200
	})
}

// stop ends the proxy and all its processes.
func (p *proxy) stop(t *testing.T) {
	t.Helper()
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	ended := make(chan error, 1)
	go func() { ended <- p.cmd.Wait() }()
	select {
	case <-ended:
	case <-time.After(patience):
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		<-ended
		t.Errorf("Kamailio did not end\n%s", p.log)
	}
	p.cmd = nil
	if t.Failed() {
		t.Logf("Kamailio:\n%s", p.log)
	}
}

// certificate makes a key and a certificate of its own for a name and 127.0.0.1, as key.pem and cert.pem.
func certificate(t *testing.T, dir, name string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), have(t, "openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
		"-nodes", "-keyout", filepath.Join(dir, "key.pem"), "-out", filepath.Join(dir, "cert.pem"), "-days", "2",
		"-subj", "/CN="+name, "-addext", "subjectAltName=DNS:"+name+",IP:127.0.0.1").CombinedOutput()
	if err != nil {
		t.Fatalf("openssl: %v\n%s", err, out)
	}
}

// uri is a room by the proxy: over a transport of the caller's, with the bridge reached as the dispatcher's set says.
func (p *proxy) uri(room, transport string, set int) string {
	port := p.port
	switch transport {
	case "ws":
		port = p.ws
	case "tls":
		port = p.tls
	}
	return fmt.Sprintf("sip:%s@127.0.0.1:%d;set=%d;transport=%s", room, port, set, transport)
}

// Calls pass a proxy that records its route on each side of itself, over every pair of transports; each hears the other.
func TestCallsThroughAProxy(t *testing.T) {
	t.Parallel()
	b := startBridge(t, bridge.Config{Listen: []string{"udp://127.0.0.1:0", "tcp://127.0.0.1:0", "tls://127.0.0.1:0"}})
	b.allowLog("a self-signed one was made")
	p := startKamailio(t, kamailioConfig{sets: map[int]string{
		1: "sip:" + b.UDP, 2: "sip:" + b.TCP + ";transport=tcp", 3: "sip:" + b.TLS + ";transport=tls",
	}})
	var trusting sipua.ClientConfig
	trusting.Transport.TLS.Insecure = true
	for _, row := range []struct {
		transport string
		set       int
	}{{"udp", 1}, {"udp", 2}, {"tcp", 1}, {"tcp", 2}, {"udp", 3}, {"tls", 1}, {"tls", 3}, {"ws", 1}, {"ws", 3}} {
		t.Run(fmt.Sprintf("%s to set %d", row.transport, row.set), func(t *testing.T) {
			t.Parallel()
			room := fmt.Sprintf("%s%d", row.transport, row.set)
			near := invite(t, newClient(t), "sip:"+room+"@"+b.UDP, codec.PCMU, tone(877, 8000, 60))
			far := invite(t, newClientWith(t, trusting), p.uri(room, row.transport, row.set), codec.PCMU, tone(533, 8000, 60))
			eventually(t, "each hears the other", func() bool { return near.hearsTone(533) && far.hearsTone(877) })
			if row.set != 1 { // the bridge ends every other one: its BYE passes the route backwards
				b.kick(t, room, far)
				return
			}
			far.end()
			b.present(t, room, 1)
			near.end()
			b.present(t, room, 0)
		})
	}
}

// A telephone behind a proxy holds, takes back, and refreshes its call; all of it passes both of the proxy's route entries.
func TestScenariosThroughAProxy(t *testing.T) {
	t.Parallel()
	b := startBridge(t, bridge.Config{Listen: []string{"udp://127.0.0.1:0", "tcp://127.0.0.1:0", "tls://127.0.0.1:0"}})
	b.allowLog("a self-signed one was made")
	p := startKamailio(t, kamailioConfig{sets: map[int]string{
		1: "sip:" + b.UDP, 2: "sip:" + b.TCP + ";transport=tcp", 3: "sip:" + b.TLS + ";transport=tls",
	}})
	scenario, err := filepath.Abs("kamailio/hold.xml")
	if err != nil {
		t.Fatal(err)
	}
	for _, transport := range []string{"u1", "t1"} {
		for _, set := range []string{"1", "2", "3"} { // 3 is how SIPp's calls go by TLS: Debian's speaks none
			t.Run(transport+" to set "+set, func(t *testing.T) {
				stats := b.sipp(t, fmt.Sprintf("127.0.0.1:%d", p.port), "-sf", scenario, "-m", "4", "-r", "4", "-t", transport, "-key", "set", set)
				wantStats(t, stats, map[string]string{"SuccessfulCall(C)": "4", "FailedCall(C)": "0", "Retransmissions(C)": "0"})
			})
		}
	}
	b.present(t, "1000", 0)
}

// A call passes two proxies one behind the other, each of which records its route: hold, refreshes and BYE of either side find their way over
// all hops.
func TestScenariosThroughTwoProxies(t *testing.T) {
	t.Parallel()
	b := startBridge(t, bridge.Config{Listen: []string{"udp://127.0.0.1:0", "tcp://127.0.0.1:0"}})
	inner := startKamailio(t, kamailioConfig{sets: map[int]string{1: "sip:" + b.UDP, 2: "sip:" + b.TCP + ";transport=tcp"}})
	// The set that the caller has named counts at both.
	outer := startKamailio(t, kamailioConfig{sets: map[int]string{
		1: fmt.Sprintf("sip:127.0.0.1:%d;transport=tls", inner.tls), 2: fmt.Sprintf("sip:127.0.0.1:%d", inner.port),
	}})
	scenario, err := filepath.Abs("kamailio/hold.xml")
	if err != nil {
		t.Fatal(err)
	}
	for _, set := range []string{"1", "2"} {
		stats := b.sipp(t, fmt.Sprintf("127.0.0.1:%d", outer.port), "-sf", scenario, "-m", "4", "-r", "4", "-t", "u1", "-key", "set", set)
		wantStats(t, stats, map[string]string{"SuccessfulCall(C)": "4", "FailedCall(C)": "0", "Retransmissions(C)": "0"})
	}
	near := invite(t, newClient(t), "sip:2000@"+b.UDP, codec.PCMU, tone(877, 8000, 60))
	far := invite(t, newClient(t), outer.uri("2000", "udp", 1), codec.PCMU, tone(533, 8000, 60))
	eventually(t, "each hears the other", func() bool { return near.hearsTone(533) && far.hearsTone(877) })
	// UDP, TLS, UDP: each proxy is in the route on both its sides.
	asked, _, _ := strings.Cut(b.must(t, "trace", "--call", far.call.CallID(), "--full"), "200 OK")
	if n := strings.Count(asked, "Record-Route: "); n != 4 {
		t.Errorf("the INVITE has %d entries of Record-Route, want 4:\n%s", n, asked)
	}
	b.kick(t, "2000", far)
	near.end()
	b.present(t, "2000", 0)
}

// A proxy that goes down in mid-call takes nothing with it but the way of the signalling: the sound goes on.
func TestAProxyGoesDownInMidCall(t *testing.T) {
	t.Parallel()
	b := startBridge(t, bridge.Config{MediaTimeout: 5 * time.Second})
	p := startKamailio(t, kamailioConfig{sets: map[int]string{2: "sip:" + b.TCP + ";transport=tcp"}})
	near := invite(t, newClient(t), "sip:1000@"+b.UDP, codec.PCMU, tone(877, 8000, 60))
	far := invite(t, newClient(t), p.uri("1000", "tcp", 2), codec.PCMU, tone(533, 8000, 60))
	eventually(t, "each hears the other", func() bool { return near.hearsTone(533) && far.hearsTone(877) })
	p.stop(t)
	for range 2 {
		near.forget()
		far.forget()
		eventually(t, "each still hears the other", func() bool { return near.hearsTone(533) && far.hearsTone(877) })
	}
	b.present(t, "1000", 2)
	far.end() // its BYE finds nobody; the bridge misses the sound
	b.present(t, "1000", 1)
}

// kick removes a guest from a room and waits until its telephone knows.
func (b *running) kick(t *testing.T, room string, g *guest) {
	t.Helper()
	for _, p := range b.present(t, room, 2) {
		if p.GetCallId() != g.call.CallID() {
			continue
		}
		if _, err := b.participants.RemoveParticipant(t.Context(), &confbridgev1.RemoveParticipantRequest{Name: p.GetName()}); err != nil {
			t.Fatal(err)
		}
		select {
		case <-g.call.Done():
		case <-time.After(patience):
			t.Error("no BYE has come")
		}
		return
	}
	t.Errorf("call %s is not in room %s", g.call.CallID(), room)
}

// showsTrunk checks what `confbridge trunks` says of the registration of "provider".
func (b *running) showsTrunk(t *testing.T, state string) {
	t.Helper()
	var said struct {
		Trunks []struct {
			Name         string
			Registration struct{ State string }
		}
	}
	if err := json.Unmarshal([]byte(b.must(t, "trunks", "--json")), &said); err != nil {
		t.Fatal(err)
	}
	if len(said.Trunks) != 2 || said.Trunks[0].Name != "trunks/provider" || said.Trunks[0].Registration.State != state {
		t.Errorf("confbridge trunks says %+v, want provider, with its registration in %s, and anonymous", said, state)
	}
}

// registration is that of the trunk "provider" as the API shows it.
func (b *running) registration(t *testing.T) *confbridgev1.Registration {
	t.Helper()
	k, err := b.trunks.GetTrunk(t.Context(), &confbridgev1.GetTrunkRequest{Name: "trunks/provider"})
	if err != nil {
		t.Fatal(err)
	}
	return k.GetRegistration()
}

// The bridge registers with a password, registers again before its time is over, loses the registrar, and finds it again. A number that the
// registrar's world calls reaches the room that the trunk's rule makes of it; nobody else gets in.
func TestARegistrationAtAProxy(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []string{"MD5", "SHA-256"} {
		t.Run(algorithm, func(t *testing.T) {
			t.Parallel()
			p := startKamailio(t, kamailioConfig{algorithm: algorithm, sets: map[int]string{1: "sip:127.0.0.1:9"}})
			b := startBridge(t, bridge.Config{SIP: fmt.Sprintf(`  anonymous: reject
  trunks:
    - name: provider
      register: {registrar: "sip:127.0.0.1:%d", address: "sip:bridge@kamailio.test", user: bridge, password: %q}
      number_from: p-called-party-id
      rewrite: ["+49301234* -> *"]
      rooms: ["1*"]
`, p.port, kamailioPassword)})
			b.allowLog(`msg="registration is down" trunk=provider`)
			state := func(want confbridgev1.Registration_State) func() bool {
				return func() bool { return b.registration(t).GetState() == want }
			}
			eventually(t, "registered", state(confbridgev1.Registration_STATE_REGISTERED))
			b.showsTrunk(t, "STATE_REGISTERED")
			number := fmt.Sprintf("sip:+493012341000@127.0.0.1:%d", p.port)
			g := invite(t, newClient(t), number, codec.PCMU, tone(533, 8000, 60))
			b.present(t, "1000", 1)
			g.end()
			if status := refusedWith(t, fmt.Sprintf("sip:+493012342000@127.0.0.1:%d", p.port)); status != 404 {
				t.Errorf("a number that is not the trunk's: %d, want 404", status)
			}
			if status := refusedWith(t, "sip:1000@"+b.UDP); status != 403 {
				t.Errorf("a stranger: %d, want 403", status)
			}
			first := b.registration(t).GetExpireTime().AsTime()
			eventually(t, "registered again", func() bool { return b.registration(t).GetExpireTime().AsTime().After(first) })
			if algorithm == "MD5" {
				return // once is enough for what takes a while
			}
			watch, err := b.trunks.WatchTrunks(t.Context(), &confbridgev1.WatchTrunksRequest{})
			if err != nil {
				t.Fatal(err)
			}
			next := func() confbridgev1.Registration_State {
				for {
					m, err := watch.Recv()
					if err != nil {
						t.Fatalf("watch: %v", err)
					}
					if m.GetTrunk().GetName() == "trunks/provider" {
						return m.GetTrunk().GetRegistration().GetState()
					}
				}
			}
			if got := next(); got != confbridgev1.Registration_STATE_REGISTERED {
				t.Errorf("watched: %v at first", got)
			}
			p.stop(t)
			eventually(t, "the registration is lost", state(confbridgev1.Registration_STATE_FAILED))
			b.showsTrunk(t, "STATE_FAILED")
			if got := next(); got != confbridgev1.Registration_STATE_FAILED {
				t.Errorf("watched: %v when it is lost", got)
			}
			p.start(t)
			within(t, 40*time.Second, "registered at a registrar that has forgotten everything", state(confbridgev1.Registration_STATE_REGISTERED))
			b.showsTrunk(t, "STATE_REGISTERED")
			g = invite(t, newClient(t), number, codec.PCMU, tone(533, 8000, 60))
			b.present(t, "1000", 1)
			g.end()
		})
	}
}

// refusedWith is the status that a call is refused with.
func refusedWith(t *testing.T, uri string) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err := newClient(t).Dial(ctx, sipua.DialConfig{URI: uri})
	var refused *sipua.StatusError
	if !errors.As(err, &refused) {
		t.Fatalf("%s: got %v, want a refusal", uri, err)
	}
	return refused.Status
}
