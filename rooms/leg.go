package rooms

import (
	"time"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/jitter"
	"github.com/confbridge/confbridge/mixer/quality"
)

// Leg is one participant's way in and out, as the room sees it: something that sound comes from and goes to. From
// Join until Close every method is called on the room's goroutine and on no other. None may block, allocate, lock
// or log: they run inside the tick.
type Leg interface {
	// Profile is how Send's payloads are to be made. It changes only inside Participant.Change.
	Profile() codec.Profile
	// Expects is the format that sound is likely to come in, at the rate at which it is decoded; what comes may be another one.
	Expects() codec.Format
	// KeysInSound says whether keys are to be looked for in the sound. It changes only inside Participant.Change.
	KeysInSound() bool
	// Receive hands everything that has come in since the last call to in, in order of arrival. An error says that
	// the leg is dead (ErrMediaTimeout, or an EndError): the room lets the participant go.
	Receive(now time.Time, in Inlet) error
	// Send sends one packet's payload. units is what it lasts in RTP clock units; the leg's timestamp advances by it even
	// where payload is empty, which means that nothing is to be sent for that time. It is called as often in a tick as
	// packets are due.
	Send(now time.Time, payload []byte, units int)
	// Mixed says who is heard in what the coming calls of Send carry, the loudest first, at most mixer.MaxSources. The
	// slice is valid during the call only.
	Mixed(sources []mixer.Source)
	// Observe tells how well the leg's sound comes in, about once a second.
	Observe(q quality.Local)
	// Close says goodbye to the peer's media and gives the sockets back. It is the last call.
	Close() error
}

// Exchange does the system calls of many legs and feeds together: Fetch takes in what has come for the legs of FetchBy since the last Fetch, 64 at most. Whoever works at a
// room's tick has one, where there is one to be had (Config.Exchanges). It is an alias, so that legs that know no rooms can be Pooled.
type Exchange = interface{ Fetch() }

// Pooled is a Leg whose system calls an Exchange can do.
type Pooled interface {
	Leg
	// FetchBy has the coming Fetch look for the leg; its next Receive hands on what came.
	FetchBy(x Exchange)
	// SendBy has what the leg sends from now on wait until the exchange is returned; nil: it is sent at once.
	SendBy(x Exchange)
}

// Exchanges lends exchanges to rooms. It is called in the tick, by any goroutine, and neither waits nor allocates.
type Exchanges interface {
	// Exchange lends one; nil: there is none.
	Exchange() Exchange
	// Return sends what waits, and takes it back.
	Return(x Exchange)
}

// EndError is what a leg returns that knows for which reason its participant leaves. It is made before the tick, which does not allocate.
type EndError struct {
	Reason Reason
	Feed   string // ReasonLooped: the ID of the room's feed that comes back
}

func (e *EndError) Error() string { return e.Reason.String() }

// Inlet takes what a leg receives. Slices are valid during the call only.
type Inlet interface {
	// Restart says that what follows has nothing to do with what came before: the first packet of a stream, a new
	// source, or another codec than before. It precedes the first Audio. source is what the sender calls the stream.
	Restart(f codec.Format, source uint32)
	// Audio is one packet of sound. The verdict says whether it came in time to be heard.
	Audio(p jitter.Packet) jitter.Verdict
	// Absent is a packet of the stream that holds no audio, by its RTP sequence number, so that nobody takes it for lost.
	Absent(sequence uint16)
	// Key is one key pressed on the telephone: '0' to '9', '*', '#', 'A' to 'D'; told once, when its end is known.
	Key(digit byte, held time.Duration)
	// Report is what the peer has told of how it hears us.
	Report(p quality.Peer)
}
