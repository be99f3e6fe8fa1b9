package recorder

import (
	"errors"
	"fmt"
	"slices"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/rooms"
)

const (
	// leastRateHz is that of files that cannot change their rate in the middle: somebody with a better telephone may come later.
	leastRateHz = 16000
	// risingSuffix is that of files that are made anew; what a crash leaves of them is removed.
	risingSuffix = ".rising"
	// climbFrames is how much may have been recorded, in all files of a recording together, that is made anew where its room rises: a minute of sound, which takes a
	// processor some 0.15 s for FLAC.
	climbFrames = 60 * ticksInSecond
)

// rise has all files go over to a higher rate, as the room has: at once where their format can; elsewhere others are made of what they hold, as long as that is
// little. All or none do, so that all are late by the same filters. Where that fails they stay at the rate that they have: better all of the sound with less band than none.
func (w *writer) rise(rateHz int) {
	if w.stays {
		return
	}
	err := w.riseAll(rateHz)
	if err == nil {
		w.rateHz = rateHz
		return
	}
	w.stays = true
	w.log.Warn("recording stays at its sampling rate", "recording", w.folder.id, "rate", w.rateHz, "err", err)
}

func (w *writer) riseAll(rateHz int) error {
	frames, rising := uint64(0), true
	for _, t := range w.tracks {
		frames += t.written
		s, ok := t.sink.(riser)
		if !ok {
			rising = false
			continue
		}
		if err := s.rise(rateHz); err != nil {
			return err
		}
		t.rateHz = rateHz
	}
	if rising {
		return nil
	}
	if frames > w.climbs {
		return fmt.Errorf("%d s of sound to be made anew, %d at most: %w", frames/ticksInSecond, w.climbs/ticksInSecond, rooms.ErrTooLong)
	}
	if err := w.space(int64(frames) * int64(2*mixer.FrameSamples(rateHz))); err != nil {
		return err
	}
	return w.climb(rateHz)
}

// climb makes all files anew at a higher rate, and then puts the new ones in their places.
func (w *writer) climb(rateHz int) (err error) {
	made := make([]*track, 0, len(w.tracks))
	defer func() {
		if err == nil {
			return
		}
		for _, t := range made { // of those that have no place yet
			if t != nil {
				err = errors.Join(err, t.file.Close(), w.folder.remove(t.name))
			}
		}
	}()
	for _, t := range w.tracks {
		next, err := t.anew(w.folder, rateHz)
		if err != nil {
			return err
		}
		made = append(made, next)
	}
	for i, next := range made {
		t := w.tracks[i]
		if err := w.folder.rename(next.name, t.name); err != nil {
			return err
		}
		_ = t.file.Close() // nothing has that name any more
		next.name, made[i] = t.name, nil
		*t = *next
	}
	return nil
}

// anew is a file that holds what the track holds, at another rate.
func (t *track) anew(in folder, rateHz int) (next *track, err error) {
	if err := t.sink.flush(); err != nil { // what is read must be there
		return nil, err
	}
	from, err := in.open(t.name)
	if err != nil {
		return nil, err
	}
	defer from.Close()
	old, err := t.format.read(from)
	if err != nil {
		return nil, err
	}
	f, err := in.create(t.name + risingSuffix)
	if err != nil {
		return nil, err
	}
	next, err = newTrack(f, t.format, rateHz, t.name+risingSuffix, t.participant)
	if err == nil {
		if err = next.copyFrames(old, t.written, t.rateHz); err == nil {
			return next, nil
		}
		err = errors.Join(err, f.Close())
	}
	return nil, errors.Join(err, in.remove(t.name+risingSuffix))
}

// copyFrames writes so many frames that another file has, at the rate of that.
func (t *track) copyFrames(old source, frames uint64, rateHz int) error {
	var frame [mixer.MaxFrameSamples]int16
	pcm := frame[:mixer.FrameSamples(rateHz)]
	for at := range frames {
		if err := old.read(pcm); err != nil {
			return fmt.Errorf("read back: %w", err)
		}
		if slices.ContainsFunc(pcm, func(s int16) bool { return s != 0 }) {
			if err := t.write(at, rateHz, pcm); err != nil {
				return err
			}
		}
	}
	return errors.Join(t.pad(frames), t.sink.flush(), t.file.Sync())
}
