package entry

import (
	"context"
	"time"

	"github.com/confbridge/confbridge/mixer"
)

// How long somebody may take over the first key, from the end of the prompt on, and over each further one.
const (
	firstKeyTime = 10 * time.Second
	nextKeyTime  = 4 * time.Second
	// lateKeyTime is how long the keys of somebody who was let in without having answered are still taken for a PIN.
	lateKeyTime = 15 * time.Second
)

const (
	// mostKeys is how many keys one answer may take, with those that are thrown away: nobody who holds a key down keeps the line for ever.
	mostKeys = 64
	// mostRoomDigits bounds the number of a room that can be dialled.
	mostRoomDigits = 32
)

// answer is what somebody has dialled.
type answer struct {
	digits string
	pound  bool // the pound key has ended it, and not a pause
}

// dial plays prompts and reads what is dialled meanwhile and after them: digits up to the pound key, or up to a pause. A star begins anew; the
// first key ends the prompts. Nothing at all is an empty answer, and whoever dials more than most digits gets them back at once, one too many.
func (d *dialogue) dial(ctx context.Context, most int, prompts ...string) (answer, error) {
	playing, err := d.p.Play(ctx, d.clips(prompts...)...)
	if err != nil {
		return answer{}, err
	}
	return d.read(ctx, most, playing, firstKeyTime)
}

// read is dial without prompts: what plays ends with the first key, which may take that long behind it. A nil playing is nothing.
func (d *dialogue) read(ctx context.Context, most int, playing <-chan struct{}, first time.Duration) (answer, error) {
	digits := make([]byte, 0, most+1)
	pause := time.NewTimer(first)
	defer pause.Stop()
	if playing != nil {
		pause.Stop()
	}
	for pressed := 0; pressed < mostKeys && len(digits) <= most; {
		select {
		case <-ctx.Done():
			return answer{}, context.Cause(ctx)
		case <-playing:
			playing = nil
			pause.Reset(first)
		case <-pause.C:
			return answer{digits: string(digits)}, nil
		case k := <-d.keys:
			pressed++
			if playing != nil {
				playing = nil
				if err := d.p.Hush(ctx); err != nil {
					return answer{}, err
				}
			}
			switch {
			case k == '#':
				return answer{string(digits), true}, nil
			case k == '*':
				digits = digits[:0]
			case '0' <= k && k <= '9':
				digits = append(digits, k)
			}
			if pause.Reset(nextKeyTime); len(digits) == 0 {
				pause.Reset(first)
			}
		}
	}
	return answer{digits: string(digits)}, nil
}

// forget throws away what was dialled ahead: it was meant for an answer that was right.
func (d *dialogue) forget() {
	for {
		select {
		case <-d.keys:
		default:
			return
		}
	}
}

// say plays prompts to their end.
func (d *dialogue) say(ctx context.Context, prompts ...string) error {
	played, err := d.p.Play(ctx, d.clips(prompts...)...)
	if err != nil {
		return err
	}
	select {
	case <-played:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (d *dialogue) clips(prompts ...string) []*mixer.Clip {
	clips := make([]*mixer.Clip, len(prompts))
	for i, name := range prompts {
		clips[i] = d.desk.cfg.Sounds.Prompt(d.voice, name)
	}
	return clips
}
