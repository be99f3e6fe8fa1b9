package recorder

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/confbridge/confbridge/mixer"
)

// risingSuffix is that of files that are made anew; what a crash leaves of them is removed.
const risingSuffix = ".rising"

// climbFrames is how much of the old files of a recording is made anew at a turn of the writer: 100 s.
const climbFrames = 100 * ticksInSecond

// climb is how a file comes to a higher rate that cannot change its rate in the middle: another one is made of what it holds, some of it at each turn, while its sound goes
// on in the old one. It takes the old one's place when it has caught up. Whatever happens before that, the old one is there.
type climb struct {
	next   *track // the new file
	from   *os.File
	old    source
	copied uint64 // frames
}

// rise has the track go over to a higher rate: at once where its format can, by a climb elsewhere. Where that fails it stays at the rate that it has.
func (t *track) rise(in folder, rateHz int) error {
	if s, ok := t.sink.(riser); ok {
		err := s.rise(rateHz)
		if err == nil {
			t.rateHz = rateHz
		}
		return err
	}
	if err := t.giveUpClimb(in); err != nil {
		return err
	}
	made, err := in.create(t.name + risingSuffix)
	if err != nil {
		return err
	}
	next, err := newTrack(made, t.format, rateHz, t.name+risingSuffix, t.participant)
	if err != nil {
		return errors.Join(err, in.remove(t.name+risingSuffix))
	}
	t.climb = &climb{next: next}
	return nil
}

// giveUpClimb stays at the rate that the file has.
func (t *track) giveUpClimb(in folder) error {
	c := t.climb
	if c == nil {
		return nil
	}
	t.climb = nil
	return errors.Join(c.close(), c.next.file.Close(), in.remove(c.next.name))
}

func (c *climb) close() error {
	if c.from == nil {
		return nil
	}
	return c.from.Close()
}

// goUp copies at most so many frames, and says how many; the climb is over when all are.
func (t *track) goUp(in folder, most uint64) (copied uint64, err error) {
	c := t.climb
	if c == nil {
		return 0, nil
	}
	if err := t.sink.flush(); err != nil { // what is read must be there
		return 0, err
	}
	if c.from == nil {
		if err := c.open(in, t); err != nil {
			return 0, err
		}
	}
	copied = min(most, t.written-c.copied)
	if err := c.copyFrames(copied, t.rateHz); err != nil {
		return copied, err
	}
	if c.copied < t.written {
		return copied, nil
	}
	return copied, t.takePlace(in)
}

func (c *climb) open(in folder, t *track) (err error) {
	if c.from, err = in.open(t.name); err != nil {
		return err
	}
	c.old, err = t.format.read(c.from)
	return err
}

// takePlace puts the new file in the place of the old one.
func (t *track) takePlace(in folder) error {
	c := t.climb
	if err := errors.Join(c.next.pad(t.written), c.next.sink.flush()); err != nil {
		return err
	}
	if err := in.rename(c.next.name, t.name); err != nil {
		return err
	}
	_ = errors.Join(c.close(), t.file.Close()) // nothing has that name any more
	t.climb = nil
	t.file, t.sink, t.rateHz = c.next.file, c.next.sink, c.next.rateHz
	t.resampler, t.warm, t.heardHz = c.next.resampler, c.next.warm, c.next.heardHz
	return nil
}

// copyFrames copies so many frames of the old file, which has that rate.
func (c *climb) copyFrames(frames uint64, rateHz int) error {
	var frame [mixer.MaxFrameSamples]int16
	pcm := frame[:mixer.FrameSamples(rateHz)]
	for range frames {
		if err := c.old.read(pcm); err != nil {
			return fmt.Errorf("read back: %w", err)
		}
		if slices.ContainsFunc(pcm, func(s int16) bool { return s != 0 }) {
			if err := c.next.write(c.copied, rateHz, pcm); err != nil {
				return err
			}
		}
		c.copied++
	}
	return nil
}

// rise has all files go over to a higher rate, as the room has.
func (w *writer) rise(rateHz int) {
	first := w.rateHz == 0
	w.rateHz = rateHz
	if first {
		return
	}
	for _, t := range w.tracks {
		if err := t.rise(w.folder, rateHz); err != nil {
			w.stays(t, err)
		}
	}
	w.goUp(w.climbs)
}

// goUp copies at most so many frames of files that are made anew.
func (w *writer) goUp(most uint64) {
	for _, t := range w.tracks {
		copied, err := t.goUp(w.folder, most)
		if err != nil {
			w.stays(t, err)
		}
		if most -= copied; most == 0 {
			return
		}
	}
}

// stays leaves a file at the rate that it has: better all of its sound with less band than none.
func (w *writer) stays(t *track, err error) {
	w.log.Warn("recording stays at its sampling rate", "recording", w.folder.id, "file", t.name, "rate", t.rateHz, "err", errors.Join(err, t.giveUpClimb(w.folder)))
}
