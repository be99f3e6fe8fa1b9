package multicast

import "github.com/confbridge/confbridge/media/internal/udp"

// posted is a packet that waits in an outbox.
type posted struct {
	waiting      int // copies of it of whom it is not known yet what has become of them; 0: nothing waits
	sent, failed int // of whom it is
	sound, bytes int // how long it is: the payload, and all of it
}

// SendBy has what is sent from now on go out together with what others send, until x, a media.Exchange, is returned; nil: at once. Lists of more than a few
// listeners are sent at once in any case.
func (s *Sender) SendBy(x interface{ Fetch() }) {
	s.flush()
	s.outbox = nil
	if by, ok := x.(udp.Posts); ok {
		s.outbox = by.Outbox()
	}
}

// flush has what waits be sent.
func (s *Sender) flush() {
	if s.posted.waiting != 0 {
		s.outbox.Flush()
	}
}

// poster is a Sender as its outbox sees it.
type poster Sender

// Posted counts a packet when it is known of all its copies what has become of them.
func (p *poster) Posted(_ int, sent bool) {
	w := &p.posted
	w.waiting--
	if sent {
		w.sent++
	} else {
		w.failed++
	}
	if w.waiting == 0 {
		(*Sender)(p).count(w.sound, w.bytes, w.sent, w.failed)
	}
}
