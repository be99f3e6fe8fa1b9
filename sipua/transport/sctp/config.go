package sctp

import (
	"cmp"
	"log/slog"
	"time"
)

// Config is how an endpoint behaves. The zero value is SCTP over IP with the defaults in brackets.
type Config struct {
	UDP         bool   // inside UDP (RFC 6951)
	Port        uint16 // of SCTP inside UDP (5060)
	PeerUDPPort uint16 // of the peers that we dial (9899)

	MaxAssociations int // in all, and being dialled (1024)
	MaxPerSource    int // from one IP address (64)
	MaxMessage      int // octets of one message, each way (65535); it may be smaller, not larger
	Backlog         int // associations that wait for Accept (64)

	Heartbeat time.Duration // silence after which a heartbeat is sent; after five times as much the peer is gone (15 s)
	Shutdown  time.Duration // how long Close waits for the peer (1 s)
	Log       *slog.Logger  // nil discards
}

// missedHeartbeats is how many heartbeats' time without a packet means that the peer is gone: Path.Max.Retrans (RFC 9260 §8.2, §16).
const missedHeartbeats = 5

const (
	largestMessage = 65535
	sipPort        = 5060
)

func (c Config) withDefaults() Config {
	c.Port = cmp.Or(c.Port, sipPort)
	c.PeerUDPPort = cmp.Or(c.PeerUDPPort, DefaultUDPPort)
	c.MaxAssociations = cmp.Or(c.MaxAssociations, 1024)
	c.MaxPerSource = cmp.Or(c.MaxPerSource, 64)
	c.MaxMessage = min(cmp.Or(c.MaxMessage, largestMessage), largestMessage)
	c.Backlog = cmp.Or(c.Backlog, 64)
	c.Heartbeat = cmp.Or(c.Heartbeat, 15*time.Second)
	c.Shutdown = cmp.Or(c.Shutdown, time.Second)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}
