package jitter

import "time"

// Config is how a Buffer behaves.
type Config struct {
	ClockRateHz int           // of the RTP timestamps
	Max         time.Duration // the most that is ever held; 0 means 400 ms
}

// Buffer is one leg's playout buffer.
type Buffer struct{}

// New returns an empty buffer.
func New(cfg Config) *Buffer { panic("TODO") }

// Put takes a packet in. It copies p.Payload.
func (b *Buffer) Put(p Packet) Verdict { panic("TODO") }

// Next says what comes next, at the tick of the time now. It is called until the tick has its 20 ms of sound.
func (b *Buffer) Next(now time.Time) (Packet, Outcome) { panic("TODO") }

// Reset forgets the source, keeping the counts: what follows is a new one.
func (b *Buffer) Reset() { panic("TODO") }

// Stats tells how it went so far.
func (b *Buffer) Stats() Stats { panic("TODO") }
