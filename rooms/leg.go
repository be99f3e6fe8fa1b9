package rooms

import (
	"time"

	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/jitter"
)

// Leg is one participant's way in and out, as the room sees it: something that sound comes from and goes to. From
// Join until Close every method is called on the room's goroutine and on no other. None may block, allocate, lock
// or log: they run inside the tick.
type Leg interface {
	// Format is the codec that Send takes. It changes only inside Participant.Change.
	Format() codec.Format
	// Receive hands everything that has come in since the last call to in, in order of arrival. An error says that
	// the leg is dead (ErrMediaTimeout): the room lets the participant go.
	Receive(now time.Time, in Inlet) error
	// Send sends one frame's payload. samples is what it lasts in RTP clock units; the leg's timestamp advances by
	// it even where payload is empty, which means that nothing is to be sent this time.
	Send(now time.Time, payload []byte, samples int)
	// Close says goodbye to the peer's media and gives the sockets back. It is the last call.
	Close() error
}

// Inlet takes what a leg receives. Slices are valid during the call only.
type Inlet interface {
	// Restart says that what follows has nothing to do with what came before: the first packet of a stream, a new
	// source, or another codec than before. It precedes the first Audio.
	Restart(f codec.Format)
	// Audio is one packet of sound.
	Audio(p jitter.Packet)
	// Absent is a packet of the stream that holds no audio, by its RTP sequence number, so that nobody takes it for lost.
	Absent(sequence uint16)
	// Key is one key pressed on the telephone: '0' to '9', '*', '#', 'A' to 'D'; told once, when its end is known.
	Key(digit byte, held time.Duration)
}
