package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// lock makes dir this process's own until the file is closed, or the process ends in whatever way. The file holds the
// process's number, which is also how dir is found to be read-only, or full, before anything else is tried there.
func lock(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, dirError(dir, err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, dirError(dir, err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		holder, _ := io.ReadAll(io.LimitReader(f, 32)) // for the message only
		_ = f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("%s: process %s uses it: end that, or give this bridge another data_dir: %w", dir, bytes.TrimSpace(holder), ErrLocked)
		}
		return nil, dirError(dir, err)
	}
	err = f.Truncate(0)
	if err == nil {
		_, err = f.WriteAt(fmt.Appendln(nil, os.Getpid()), 0)
	}
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		_ = f.Close()
		return nil, dirError(dir, err)
	}
	return f, nil
}

// dirError says what is wrong with dir, and what to do.
func dirError(dir string, err error) error {
	var errno syscall.Errno
	errors.As(err, &errno)
	switch errno {
	case syscall.EROFS:
		return fmt.Errorf("%s is read-only: mount it for writing, or name another folder: %w", dir, err)
	case syscall.ENOSPC, syscall.EDQUOT:
		return fmt.Errorf("%s is full: make room there, or name another folder: %w", dir, err)
	case syscall.EACCES, syscall.EPERM:
		return fmt.Errorf("%s may not be written by this user: give it to them, or name another folder: %w", dir, err)
	}
	return fmt.Errorf("%s: %w", dir, err)
}

// mayWrite says that dir is read-only, or nothing; also where it is not there yet. The lock may lie on another disk.
func mayWrite(dir string) error {
	if err := unix.Access(dir, unix.W_OK); err != nil && !errors.Is(err, unix.ENOENT) {
		return dirError(dir, err)
	}
	return nil
}

// hasSpace says that dir's disk is full, or nothing.
func hasSpace(dir string) error {
	const needed = 1 << 20 // bytes: what is under way may still be written
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err == nil && fs.Bavail*uint64(fs.Bsize) < needed {
		return dirError(dir, syscall.ENOSPC)
	}
	return nil
}
