package transport

import "sync/atomic"

// Stats counts what has happened since Listen.
type Stats struct {
	ReceivedUDP, ReceivedTCP uint64 // messages handed up; TCP stands for all streams
	SentUDP, SentTCP         uint64 // messages given to the kernel
	Malformed                uint64 // messages that did not parse, answered or not
	Answered400              uint64 // of these, requests that were answered
	Keepalives               uint64 // CRLF keepalives received (RFC 5626)
	Accepted                 uint64 // connections accepted
	Refused                  uint64 // connections over a limit
	HandshakeFailed          uint64 // connections whose TLS or WebSocket handshake failed, or did not end in time
	OriginRefused            uint64 // web pages that may not connect
	Opened                   uint64 // connections we opened
	Connections              int    // open now
	QueueFull                uint64 // messages dropped because a peer did not read
	SendErrors               uint64 // messages that could not be sent
	Unreachable              uint64 // ICMP errors that say that datagrams of ours do not arrive
	IdleTimeouts             uint64 // connections closed because nothing came or went
	MessageTimeouts          uint64 // connections closed because a message did not end
	TooLarge                 uint64 // connections closed because of a message over the limit, answered or not
	Floods                   uint64 // connections closed because of more pings than anybody needs
}

// counters are the living Stats.
type counters struct {
	receivedUDP, receivedStream, sentUDP, sentStream, malformed, answered400, keepalives atomic.Uint64
	handshakeFailed, originRefused, idleTimeouts, messageTimeouts, tooLarge, floods      atomic.Uint64
	accepted, refused, opened, queueFull, sendErrors, unreachable                        atomic.Uint64
}

// Stats returns the counters as of now.
func (m *Manager) Stats() Stats {
	m.mu.Lock()
	open := len(m.conns)
	m.mu.Unlock()
	c := &m.count
	return Stats{
		ReceivedUDP: c.receivedUDP.Load(), ReceivedTCP: c.receivedStream.Load(),
		SentUDP: c.sentUDP.Load(), SentTCP: c.sentStream.Load(),
		Malformed: c.malformed.Load(), Answered400: c.answered400.Load(), Keepalives: c.keepalives.Load(),
		Accepted: c.accepted.Load(), Refused: c.refused.Load(), Opened: c.opened.Load(), Connections: open,
		QueueFull: c.queueFull.Load(), SendErrors: c.sendErrors.Load(), Unreachable: c.unreachable.Load(),
		HandshakeFailed: c.handshakeFailed.Load(), OriginRefused: c.originRefused.Load(), TooLarge: c.tooLarge.Load(),
		IdleTimeouts: c.idleTimeouts.Load(), MessageTimeouts: c.messageTimeouts.Load(), Floods: c.floods.Load(),
	}
}
