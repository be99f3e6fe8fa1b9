package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/confbridge/confbridge/media"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/sipua"
	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/transport"
)

const (
	// patience is when an answer that must come will not come any more, however slow the machine is.
	patience = 20 * time.Second
	// messageTime is how long the bridge waits for the rest of a message on a stream.
	messageTime = 2 * time.Second
	// us is where the messages come from: an address of the loopback that nobody else has ports on.
	us = "127.44.75.1"
)

// errSilence says that nothing came within patience.
var errSilence = errors.New("nothing came")

// bench is a bridge with one message to take.
type bench struct {
	server *sipua.Server
	rooms  *rooms.Registry
	addrs  map[string]netip.AddrPort // by transport
}

func newBench(ctx context.Context) (*bench, error) {
	engine, err := media.NewEngine(media.Config{PortMin: 33000, PortMax: 33999})
	if err != nil {
		return nil, err
	}
	b := &bench{rooms: rooms.NewRegistry(rooms.Config{OnDemand: true}), addrs: map[string]netip.AddrPort{}}
	b.server, err = sipua.New(sipua.Config{
		Listen:    []string{"udp://127.0.0.1:0", "tcp://127.0.0.1:0"},
		Transport: transport.Config{MessageTimeout: messageTime},
	}, b.rooms, engine)
	if err != nil {
		return nil, err
	}
	if err := b.server.Listen(ctx); err != nil {
		return nil, err
	}
	for _, url := range b.server.Addrs() {
		name, addr, _ := strings.Cut(url, "://")
		if b.addrs[name], err = netip.ParseAddrPort(addr); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (b *bench) shutdown() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return errors.Join(b.server.Shutdown(ctx), b.rooms.Close(ctx))
}

// line is a way to the bridge.
type line interface {
	write(data []byte) error
	// read returns the next message; errSilence, or errClosed.
	read() ([]byte, error)
	// settle makes sure that all that the bridge says on its own account has come: it calls take with each message until then. It
	// says whether the bridge has closed the line.
	settle(take func(data []byte)) (closed bool, err error)
	// rest calls take with what has come unasked. The bridge is down.
	rest(take func(data []byte))
	via() message.Via
	close()
}

// errClosed says that the bridge has ended the connection.
var errClosed = errors.New("the connection was closed")

// send gives a message to a new bridge and tells what came of it. answered says that something must come back.
func send(ctx context.Context, data []byte, answered bool, dial func(*bench) (line, error)) (outcome string, err error) {
	b, err := newBench(ctx)
	if err != nil {
		return "", err
	}
	l, err := dial(b)
	if err != nil {
		return "", errors.Join(err, b.shutdown())
	}
	defer l.close()
	t := talk{line: l, sent: data}
	err = t.hold(answered)
	if down := b.shutdown(); err == nil {
		err = down
	}
	l.rest(t.take)
	return t.outcome(), err
}

// talk is what is said about one message.
type talk struct {
	line
	sent   []byte
	got    []string // statuses of final responses, in order
	seen   []string // responses, to tell repeats
	closed bool
}

func (t *talk) outcome() string {
	out := strings.Join(t.got, ", ")
	if out == "" {
		out = nothing
	}
	if t.closed {
		out += closed
	}
	return out
}

// hold sends the message, takes the answer, ends the call where there is one, and settles.
func (t *talk) hold(answered bool) error {
	if err := t.write(t.sent); err != nil {
		return err
	}
	for answered && len(t.got) == 0 {
		data, err := t.read()
		switch {
		case errors.Is(err, errSilence):
			answered = false
		case errors.Is(err, errClosed):
			t.closed = true
			return nil
		case err != nil:
			return err
		default:
			t.take(data)
			if err := t.end(data); err != nil {
				return err
			}
		}
	}
	over, err := t.settle(t.take)
	t.closed = over
	return err
}

// take notes a final response. Repeats and requests of the bridge are passed over.
func (t *talk) take(data []byte) {
	text := string(data)
	status, ok := strings.CutPrefix(text, "SIP/2.0 ")
	if !ok || len(status) < 3 || status[0] == '1' || strings.Contains(text, "\r\nCall-ID: "+probe) || slices.Contains(t.seen, text) {
		return
	}
	t.seen = append(t.seen, text)
	t.got = append(t.got, status[:3])
}

// end acknowledges the final response to an INVITE, and hangs up what was answered.
func (t *talk) end(data []byte) error {
	res, err := message.Parse(data)
	if err != nil || res.StatusCode < 200 || res.CSeq.Method != message.Invite {
		return nil //nolint:nilerr // of a request that did not parse: no transaction waits for an ACK
	}
	req, err := message.Parse(t.sent)
	if err != nil {
		return nil //nolint:nilerr // as above
	}
	ack := message.NewRequest(message.Ack, req.RequestURI)
	ack.Via, ack.From, ack.To, ack.CallID = req.Via[:1], req.From, res.To, req.CallID
	ack.CSeq = message.CSeq{Seq: req.CSeq.Seq, Method: message.Ack}
	if res.StatusCode >= 300 {
		return t.write(ack.Bytes())
	}
	if len(res.Contact) != 1 {
		return fmt.Errorf("a 200 with %d Contacts", len(res.Contact))
	}
	ack.RequestURI = res.Contact[0].URI
	ack.Via = []message.Via{t.via()}
	ack.Via[0].Params = ack.Via[0].Params.With("branch", "z9hG4bKack")
	bye := ack.Clone()
	bye.Method, bye.CSeq = message.Bye, message.CSeq{Seq: req.CSeq.Seq + 1, Method: message.Bye}
	bye.Via[0].Params = bye.Via[0].Params.With("branch", "z9hG4bKbye")
	if err := t.write(ack.Bytes()); err != nil {
		return err
	}
	if err := t.write(bye.Bytes()); err != nil {
		return err
	}
	for {
		data, err := t.read()
		if err != nil {
			t.got = append(t.got, "no answer to BYE")
			return nil //nolint:nilerr // it is part of the outcome
		}
		if bye, err := message.Parse(data); err == nil && bye.CSeq.Method == message.Bye && bye.StatusCode >= 200 {
			if bye.StatusCode != 200 {
				t.got = append(t.got, "BYE "+strconv.Itoa(bye.StatusCode))
			}
			return nil
		}
	}
}
