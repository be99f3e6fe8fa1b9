package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"

	"github.com/zaf/g711"

	"github.com/confbridge/confbridge/bench/gen"
	"github.com/confbridge/confbridge/bench/load/speech"
	"github.com/confbridge/confbridge/bench/uac"
)

// phones are telephones in the room: the first few talk all the time, the others listen, and send silence as telephones do.
type phones struct {
	agent *uac.Agent
	set   *gen.Set
	calls []*uac.Call // by telephone; nil: it is on the hook
}

// newPhones has talkers in the room, and listeners on the hook.
func newPhones(ctx context.Context, talkers, listeners int) (*phones, error) {
	p := &phones{calls: make([]*uac.Call, talkers+listeners)}
	here := netip.MustParseAddr(earsAddress)
	var err error
	if p.agent, err = uac.ListenAt(here, netip.MustParseAddrPort(sipAddress)); err != nil {
		return nil, err
	}
	if p.set, err = gen.OpenAt(here.As4(), len(p.calls), 0, 0); err != nil {
		return nil, errors.Join(err, p.agent.Close())
	}
	for i := range talkers {
		pcm, _, err := speech.Speech(ctx, i, speech.Rate)
		if err != nil {
			return nil, errors.Join(err, p.agent.Close())
		}
		p.set.Legs[i].Sound = payloads(speech.Say(pcm, i, speech.Rate))
	}
	p.set.Start()
	if err := p.call(ctx, 0, talkers); err != nil {
		return nil, errors.Join(err, p.close(ctx))
	}
	return p, nil
}

// call has telephones from one to before another call.
func (p *phones) call(ctx context.Context, from, to int) error {
	for i := from; i < to; i++ {
		offer := fmt.Sprintf("v=0\r\no=bench %d 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio %d RTP/AVP 0\r\na=ptime:20\r\n",
			rand.Uint32(), earsAddress, earsAddress, p.set.Legs[i].Port())
		c, err := p.agent.Place(ctx, room, "bench", offer)
		if err != nil {
			return err
		}
		p.calls[i] = c
		if err := p.set.Connect(i, c.Media); err != nil {
			return err
		}
	}
	return nil
}

// hangup has those from one to before another hang up.
func (p *phones) hangup(ctx context.Context, from, to int) (err error) {
	for i := from; i < to; i++ {
		if c := p.calls[i]; c != nil {
			p.set.Disconnect(i)
			p.calls[i] = nil
			err = errors.Join(err, c.Hangup(ctx))
		}
	}
	return err
}

// close hangs all up.
func (p *phones) close(ctx context.Context) error {
	return errors.Join(p.hangup(ctx, 0, len(p.calls)), p.set.Stop(), p.agent.Close())
}

// payloads is pcm as PCMU, 20 ms in each.
func payloads(pcm []float64) [][]byte {
	var all [][]byte
	for frame := range slices.Chunk(pcm, gen.PacketSamples) {
		payload := make([]byte, len(frame))
		for i, x := range frame {
			payload[i] = g711.EncodeUlawFrame(int16(32767 * max(min(x, 0.99), -0.99)))
		}
		all = append(all, payload)
	}
	return all
}
