package recorder

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/confbridge/confbridge/rooms"
)

// What the process of TestDeletingIsBrokenOff is told by its environment.
const (
	envDeletesIn = "CONFBRIDGE_TEST_DELETES_IN" // folder of recordings
	envDeletes   = "CONFBRIDGE_TEST_DELETES"    // ID of the one that is deleted
	envRemoves   = "CONFBRIDGE_TEST_REMOVES"    // how many of its files, and then nothing happens any more
)

// TestDeletingIsBrokenOff is no test by itself, but the process that TestACrashLeavesNoHalfOfWhatIsDeleted kills.
func TestDeletingIsBrokenOff(t *testing.T) {
	dir := os.Getenv(envDeletesIn)
	if dir == "" {
		t.Skip("run by TestACrashLeavesNoHalfOfWhatIsDeleted")
	}
	most, err := strconv.Atoi(os.Getenv(envRemoves))
	if err != nil {
		t.Fatal(err)
	}
	r := newRecorder(t, Config{Dir: dir})
	r.remove = func(root *os.Root, folder string) error {
		f, err := root.Open(folder)
		if err != nil {
			return err
		}
		names, err := f.Readdirnames(-1)
		if err != nil {
			return err
		}
		slices.Sort(names)
		for _, name := range names[:most] {
			if err := root.Remove(filepath.Join(folder, name)); err != nil {
				return err
			}
		}
		fmt.Println("removed", most)
		select {} // until it is killed
	}
	t.Fatal(r.Delete(os.Getenv(envDeletes)))
}

// A recording is listed and served whole, or not at all, whichever of its files a process that was killed had removed.
func TestACrashLeavesNoHalfOfWhatIsDeleted(t *testing.T) {
	dir := t.TempDir()
	r := New(Config{Dir: dir})
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	stays := made(t, r)
	closeRecorder(t, r)
	for removed := range 3 { // mix.wav, recording.json
		t.Run(fmt.Sprintf("%d of 2 files are removed", removed), func(t *testing.T) {
			r := New(Config{Dir: dir})
			if err := r.Start(); err != nil {
				t.Fatal(err)
			}
			goes := made(t, r)
			closeRecorder(t, r)
			killWhileDeleting(t, dir, goes, removed)
			again := newRecorder(t, Config{Dir: dir})
			if diff := cmp.Diff([]string{stays}, ids(again.List("", 10))); diff != "" {
				t.Errorf("listed (-want +got):\n%s", diff)
			}
			for _, name := range []string{"", "mix.wav", sidecarName} {
				if _, err := again.OpenFile(goes, name); !errors.Is(err, rooms.ErrNoRecording) {
					t.Errorf("file %q of what was being deleted: got %v", name, err)
				}
			}
			if f, err := again.OpenFile(stays, ""); err != nil {
				t.Errorf("the other one: %v", err)
			} else if err := f.Close(); err != nil {
				t.Error(err)
			}
			await(t, "the end of what was left", func() bool { return cmp.Equal([]string{stays}, folders(again.root)) })
		})
	}
}

// killWhileDeleting has another process delete a recording, and kills it when it has removed so many of its files.
func killWhileDeleting(t *testing.T, dir, id string, removed int) {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestDeletingIsBrokenOff$")
	child.Env = append(os.Environ(), envDeletesIn+"="+dir, envDeletes+"="+id, envRemoves+"="+strconv.Itoa(removed))
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines, came := bufio.NewScanner(out), false
	for !came && lines.Scan() {
		came = strings.HasPrefix(lines.Text(), "removed ")
	}
	if err := child.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = child.Wait() // it was killed
	if !came {
		t.Fatal("the process that deletes has not come so far")
	}
}

func TestDeletingThatFailsLeavesTheRecordingOrNothingOfIt(t *testing.T) {
	r := newRecorder(t, Config{})
	id := made(t, r)
	r.remove = func(*os.Root, string) error { return errors.New("the disk has a fault") }
	if err := r.Delete(id); !errors.Is(err, rooms.ErrDisk) {
		t.Errorf("got %v, want ErrDisk", err)
	}
	if _, err := r.Recording(id); !errors.Is(err, rooms.ErrNoRecording) {
		t.Errorf("its name is gone, and it is still there: got %v", err)
	}
	if err := r.Delete(id); !errors.Is(err, rooms.ErrNoRecording) {
		t.Errorf("again: got %v, want ErrNoRecording", err)
	}
	taken := made(t, r)
	blocked := filepath.Join(r.cfg.Dir, taken+goneSuffix)
	if err := os.MkdirAll(filepath.Join(blocked, "in the way"), dirMode); err != nil {
		t.Fatal(err)
	}
	if err := r.Delete(taken); !errors.Is(err, rooms.ErrDisk) {
		t.Errorf("no other name can be had: got %v, want ErrDisk", err)
	}
	f, err := r.OpenFile(taken, "")
	if err != nil {
		t.Fatalf("what could not be deleted: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

func TestWhatSomebodyHasTakenAwayIsDeletedWithoutAFault(t *testing.T) {
	r := newRecorder(t, Config{})
	id := made(t, r)
	if err := os.RemoveAll(filepath.Join(r.cfg.Dir, id)); err != nil {
		t.Fatal(err)
	}
	if err := r.Delete(id); err != nil {
		t.Errorf("got %v", err)
	}
	if left := r.List("", 10); len(left) != 0 {
		t.Errorf("listed: %v", left)
	}
}
