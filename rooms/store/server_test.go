package store

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/confbridge/confbridge/rooms"
)

// What is set in the environment of a process that TestWhatIsConfirmedOutlivesTheProcess has started, to be killed.
const (
	childDir = "CONFBRIDGE_TEST_STORE_DIR"
	childURL = "CONFBRIDGE_TEST_STORE_URL"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		writeForEver(dir)
		return
	}
	// Each check starts a server: make damage has 1,000 of them.
	if err := flag.Set("rapid.checks", "12"); err != nil {
		panic(err)
	}
	code := m.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			_, _ = os.Stderr.WriteString(err.Error())
			code = 1
		}
	}
	if natsServer.dir != "" {
		_ = os.RemoveAll(natsServer.dir)
	}
	os.Exit(code)
}

// natsServer is the server's program, built once.
var natsServer struct {
	once sync.Once
	dir  string
	err  error
}

// startNATS runs a nats-server process with JetStream on the loopback, and returns its URL.
func startNATS(t *testing.T) string {
	t.Helper()
	natsServer.once.Do(func() {
		if natsServer.dir, natsServer.err = os.MkdirTemp("", "confbridge-nats-"); natsServer.err != nil {
			return
		}
		var out []byte
		out, natsServer.err = exec.Command("go", "build", "-o", filepath.Join(natsServer.dir, "nats-server"), "github.com/nats-io/nats-server/v2").CombinedOutput()
		if natsServer.err != nil {
			_, _ = os.Stderr.Write(out)
		}
	})
	if natsServer.err != nil {
		t.Fatal(natsServer.err)
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "nats.conf")
	err := os.WriteFile(config, []byte("listen: 127.0.0.1:-1\nports_file_dir: "+dir+"\njetstream {store_dir: "+dir+", sync_interval: always}\n"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(natsServer.dir, "nats-server"), "-c", config)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready := make(chan struct{})
	var reading sync.WaitGroup
	reading.Go(func() {
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			if strings.Contains(lines.Text(), "Server is ready") {
				close(ready)
			}
		}
	})
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		reading.Wait()
		_ = cmd.Wait() // it was killed
	})
	select {
	case <-ready:
	case <-time.After(30 * time.Second):
		t.Fatal("nats-server is not ready")
	}
	return portOf(t, dir)
}

// portOf reads where the server listens, which it writes into a file soon after it is ready.
func portOf(t *testing.T, dir string) string {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for time.Now().Before(deadline) {
		files, err := filepath.Glob(filepath.Join(dir, "*.ports"))
		if err != nil {
			t.Fatal(err)
		}
		var ports struct{ NATS []string }
		if len(files) == 1 {
			if b, err := os.ReadFile(files[0]); err == nil && json.Unmarshal(b, &ports) == nil && len(ports.NATS) > 0 {
				return ports.NATS[0]
			}
		}
		<-time.After(10 * time.Millisecond)
	}
	t.Fatal("nats-server does not say where it listens")
	return ""
}

// opened opens a store, which is closed at the test's end if the test has not closed it.
func opened(t *testing.T, cfg Config) (*Store, []rooms.Kept, []rooms.Mark) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	s, kept, marks, err := Open(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, kept, marks
}

func closeStore(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// logged is a log that can be read.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *logged) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelWarn}))
}
