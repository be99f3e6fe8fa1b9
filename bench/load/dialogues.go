package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/confbridge/confbridge/bench/gen"
	"github.com/confbridge/confbridge/bench/report"
	"github.com/confbridge/confbridge/bench/uac"
)

// The callers who are asked for a PIN come by trunks, each from an address of its own to a room of its own, so that their wrong PINs are no attack on any of them.
const (
	pinRooms     = 20
	pinRoomBase  = 2000
	rightPIN     = "1357"
	wrongPIN     = "1358"
	wrongEvery   = 8 // calls in which the first PIN is a wrong one
	answerWithin = 30 * time.Second
	staysFor     = time.Second
	askedFor     = 8 * time.Second // how long those in the dialogue are there before all is measured
)

// Who dials has heard something of the greeting, and takes a breath after a wrong PIN.
const (
	leastThought, mostThought = 2 * time.Second, 8 * time.Second
	breath                    = 500 * time.Millisecond
)

func trunkAddress(i int) netip.Addr { return netip.AddrFrom4([4]byte{127, 2, byte(i), 1}) }

// pinConfig is the rooms with a PIN and the trunks to them, for the bridge's file.
func pinConfig() (trunks, list string) {
	var t, l strings.Builder
	t.WriteString("  trunks:\n")
	l.WriteString("rooms:\n  list:\n")
	for i := range pinRooms {
		fmt.Fprintf(&t, "    - {name: trunk%d, networks: [%s/32]}\n", i, trunkAddress(i))
		fmt.Fprintf(&l, "    - {number: \"%d\", pin: \"%s\"}\n", pinRoomBase+i, rightPIN)
	}
	return t.String(), l.String()
}

// dialogues is many callers who dial PINs, one call behind the other.
type dialogues struct {
	set     *gen.Set
	agents  []*uac.Agent
	callers sync.WaitGroup
	stop    context.CancelFunc

	mu       sync.Mutex
	counting bool
	answers  []time.Duration
	failures []string
	failed   int
}

// startDialogues lets n callers begin.
func startDialogues(ctx context.Context, server netip.AddrPort, n int) (*dialogues, error) {
	ctx, stop := context.WithCancel(ctx)
	d := &dialogues{stop: stop}
	var err error
	if d.set, err = gen.Open(n, 0, time.Second); err != nil {
		stop()
		return nil, fmt.Errorf("dialogues: %w", err)
	}
	d.set.Start()
	for i := range pinRooms {
		a, err := uac.ListenAt(trunkAddress(i), server)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("dialogues: %w", err), d.close())
		}
		d.agents = append(d.agents, a)
	}
	for i := range n {
		d.callers.Go(func() { d.caller(ctx, i) })
	}
	return d, nil
}

// close has all callers hang up.
func (d *dialogues) close() error {
	d.stop()
	d.callers.Wait()
	err := d.set.Stop()
	for _, a := range d.agents {
		err = errors.Join(err, a.Close())
	}
	return err
}

// caller calls again and again.
func (d *dialogues) caller(ctx context.Context, i int) {
	for n := 0; ctx.Err() == nil; n++ {
		if err := d.call(ctx, i, (n+i)%wrongEvery == 0); err != nil && ctx.Err() == nil {
			d.fail(err)
			_ = wait(ctx, time.Now().Add(time.Second)) // the loop looks at ctx
		}
	}
}

// call is one call into a room, with a wrong PIN first or not.
func (d *dialogues) call(ctx context.Context, i int, wrong bool) (err error) {
	leg := d.set.Legs[i]
	offer := fmt.Sprintf("v=0\r\no=load %d 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio %d RTP/AVP 0 101\r\n"+
		"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\n", rand.Uint32(), leg.Port())
	c, err := d.agents[i%pinRooms].Place(context.WithoutCancel(ctx), fmt.Sprint(pinRoomBase+i%pinRooms), "dialler", offer)
	if err != nil {
		return err
	}
	defer func() {
		d.set.Disconnect(i)
		err = errors.Join(err, c.Hangup(context.WithoutCancel(ctx)))
	}()
	if err := d.set.Connect(i, c.Media); err != nil {
		return fmt.Errorf("dialogue: %w", err)
	}
	if err := wait(ctx, time.Now().Add(leastThought+rand.N(mostThought-leastThought))); err != nil {
		return err
	}
	if wrong {
		if err := d.dial(ctx, c, leg, wrongPIN); err != nil {
			return err
		}
		if err := wait(ctx, time.Now().Add(breath)); err != nil {
			return err
		}
	}
	if err := d.dial(ctx, c, leg, rightPIN); err != nil {
		return err
	}
	return wait(ctx, time.Now().Add(staysFor))
}

// dial dials a PIN and waits for what is said to it.
func (d *dialogues) dial(ctx context.Context, c *uac.Call, leg *gen.Leg, pin string) error {
	keys := leg.Dial(pin + "#")
	for end := time.Now().Add(answerWithin); time.Now().Before(end); {
		if err := wait(ctx, time.Now().Add(gen.PacketTime)); err != nil {
			return err
		}
		if took, ok := keys.Answer(); ok {
			d.note(took)
			return nil
		}
		if c.Ended.Load() {
			return errors.New("dialogue: the bridge hung up")
		}
	}
	return fmt.Errorf("dialogue: a PIN had no answer in %v", answerWithin)
}

func (d *dialogues) note(took time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.counting {
		d.answers = append(d.answers, took)
	}
}

func (d *dialogues) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failed++; len(d.failures) < 5 {
		d.failures = append(d.failures, err.Error())
	}
}

// watch counts what is done until the end, and how many are in the dialogue, once a second.
func (d *dialogues) watch(ctx context.Context, b *bridge, until time.Time) (*report.Dialogues, error) {
	before, err := b.metricsOf(ctx)
	if err != nil {
		return nil, err
	}
	begun := time.Now()
	d.mu.Lock()
	d.counting = true
	d.mu.Unlock()
	asked, looks := 0.0, 0
	for ; time.Until(until) > time.Second; looks++ {
		if err := wait(ctx, time.Now().Add(time.Second)); err != nil {
			return nil, err
		}
		now, err := b.metricsOf(ctx)
		if err != nil {
			return nil, err
		}
		asked += now["confbridge_entry_dialogues"]
	}
	after, err := b.metricsOf(ctx)
	if err != nil {
		return nil, err
	}
	took := time.Since(begun).Seconds()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.counting = false
	const admitted = `confbridge_entry_dialogues_total{outcome="admitted"}`
	r := &report.Dialogues{
		AtOnce: asked / float64(max(looks, 1)), Wrong: int(after["confbridge_pin_failures_total"] - before["confbridge_pin_failures_total"]),
		PerSecond: (after[admitted] - before[admitted]) / took, Failed: d.failed, Failures: d.failures,
	}
	if slices.Sort(d.answers); len(d.answers) > 0 {
		r.AnswerMsP50 = float64(d.answers[len(d.answers)/2].Milliseconds())
		r.AnswerMsP95 = float64(d.answers[len(d.answers)*95/100].Milliseconds())
	}
	return r, nil
}
