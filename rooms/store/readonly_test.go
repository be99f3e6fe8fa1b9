package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A folder that cannot be written is named at the start, with what to do, whether or not there is a store in it; and works again when it can be.
func TestAReadOnlyFolderIsNamedAtTheStart(t *testing.T) {
	disk := smallDisk(t, "8m")
	remount := func(flags uintptr) {
		t.Helper()
		if err := unix.Mount("", disk, "", unix.MS_REMOUNT|flags, ""); err != nil {
			t.Fatal(err)
		}
	}
	cfg := Config{Dir: filepath.Join(disk, "data")}
	s, _, _ := opened(t, cfg)
	if err := s.Put(t.Context(), room("1000", "before")); err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	remount(unix.MS_RDONLY)
	for _, dir := range []string{cfg.Dir, filepath.Join(disk, "other")} {
		_, _, _, err := Open(t.Context(), Config{Dir: dir})
		if want := dir + " is read-only: mount it for writing, or name another folder"; !errors.Is(err, unix.EROFS) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	remount(0)
	_, kept, _ := opened(t, cfg)
	if len(kept) != 1 || kept[0].DisplayName != "before" {
		t.Errorf("writable again: got %v", kept)
	}
}

// The lock can be there, and what is below it not be the bridge's to write.
func TestAStoreThatIsReadOnlyBelowItsLockIsNamed(t *testing.T) {
	dir := t.TempDir()
	s, _, _ := opened(t, Config{Dir: dir})
	if err := s.Put(t.Context(), room("1000", "before")); err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	below := filepath.Join(dir, "store")
	if err := unix.Mount(below, below, "", unix.MS_BIND, ""); errors.Is(err, unix.EPERM) {
		t.Skip("a folder can only be mounted by root: ", err)
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(below, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	if err := unix.Mount("", below, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	_, _, _, err := Open(t.Context(), Config{Dir: dir})
	if want := below + " is read-only: mount it for writing"; !errors.Is(err, unix.EROFS) || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
	if _, err := os.Stat(filepath.Join(dir, "damaged")); err == nil {
		t.Error("what is only read-only is set aside as damaged")
	}
}
