package sipua

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/confbridge/confbridge/media"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/transaction"
	"github.com/confbridge/confbridge/sipua/transport"
)

// Press is rooms.Presser's: telephone-event where that was agreed on (RFC 4733), else INFO (RFC 6086), by the call's goroutine.
func (l roomLeg) Press(keys string, held, pause time.Duration) error {
	err := l.PressKeys(keys, held, pause)
	switch {
	case errors.Is(err, media.ErrNoEvents):
		if l.call == nil || l.call.noInfo {
			return rooms.ErrNoKeys
		}
		return l.call.keys.ask(keyPress{keys, held, pause})
	case errors.Is(err, media.ErrKeyQueue):
		return fmt.Errorf("%w: %w", rooms.ErrKeyQueue, err)
	case errors.Is(err, media.ErrClosed):
		return fmt.Errorf("%w: %w", rooms.ErrNoParticipant, err)
	}
	return err
}

// takesNoInfo says whether a peer's INVITE, or the 2xx to ours, says so.
func takesNoInfo(m *message.Message) bool {
	_, says := m.Header("Allow")
	return says && !m.HasToken("Allow", string(message.Info))
}

// keyPress is keys that are to be pressed one after the other.
type keyPress struct {
	keys        string
	held, pause time.Duration
}

// keyInfos are keys on their way out by INFO, one request at a time: only so do they come in their order. The call's goroutine owns it but for asked
// and waiting.
type keyInfos struct {
	asked   chan keyPress
	waiting *atomic.Int32 // keys that have been asked for and not been told yet

	queue   []keyPress
	tx      *transaction.ClientTx // of the key that is told; nil: none is
	req     *message.Message
	targets []transport.Target // that have not been tried
	round   round
	sent    time.Time
	timer   *time.Timer
	next    <-chan time.Time // of timer, in the pause behind a key; nil otherwise
}

func newKeyInfos() keyInfos {
	return keyInfos{asked: make(chan keyPress, 1), waiting: new(atomic.Int32)}
}

// ask hands keys to the call's goroutine; it does not wait.
func (k *keyInfos) ask(p keyPress) error {
	n := int32(len(p.keys))
	if k.waiting.Add(n) > rooms.MaxKeys {
		k.waiting.Add(-n)
		return rooms.ErrKeyQueue
	}
	select {
	case k.asked <- p:
		return nil
	default:
		k.waiting.Add(-n)
		return rooms.ErrKeyQueue
	}
}

func (k *keyInfos) responses() <-chan *message.Message {
	if k.tx == nil {
		return nil
	}
	return k.tx.Responses()
}

func (k *keyInfos) stop() {
	if k.timer != nil {
		k.timer.Stop()
	}
}

// drop forgets the keys that have not been told.
func (k *keyInfos) drop() {
	for _, p := range k.queue {
		k.waiting.Add(-int32(len(p.keys)))
	}
	k.queue, k.tx, k.req, k.next = nil, nil, nil, nil
}

// pressAll takes keys that have been asked for.
func (c *call) pressAll(p keyPress) {
	c.keys.queue = append(c.keys.queue, p)
	if c.keys.tx == nil && c.keys.next == nil {
		c.pressNext()
	}
}

// pressNext tells the peer of the next key.
func (c *call) pressNext() {
	k := &c.keys
	k.next = nil
	if c.ending != nil {
		k.drop()
	}
	if len(k.queue) == 0 {
		return
	}
	k.round = round{}
	c.tellKey()
}

// tellKey makes the INFO of the first key and sends it.
func (c *call) tellKey() {
	k := &c.keys
	p := k.queue[0]
	req, next := c.d.request(message.Info)
	req.Add("User-Agent", c.ep.agent)
	req.SetBody("application/dtmf-relay", fmt.Appendf(nil, "Signal=%c\r\nDuration=%d\r\n", p.keys[0], p.held.Milliseconds()))
	k.req, k.targets = req, c.ep.targets(c.ep.ctx, &c.d, next)
	c.sendKey()
}

// sendKey sends the INFO to the first of its targets that can be sent to.
func (c *call) sendKey() {
	k := &c.keys
	for len(k.targets) > 0 {
		target := k.targets[0]
		k.targets = k.targets[1:]
		req := k.req.Clone()
		c.auth.apply(req)
		tx, err := c.ep.layer.Send(req, target)
		if err == nil {
			k.tx, k.sent = tx, time.Now()
			return
		}
		c.log.Debug("INFO not sent", "err", err)
	}
	k.drop()
}

// keyTold takes a response to an INFO of ours, or its end without one.
func (c *call) keyTold(res *message.Message, ok bool) {
	k := &c.keys
	switch {
	case !ok && errors.Is(k.tx.Err(), transaction.ErrTransport):
		c.sendKey()
	case !ok:
		k.drop()
		c.end(message.Reason{Protocol: "SIP", Cause: 408, Text: "no answer to INFO"}) // RFC 3261 §12.2.1.2
	case res.StatusCode < 200:
	case res.StatusCode < 300:
		c.keyTaken()
	case (res.StatusCode == 401 || res.StatusCode == 407) && c.auth.learn(res, &k.round):
		c.tellKey()
	default:
		c.log.Info("keys are not taken", "status", res.StatusCode)
		k.drop()
		if s := res.StatusCode; s == 408 || s == 481 { // RFC 3261 §12.2.1.2
			c.end(message.Reason{Protocol: "SIP", Cause: s, Text: message.StatusText(s) + " to INFO"})
		}
	}
}

// keyTaken goes on to the next key, no sooner than this one has been held and its pause is over.
func (c *call) keyTaken() {
	k := &c.keys
	p := &k.queue[0]
	k.waiting.Add(-1)
	k.tx, k.req = nil, nil
	wait := p.held + p.pause - time.Since(k.sent)
	if p.keys = p.keys[1:]; p.keys == "" {
		k.queue = k.queue[1:]
	}
	if k.timer == nil {
		k.timer = time.NewTimer(wait)
	} else {
		k.timer.Reset(wait)
	}
	k.next = k.timer.C
}
