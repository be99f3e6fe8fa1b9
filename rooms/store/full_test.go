package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/confbridge/confbridge/rooms"
)

// smallDisk is a folder on a disk of its own of that many bytes. Only root can make one.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size)
	if errors.Is(err, unix.EPERM) {
		t.Skip("a disk can only be mounted by root: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill takes all space there is in dir, and returns what gives it back.
func fill(t *testing.T, dir string) (free func()) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "filling"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for _, size := range []int{1 << 16, 1} {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, size))
		}
		if !errors.Is(err, unix.ENOSPC) {
			t.Fatal(err)
		}
	}
	return func() {
		if err := os.Remove(f.Name()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAFullDiskIsNamedAndWorksAgainWithSpace(t *testing.T) {
	dir := smallDisk(t, "8m")
	log := &logged{}
	cfg := Config{Dir: filepath.Join(dir, "data"), Log: log.logger()}
	s, _, _ := opened(t, cfg)
	if err := s.Put(t.Context(), room("1000", "before")); err != nil {
		t.Fatal(err)
	}
	free := fill(t, dir)
	err := s.Put(t.Context(), room("1000", "refused"))
	if want := cfg.Dir + " is full: make room there"; !errors.Is(err, unix.ENOSPC) || !strings.Contains(err.Error(), want) {
		t.Errorf("Put: got %v, want %q", err, want)
	}
	if err := s.Tell(t.Context(), nil, []rooms.Mark{{Room: "1000", Last: 1}}); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("Tell: got %v", err)
	}
	if _, _, _, err := Open(t.Context(), Config{Dir: filepath.Join(dir, "other")}); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("Open: got %v", err)
	}
	free()
	if err := s.Put(t.Context(), room("2000", "after")); err != nil {
		t.Errorf("with space again: %v: %s", err, log)
	}
	closeStore(t, s)

	s, kept, _ := opened(t, cfg)
	names := map[string]string{}
	for _, k := range kept {
		names[k.Number] = k.DisplayName
	}
	if len(kept) != 2 || names["1000"] != "before" || names["2000"] != "after" {
		t.Errorf("got %v", names)
	}

	closeStore(t, s)
	free = fill(t, dir)
	s, kept, _ = opened(t, cfg)
	if len(kept) != 2 {
		t.Errorf("a start with a full disk: got %v", kept)
	}
	if err := s.Put(t.Context(), room("3000", "refused")); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("after a start with a full disk: got %v", err)
	}
	free()
	if err := s.Put(t.Context(), room("3000", "after")); err != nil {
		t.Error(err)
	}
}

// A server that could not write takes nothing more, with space or without; it is opened again.
func TestAServerThatCouldNotWriteIsOpenedAgain(t *testing.T) {
	s, _, _ := opened(t, Config{Dir: t.TempDir()})
	if err := s.Put(t.Context(), room("1000", "before")); err != nil {
		t.Fatal(err)
	}
	if err := s.session.Load().js.DeleteStream(t.Context(), roomsStream); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), room("2000", "")); err == nil {
		t.Fatal("written without a stream")
	}
	if err := s.Put(t.Context(), room("2000", "after")); err != nil {
		t.Error(err)
	}
}
