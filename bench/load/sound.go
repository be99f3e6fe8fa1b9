package main

import (
	"context"
	"fmt"

	"github.com/confbridge/confbridge/bench/load/speech"
)

// said is what one talker says in one codec.
type said struct{ sound, last [][]byte }

// prepareSound gives each leg what it says. All that is encoded is encoded here, before the first call.
func (l *load) prepareSound(ctx context.Context) error {
	type key struct {
		talker int
		voice  *voice
	}
	all := map[key]said{}
	for i, leg := range l.set.Legs {
		leg.Coding = l.voices[i].Coding
		if i >= l.legs {
			continue // it only comes and goes
		}
		k, talks := l.talker(i)
		if !talks {
			continue
		}
		of := key{k, l.voices[i]}
		if _, ok := all[of]; !ok {
			s, source, err := say(ctx, k, l.voices[i])
			if err != nil {
				return fmt.Errorf("load: %w", err)
			}
			all[of], l.run.Speech = s, source
		}
		leg.Sound, leg.Last = all[of].sound, all[of].last
	}
	return nil
}

// say encodes what talker k says by v, and says what made the speech.
func say(ctx context.Context, k int, v *voice) (said, string, error) {
	const longest = 12 // seconds
	rate := v.format.SampleRateHz
	words, source, err := speech.Speech(ctx, k, rate)
	if err != nil {
		return said{}, "", err
	}
	var s said
	if s.sound, err = v.encode(speech.Say(words[:min(len(words), longest*rate)], k, rate), 2); err != nil {
		return said{}, "", err
	}
	if k < speech.Tones {
		s.last, err = v.encode(speech.SayTone(k, rate), 2)
	}
	return s, source, err
}
