package sounds

import (
	"container/list"

	"github.com/confbridge/confbridge/mixer"
)

// cache keeps clips up to a number of bytes: who was not asked for longest goes first. The newest stays even where it is larger alone,
// so that many who ask for it one after the other share it.
type cache struct {
	most, bytes int64
	byKey       map[string]*list.Element
	order       *list.List // of cached; the one asked for last is in front
}

type cached struct {
	key  string
	clip *mixer.Clip
}

// perClip is what a clip takes beside its samples.
const perClip = 256

func makeCache(most int64) cache {
	return cache{most: most, byKey: map[string]*list.Element{}, order: list.New()}
}

// take is the clip of key, which becomes the newest; nil where there is none.
func (c *cache) take(key string) *mixer.Clip {
	e := c.byKey[key]
	if e == nil {
		return nil
	}
	c.order.MoveToFront(e)
	return e.Value.(cached).clip
}

// put adds a clip that is not there.
func (c *cache) put(key string, clip *mixer.Clip) {
	c.byKey[key] = c.order.PushFront(cached{key, clip})
	c.bytes += size(clip)
	for c.bytes > c.most && c.order.Len() > 1 {
		old := c.order.Remove(c.order.Back()).(cached)
		delete(c.byKey, old.key)
		c.bytes -= size(old.clip)
	}
}

func size(clip *mixer.Clip) int64 { return perClip + 2*int64(cap(clip.PCM)) }
