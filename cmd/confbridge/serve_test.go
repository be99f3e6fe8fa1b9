package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// served is `confbridge serve` in this process, on free ports.
type served struct {
	stop  context.CancelFunc
	code  chan int
	greet string // what it printed
	grpc  string
	http  string

	mu     sync.Mutex
	stderr bytes.Buffer
}

func (s *served) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stderr.Write(p)
}

func (s *served) log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stderr.String()
}

// freePorts is the environment of a bridge that takes nobody's ports.
func freePorts(t *testing.T) map[string]string {
	return map[string]string{
		"CONFBRIDGE_SIP_LISTEN": "udp://127.0.0.1:0,tcp://127.0.0.1:0",
		"CONFBRIDGE_API_GRPC":   "127.0.0.1:0",
		"CONFBRIDGE_API_HTTP":   "127.0.0.1:0",
		"CONFBRIDGE_DATA_DIR":   filepath.Join(t.TempDir(), "data"),
	}
}

func startServe(t *testing.T, env map[string]string, args ...string) *served {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	s := &served{stop: cancel, code: make(chan int, 1)}
	out, w := io.Pipe()
	go func() {
		s.code <- run(ctx, append([]string{"bin/confbridge", "serve"}, args...), w, s, func(name string) string { return env[name] })
		w.Close()
	}()
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		s.greet += lines.Text() + "\n"
		if strings.HasPrefix(lines.Text(), "  bin/confbridge call ") {
			break
		}
	}
	go io.Copy(io.Discard, out) // ends when run has
	s.grpc = find(t, s, `gRPC +(\S+)`)
	s.http = find(t, s, `HTTP +(\S+)`)
	t.Cleanup(func() { cancel() })
	return s
}

func find(t *testing.T, s *served, pattern string) string {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(s.greet)
	if m == nil {
		t.Fatalf("no %s in\n%s%s", pattern, s.greet, s.log())
	}
	return m[1]
}

// end does what SIGTERM does and returns the exit code.
func (s *served) end(t *testing.T) int {
	t.Helper()
	s.stop()
	select {
	case code := <-s.code:
		return code
	case <-time.After(testWait):
		t.Fatalf("does not end:\n%s", s.log())
		return 0
	}
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testWait)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestServeTellsWhereItIsAndEndsWith0(t *testing.T) {
	env := freePorts(t)
	s := startServe(t, env)
	sip := find(t, s, `dial +sip:1000@(127\.0\.0\.1:\d+)\n`)
	if call := find(t, s, `  (bin/confbridge call .*)\n`); call != "bin/confbridge call sip:1000@"+sip {
		t.Errorf("got the test call %q", call)
	}
	if code, body := get(t, s.http+"/readyz"); code != http.StatusOK || body != "ok\n" {
		t.Errorf("/readyz: got %d %q", code, body)
	}
	_, metrics := get(t, s.http+"/metrics")
	for _, name := range []string{
		"confbridge_rooms ", "confbridge_participants{", "confbridge_mixer_tick_seconds_count ",
		"confbridge_mixer_late_ticks_total ", "confbridge_jitter_buffer_seconds_count ", "confbridge_rtp_packets_total{",
		"confbridge_events_dropped_total ", "go_goroutines ", "process_cpu_seconds_total ",
	} {
		if !strings.Contains(metrics, "\n"+name) {
			t.Errorf("/metrics lacks %s", name)
		}
	}
	if code, _ := get(t, s.http+"/debug/pprof/goroutine"); code != http.StatusNotFound {
		t.Errorf("profiles that nobody asked for: got %d", code)
	}
	got := runAt(t.Context(), nil, "rooms", "create", "1000", "--api", s.grpc)
	if got.code != exitOK || got.stdout != "rooms/1000: created\n" {
		t.Errorf("got %+v", got)
	}
	if info, err := os.Stat(env["CONFBRIDGE_DATA_DIR"]); err != nil || !info.IsDir() {
		t.Errorf("data_dir: got %v, %v", info, err)
	}
	if code := s.end(t); code != exitOK {
		t.Errorf("got exit %d:\n%s", code, s.log())
	}
	if log := s.log(); !strings.Contains(log, "msg=draining") || !strings.Contains(log, "msg=ended") {
		t.Errorf("got the log\n%s", log)
	}
}

func TestServeEndsThoseWhoWatch(t *testing.T) {
	s := startServe(t, freePorts(t))
	ctx, cancel := context.WithTimeout(t.Context(), testWait)
	defer cancel()
	out := &lineCounter{want: 1, reached: s.stop} // the bridge ends when the watcher has its snapshot
	var errOut strings.Builder
	code := run(ctx, []string{"confbridge", "events", "1000", "--api", s.grpc}, out, &errOut, func(string) string { return "" })
	if code != exitError || ctx.Err() != nil || !strings.HasPrefix(errOut.String(), "confbridge: ") {
		t.Errorf("watcher: got exit %d, %q", code, errOut.String())
	}
	if code := s.end(t); code != exitOK {
		t.Errorf("got exit %d:\n%s", code, s.log())
	}
}

