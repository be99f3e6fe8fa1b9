package transport

// Stats counts what has happened since Listen.
type Stats struct {
	ReceivedUDP, ReceivedTCP uint64 // messages handed up
	SentUDP, SentTCP         uint64 // messages given to the kernel
	Malformed                uint64 // messages that did not parse, answered or not
	Answered400              uint64 // of these, requests that were answered
	Keepalives               uint64 // CRLF keepalives received (RFC 5626)
	Accepted                 uint64 // connections accepted
	Refused                  uint64 // connections over a limit
	Opened                   uint64 // connections we opened
	Connections              int    // open now
	QueueFull                uint64 // messages dropped because a peer did not read
	SendErrors               uint64
	Timeouts                 uint64 // connections closed for idleness or a message that did not end
}
