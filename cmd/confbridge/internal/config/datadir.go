package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// checkWritable says whether dir is a folder to write in, or could be made. It makes nothing.
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
		if err := unix.Access(path, unix.W_OK|unix.X_OK); err != nil {
			return fmt.Errorf("%q cannot be written: %s: %w", dir, path, err)
		}
		return nil
	}
}