func TestServeLogsAsItIsTold(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(file, []byte("log: {format: json}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := startServe(t, freePorts(t), "--config", file)
	if code := s.end(t); code != exitOK {
		t.Errorf("got exit %d", code)
	}
	if log := s.log(); !strings.Contains(log, `"msg":"ready"`) {
		t.Errorf("got the log\n%s", log)
	}
}

func TestAPortInUseIsNamedWithAHint(t *testing.T) {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	tests := []struct{ variable, value, key string }{
		{"CONFBRIDGE_API_GRPC", tcp.Addr().String(), "api.grpc"},
		{"CONFBRIDGE_API_HTTP", tcp.Addr().String(), "api.http"},
		{"CONFBRIDGE_SIP_LISTEN", "udp://" + udp.LocalAddr().String(), "sip.listen"},
		{"CONFBRIDGE_SIP_LISTEN", "tcp://" + tcp.Addr().String(), "sip.listen"},
	}
	for _, tt := range tests {
		t.Run(tt.value[:3]+" "+tt.key, func(t *testing.T) {
			env := freePorts(t)
			env[tt.variable] = tt.value
			env["CONFBRIDGE_MEDIA_PORTS"] = "1024-1025" // the test's ports are free ones, that may lie in the default range
			got := runAt(t.Context(), env, "serve")
			if got.code != exitError || got.stdout != "" {
				t.Errorf("got exit %d, %q", got.code, got.stdout)
			}
			addr := tt.value[strings.LastIndex(tt.value, "/")+1:]
			for _, want := range []string{"confbridge: ", addr, "in use", tt.key + " or " + tt.variable} {
				if !strings.Contains(got.stderr, want) {
					t.Errorf("got %q, want %q in it", got.stderr, want)
				}
			}
		})
	}
}

func TestAFaultyConfigurationExitsWith2(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(file, []byte("sip:\n  listen: [\"udp://x\"]\nnope: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("confbridge: the configuration has 2 faults:\n"+
		"  %[1]s:2:12: sip.listen[0]: \"x\" is not an IP address with a port, like 0.0.0.0:5060 or [::]:5060\n"+
		"  %[1]s:3:1: nope: no such key; there are sip, media, rooms, numbers, distributions, recording, sounds, cdr, api, trace, data_dir, store, log\n", file)
	for _, command := range []string{"serve", "check-config"} {
		got := runAt(t.Context(), nil, command, "--config", file)
		if got.code != exitUsage || got.stdout != "" || got.stderr != want {
			t.Errorf("%s: got exit %d, %q\nwant %q", command, got.code, got.stderr, want)
		}
	}
	got := runAt(t.Context(), map[string]string{"CONFBRIDGE_CONFIG": "/nowhere.yaml"}, "check-config")
	if got.code != exitUsage || !strings.Contains(got.stderr, "/nowhere.yaml: no such file or directory") {
		t.Errorf("got exit %d, %q", got.code, got.stderr)
	}
}

func TestCheckConfigPrintsWhatIsInForce(t *testing.T) {
	env := map[string]string{"CONFBRIDGE_SIP_ADVERTISE": "192.0.2.1"}
	got := runAt(t.Context(), env, "check-config", "--config", "testdata/minimal.yaml")
	if got.code != exitOK || got.stderr != "" {
		t.Errorf("got exit %d, %q", got.code, got.stderr)
	}
	golden(t, "check-config.txt", got.stdout)
	got = runAt(t.Context(), nil, "check-config")
	if got.code != exitOK || got.stderr != "" {
		t.Errorf("got exit %d, %q", got.code, got.stderr)
	}
	golden(t, "check-config-defaults.txt", got.stdout)
}

func TestTheAddressToDial(t *testing.T) {
	anywhere := func(v6 bool) netip.Addr {
		if v6 {
			return netip.MustParseAddr("2001:db8::1")
		}
		return netip.MustParseAddr("192.0.2.7")
	}
	tests := []struct{ listener, advertise, want string }{
		{"udp://0.0.0.0:5060", "", "192.0.2.7:5060"},
		{"udp://[::]:5070", "", "[2001:db8::1]:5070"},
		{"udp://10.0.0.1:5060", "", "10.0.0.1:5060"},
		{"udp://0.0.0.0:5060", "sip.example.com", "sip.example.com:5060"},
		{"udp://0.0.0.0:5060", "2001:db8::9", "[2001:db8::9]:5060"},
	}
	for _, tt := range tests {
		if got := dialled(tt.listener, tt.advertise, anywhere); got != tt.want {
			t.Errorf("%s advertised as %q: got %s, want %s", tt.listener, tt.advertise, got, tt.want)
		}
	}
}

func TestProfilesAreTakenWhereTheyAreAskedFor(t *testing.T) {
	file := filepath.Join(t.TempDir(), "confbridge.yaml")
	if err := os.WriteFile(file, []byte("api: {pprof: true}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := startServe(t, freePorts(t), "--config", file)
	if code, body := get(t, s.http+"/debug/pprof/goroutine?debug=1"); code != http.StatusOK || !strings.Contains(body, "goroutine profile") {
		t.Errorf("got %d %.80q", code, body)
	}
	if code := s.end(t); code != exitOK {
		t.Errorf("got exit %d:\n%s", code, s.log())
	}
}
