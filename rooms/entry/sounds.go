package entry

import (
	"hash/fnv"
	"math"
	"sync"
	"time"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/rooms/sounds"
)

// Sounds has what is said to callers.
type Sounds interface {
	// Prompt is what a voice says under a name; an empty voice is the usual one. It never fails: where there is no such prompt it is something else that can be
	// heard. It may read files, and is safe for concurrent use.
	Prompt(voice, name string) *mixer.Clip
}

// Prompts are the names of all that is said.
func Prompts() []string {
	return []string{
		sounds.Welcome, sounds.EnterConference, sounds.NoSuchConference, sounds.EnterPIN, sounds.NothingEntered, sounds.WrongPIN, sounds.WrongPINGoodbye,
		sounds.LockedOut, sounds.ConferenceLocked, sounds.ConferenceFull, sounds.NotOpen, sounds.TryLater, sounds.Goodbye, sounds.Entering, sounds.LobbyWait, sounds.WaitingHost,
		sounds.RecordName, sounds.Press1ToJoin,
	}
}

// tones is what there is where there are no Sounds: two short tones for each name, so that one can be told from the others.
type tones struct {
	mu   sync.Mutex
	made map[string]*mixer.Clip
}

const (
	toneRateHz    = 8000
	toneLength    = 120 * time.Millisecond
	tonePause     = 60 * time.Millisecond
	toneAmplitude = 6000
	mostTones     = 256 // names that are kept; there are not so many
)

// Prompt implements Sounds.
func (t *tones) Prompt(_, name string) *mixer.Clip {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c := t.made[name]; c != nil {
		return c
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(name)) // never fails: hash.Hash
	// Frequencies that are no tones of a telephone network, and no key's.
	first, second := 1800+7*float64(h.Sum32()%64), 2300+7*float64(h.Sum32()/64%64)
	c := &mixer.Clip{Name: name, RateHz: toneRateHz}
	for _, hz := range []float64{first, second} {
		c.PCM = append(appendTone(c.PCM, hz, toneLength), make([]int16, int(tonePause.Seconds()*toneRateHz))...)
	}
	if t.made == nil || len(t.made) >= mostTones {
		t.made = map[string]*mixer.Clip{}
	}
	t.made[name] = c
	return c
}

// appendTone puts a tone behind a sound.
func appendTone(pcm []int16, hz float64, length time.Duration) []int16 {
	for i := range int(length.Seconds() * toneRateHz) {
		pcm = append(pcm, int16(toneAmplitude*math.Sin(2*math.Pi*hz*float64(i)/toneRateHz)))
	}
	return pcm
}
