package sounds

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/confbridge/confbridge/mixer"
)

// voices are the built-in ones, a folder each, made by prompts/make.sh.
//
//go:embed prompts/*/*.opus prompts/*/*/*.opus
var voices embed.FS

// endings are those that a name may lack, in the order in which they are looked for.
var endings = [...]string{"", ".wav", ".flac", ".opus", ".ogg", ".mp3"}

// place is the path of a sound; voice may be empty.
func place(voice, name string) (string, error) {
	if !fs.ValidPath(name) || name == "." || strings.ContainsAny(name, "\x00\\") {
		return "", fmt.Errorf("sound %q: %w: not a path in the folder of sounds", name, ErrNotFound)
	}
	if voice == "" {
		return name, nil
	}
	if !fs.ValidPath(voice) || voice == "." || strings.ContainsAny(voice, "/\x00\\") {
		return "", fmt.Errorf("sound %q: %w: %q is no voice", name, ErrNotFound, voice)
	}
	return path.Join(voice, name), nil
}

// ofFolder is a sound of the folder. A file that has changed is another sound.
func (l *Library) ofFolder(voice, name string) (*mixer.Clip, error) {
	at, err := place(voice, name)
	if err != nil {
		return nil, err
	}
	if l.root == nil {
		return nil, fmt.Errorf("sound %q: %w: no folder of sounds is configured", at, ErrNotFound)
	}
	for _, ending := range endings {
		info, err := l.root.Stat(at + ending)
		if err != nil || info.IsDir() {
			if err != nil && !absent(err) {
				return nil, fmt.Errorf("sound %q: %w", at, err)
			}
			continue
		}
		key := fmt.Sprintf("%s\x00%d\x00%d", at+ending, info.Size(), info.ModTime().UnixNano())
		return l.load(key, at+ending, func() (*mixer.Clip, error) { return l.read(at + ending) })
	}
	return nil, fmt.Errorf("sound %q: %w", at, ErrNotFound)
}

// absent says of an error of os.Root that there is no such file, or that it lies outside: a link that leads out is none of ours.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ENAMETOOLONG) ||
		errors.Is(err, unix.ELOOP) || strings.HasSuffix(err.Error(), "path escapes from parent") // os has no name for it
}

// read decodes a file of the folder. Nobody waits for the other end of a pipe: what is not a file is not opened.
func (l *Library) read(at string) (*mixer.Clip, error) {
	f, err := l.root.OpenFile(at, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		if absent(err) {
			return nil, fmt.Errorf("%w: %w", ErrNotFound, err)
		}
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: not a file", ErrNotFound)
	}
	return decode(f, info.Size(), &gather{longest: l.cfg.Longest, stop: &l.closing})
}

// builtIn is a prompt of the built-in voice of a voice's language.
func (l *Library) builtIn(voice, name string) (*mixer.Clip, error) {
	name, err := place("", name)
	if err != nil {
		return nil, err
	}
	at := path.Join("prompts", languageOf(voice), name+".opus")
	key := "\x00" + at // is no path of the folder
	return l.load(key, at, func() (*mixer.Clip, error) {
		file, err := voices.ReadFile(at)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNotFound, err)
		}
		return decode(bytes.NewReader(file), int64(len(file)), &gather{longest: l.cfg.Longest, stop: &l.closing})
	})
}

// languageOf is the language of a voice: `de` of `de-anna`.
func languageOf(voice string) string {
	language, _, _ := strings.Cut(voice, "-")
	return language
}
