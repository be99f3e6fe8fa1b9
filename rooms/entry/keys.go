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
)

const (
	// mostKeys is how many keys one answer may take, with those that are thrown away: nobody who holds a key down keeps the line for ever.
	mostKeys = 64
	// mostRoomDigits bounds the number of a room that can be dialled.
	mostRoomDigits = 32
)

// dial plays prompts and reads what is dialled meanwhile and after them: digits up to the pound key, or up to a pause. A star begins anew; the
// first key ends the prompts. Nothing at all is an empty answer, and whoever dials more than most digits gets them back at once, one too many.
func (d *dialogue) dial(ctx context.Context, most int, prompts ...string) (string, error) {
	playing, err := d.p.Play(ctx, d.clips(prompts...)...)
	if err != nil {
		return "", err
	}
	digits := make([]byte, 0, most+1)
	pause := time.NewTimer(firstKeyTime)
	pause.Stop()
	defer pause.Stop()
	for pressed := 0; pressed < mostKeys && len(digits) <= most; {
		select {
		case <-ctx.Done():
			return "", context.Cause(ctx)
		case <-playing:
			playing = nil
			pause.Reset(firstKeyTime)
		case <-pause.C:
			return string(digits), nil
		case k := <-d.keys:
			pressed++
			if playing != nil {
				playing = nil
				if err := d.p.Hush(ctx); err != nil {
					return "", err
				}
			}
			switch {
			case k == '#':
				return string(digits), nil
			case k == '*':
				digits = digits[:0]
			case '0' <= k && k <= '9':
				digits = append(digits, k)
			}
			pause.Reset(timeFor(len(digits)))
		}
	}
	return string(digits), nil
}

// timeFor is how long the next key may take behind so many digits.
func timeFor(digits int) time.Duration {
	if digits == 0 {
		return firstKeyTime
	}
	return nextKeyTime
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
