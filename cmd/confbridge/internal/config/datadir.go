package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// checkWritable says whether dir is a folder to write in, or could be made. It tries, and
// leaves nothing behind.
func checkWritable(dir string) error {
	if dir == "" {
		return errors.New("is empty: name a folder")
	}
	path, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("%q: %w", dir, err)
	}
	for {
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) && path != filepath.Dir(path) {
			path = filepath.Dir(path) // it will be made in the one above
			continue
		}
		if err != nil {
			return fmt.Errorf("%q cannot be used: %w", dir, err)
		}
		if !info.IsDir() {
			return fmt.Errorf("%q cannot be used: %s is not a folder", dir, path)
		}
		probe, err := os.MkdirTemp(path, ".confbridge-probe-")
		if err != nil { // asking for permission is not enough: root has it in /proc
			if cause, ok := errors.AsType[*fs.PathError](err); ok {
				err = cause.Err // not the probe's name
			}
			return fmt.Errorf("%q cannot be written: %s: %w", dir, path, err)
		}
		return os.Remove(probe)
	}
}

// checkFolder says whether dir is a folder that can be read; an empty name is none and no fault.
func checkFolder(dir string) error {
	if dir == "" {
		return nil
	}
	if _, err := os.ReadDir(dir); err != nil {
		if cause, ok := errors.AsType[*fs.PathError](err); ok {
			err = cause.Err
		}
		return fmt.Errorf("%q cannot be read: %w", dir, err)
	}
	return nil
}

// checkReadable says whether a file can be read; an empty name is no file and no fault.
func checkReadable(name string) error {
	if name == "" {
		return nil
	}
	f, err := os.Open(name)
	if err != nil {
		if cause, ok := errors.AsType[*fs.PathError](err); ok {
			err = cause.Err
		}
		return fmt.Errorf("%q cannot be read: %w", name, err)
	}
	return f.Close()
}
