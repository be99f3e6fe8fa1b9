package udp

// OutboxSize is how many packets an [Outbox] holds.
const OutboxSize = 64

// Poster has packets sent by an [Outbox].
type Poster interface {
	// Posted is told of each packet of Post, in the course of a Flush, whether the kernel has taken it.
	Posted(bytes int, sent bool)
}

// Posts is what has an Outbox.
type Posts interface {
	Outbox() *Outbox
}

// Outbox collects packets of many sockets, which a Ring sends with one system call. One goroutine uses it at a time. Nothing in it allocates or waits.
type Outbox struct {
	ring    *Ring
	waiting [OutboxSize]posted
	count   int
}

// posted is a packet that waits.
type posted struct {
	by    Poster
	bytes int
	sent  bool
}

// Init has it send by ring, which holds at least OutboxSize requests, and by which nothing else is asked for between a Post and the Flush behind it.
func (o *Outbox) Init(ring *Ring) { o.ring = ring }

// Reserve makes sure that n packets, OutboxSize at most, wait together: they go out by one Flush.
func (o *Outbox) Reserve(n int) {
	if o.count+n > len(o.waiting) {
		o.Flush()
	}
}

// Post has a packet go out with the next Flush, or at once where there is no place left for another. packet, which must not be empty, and to stay as they are until by is told.
func (o *Outbox) Post(s Socket, packet []byte, to *Destination, by Poster) {
	o.Reserve(1)
	o.waiting[o.count] = posted{by: by, bytes: len(packet)}
	o.ring.Send(s, packet, to, uint64(o.count))
	o.count++
}

// Flush sends what waits, in the order in which it was posted, and tells who has posted it.
func (o *Outbox) Flush() {
	if o.count == 0 {
		return
	}
	o.ring.Run()
	for tag, result, ok := o.ring.Next(); ok; tag, result, ok = o.ring.Next() {
		p := &o.waiting[tag]
		p.sent = result == p.bytes
	}
	n := o.count
	o.count = 0
	for i := range n { // what the kernel has not looked at has not been sent
		p := &o.waiting[i]
		by := p.by
		p.by = nil
		by.Posted(p.bytes, p.sent)
	}
}
