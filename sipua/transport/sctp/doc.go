// Package sctp is SCTP for SIP (RFC 4168, RFC 9260) in user space, over raw IP packets of protocol 132 or inside UDP (RFC 6951).
// An [Endpoint] is one packet socket: it listens and dials at once and gives out a [Conn], a net.Conn of which each Read and each
// Write is one message.
//
// The work is divided. This package owns the wire: it checks the checksum, ports and verification tag of every packet (§6.8, §8.5),
// sets associations up with a state cookie that is stored nowhere but at the peer (§5.1.3), sends heartbeats, finds peers that are
// gone, and passes on only the chunks that it has checked. The data transfer between (TSNs, acknowledgement, congestion, fragments,
// shutdown) is github.com/pion/sctp's, one association over one [lane]. docs/decisions/0010 says why.
//
// Goroutines: an endpoint has one that reads the socket and one for heartbeats; an association has one that takes streams, one for each
// stream that the peer uses, and those of pion. [Endpoint.Close] returns after those of this package.
package sctp
