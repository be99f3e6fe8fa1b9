package stage

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/pprof/profile"
)

func TestTheDeepestFrameThatNamesAStageWins(t *testing.T) {
	const tick = module + "rooms.(*state).tick"
	for _, tt := range []struct {
		name  string
		stack []string
		want  Stage
	}{
		{"a system call that receives", []string{"internal/runtime/syscall/linux.Syscall6", "syscall.RawSyscall6", module + "media/internal/udp.(*Batch).Receive", module + "media.(*Leg).Receive", tick}, Receive},
		{"one call for the packets that go to many", []string{"internal/runtime/syscall/linux.Syscall6", "syscall.RawSyscall6", module + "media/internal/udp.(*Ring).Run", module + "media.(*Exchange).run", module + "media.(*Exchange).Flush", tick}, Send},
		{"one call for those that come from many", []string{"internal/runtime/syscall/linux.Syscall6", "syscall.RawSyscall6", module + "media/internal/udp.(*Ring).Run", module + "media.(*Exchange).run", module + "media.(*Exchange).Fetch", module + "rooms.takeIn", tick}, Receive},
		{"memory that the jitter buffer moves", []string{"runtime.memmove", module + "mixer/jitter.(*Buffer).Put", module + "mixer/playout.(*Stream).Put", module + "media.(*Leg).Receive", tick}, Jitter},
		{"libopus that decodes", []string{"runtime.cgocall", "github.com/hraban/opus._Cfunc_opus_decode", module + "mixer/codec.(*opusDecoder).Decode", module + "mixer/playout.(*Stream).play", tick}, Decode},
		{"libopus that encodes", []string{"runtime.cgocall", "github.com/hraban/opus._Cfunc_opus_encode", module + "mixer/codec.(*opusEncoder).encode", module + "mixer/packetizer.(*Stream).Next", tick}, Encode},
		{"the length of a payload, read by the leg", []string{module + "mixer/codec.g711Samples", module + "mixer/codec.Format.ClockUnits", module + "media.(*Leg).lasts", module + "media.(*Leg).Receive", tick}, Decode},
		{"a helper of the voice activity", []string{module + "mixer.moments", module + "mixer.(*VAD).Observe", tick}, Levels},
		{"the sum", []string{module + "mixer.(*Bus).Add", tick}, Mix},
		{"memory that a decoder takes", []string{"runtime.memclrNoHeapPointers", "runtime.mallocgc", "runtime.makeslice", module + "mixer/codec.NewDecoder"}, Garbage},
		{"marking", []string{"runtime.scanobject", "runtime.gcDrain", "runtime.gcBgMarkWorker.func2"}, Garbage},
		{"waiting", []string{"internal/runtime/syscall/linux.EpollWait", "runtime.netpoll", "runtime.findRunnable", "runtime.schedule", "runtime.park_m", "runtime.mcall"}, Scheduler},
		{"the last millisecond before a tick", []string{"internal/runtime/syscall/linux.Syscall6", "golang.org/x/sys/unix.Nanosleep", module + "rooms.(*room).run"}, Scheduler},
		{"the room's own loop", []string{tick, module + "rooms.(*room).run"}, Rest},
		{"a loop over shards of members", []string{module + "rooms..tick.Chunk[go.shape.[]*" + module + "media.member,go.shape.*uint8].func1"}, Rest},
		{"a call that is set up", []string{"strings.Index", module + "sipua/message.Parse"}, Rest},
		{"somebody else", []string{"strings.Index", "example.com/other.Work"}, Unknown},
		{"nothing", nil, Unknown},
	} {
		if got := OfStack(tt.stack); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}

// TestEachRuleFitsAFunctionThatIsThere fails where functions were renamed and the rules were not.
func TestEachRuleFitsAFunctionThatIsThere(t *testing.T) {
	fits := make([]int, len(ours))
	functions := map[string]bool{}
	for _, top := range []string{"media", "mixer", "rooms", "sipua", "api", "cmd"} {
		for function := range functionsBelow(t, filepath.Join("../../..", top)) {
			functions[function] = true
			in, name := split(function)
			for i, r := range ours {
				if r.fits(strings.TrimPrefix(in, module), name) {
					fits[i]++
					break
				}
			}
		}
	}
	if len(functions) < 1000 {
		t.Fatalf("%d functions were looked at", len(functions))
	}
	for i, r := range ours {
		if fits[i] == 0 {
			t.Errorf("no function fits the rule for %s, %v: give the new names to it", r.in, r.named)
		}
	}
	for _, function := range []string{ // the doors of the tick: by them all that is below is found
		"media.(*Leg).Receive", "media.(*Exchange).Fetch", "media.(*Leg).Send", "media.(*Exchange).Flush", "media.(*Leg).Mixed", "mixer/playout.(*Stream).Pull", "mixer/jitter.(*Buffer).Put",
		"mixer/packetizer.(*Stream).Next", "mixer.(*Bus).Add", "mixer.(*VAD).Observe", "mixer.(*Floor).Decide", "rooms.(*state).tick",
	} {
		if !functions[module+function] {
			t.Errorf("%s is no longer there: let the rules know what has come in its place", function)
		}
	}
}

// functionsBelow are the functions of a tree as profiles name them.
func functionsBelow(t *testing.T, root string) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		in := module + strings.TrimPrefix(filepath.ToSlash(filepath.Dir(path)), "../../../")
		for _, declared := range file.Decls {
			f, ok := declared.(*ast.FuncDecl)
			if !ok {
				continue
			}
			all[in+"."+receiver(f)+f.Name.Name] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func receiver(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return ""
	}
	of, left, right := f.Recv.List[0].Type, "", "."
	if star, ok := of.(*ast.StarExpr); ok {
		of, left, right = star.X, "(*", ")."
	}
	if generic, ok := of.(*ast.IndexExpr); ok {
		of = generic.X
	}
	name, ok := of.(*ast.Ident)
	if !ok {
		return ""
	}
	return left + name.Name + right
}

// TestProfilesOfTheLoadAreKnown divides profiles that were taken of the bridge: 300 legs of PCMU, with a system call for each packet and
// with io_uring, and 60 of Opus, in one room each.
func TestProfilesOfTheLoadAreKnown(t *testing.T) {
	for name, most := range map[string]Stage{"pcmu": Send, "pcmu-uring": Receive, "opus": Decode} {
		f, err := os.Open(filepath.Join("testdata", name+".pb.gz"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		p, err := profile.Parse(f)
		if err != nil {
			t.Fatal(err)
		}
		d := Divide(p)
		if d.Samples < 100 || d.All() < 1e9 {
			t.Errorf("%s: %d samples, %d ns", name, d.Samples, d.All())
		}
		if share := d.UnknownShare(); share > 0.03 {
			t.Errorf("%s: %.1f %% is of no stage:\n%s", name, 100*share, strings.Join(d.Strangers, "\n"))
		}
		for _, s := range Stages() {
			if d.Nanos[s] > d.Nanos[most] {
				t.Errorf("%s: %s takes more than %s", name, s, most)
			}
		}
		if d.Kernel[Send] < d.Nanos[Send]/3 || d.Kernel[Send] > d.Nanos[Send] || d.Kernel[Receive] < d.Nanos[Receive]/3 {
			t.Errorf("%s: the kernel has %d of %d ns of sending, %d of %d of receiving", name, d.Kernel[Send], d.Nanos[Send], d.Kernel[Receive], d.Nanos[Receive])
		}
		if d.Nanos[Jitter] == 0 || d.Nanos[Levels]+d.Nanos[Mix] == 0 || d.Nanos[Scheduler] == 0 {
			t.Errorf("%s: a stage takes nothing: %v", name, d.Nanos)
		}
	}
}
