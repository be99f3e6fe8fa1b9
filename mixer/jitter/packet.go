package jitter

import "time"

// Packet is one RTP packet's audio as the buffer sees it. All clock units are those of Config.ClockRateHz.
type Packet struct {
	Sequence  uint16    // RTP sequence number (RFC 3550 §5.1)
	Timestamp uint32    // RTP timestamp, clock units
	Samples   int       // what the payload lasts, in clock units; 0 with Noise alone
	Marker    bool      // first packet of a talkspurt (RFC 3551 §4.1)
	Arrival   time.Time // when the kernel took it in
	Payload   []byte    // Put copies it; from Next it is valid until the following call on the Buffer
	// Noise says that Payload is comfort noise (RFC 3389) and stands for what follows until the next packet; Samples is 0.
	Noise bool
	Level Level
}

// Level is how loud the sender says that a packet is (RFC 6464 §3). The zero value says that it does not tell.
type Level struct {
	Known bool
	Voice bool  // the sender takes it for speech
	Below uint8 // dB below overload, 0 to 127; 127 is silence
}
