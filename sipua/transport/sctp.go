package transport

import (
	"cmp"
	"context"
	"net"
	"net/netip"

	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/transport/sctp"
)

// sctp is SIP over SCTP (RFC 4168): "sctp://0.0.0.0:5060" over IP, "sctp+udp://0.0.0.0:9899" inside UDP (RFC 6951), where the port is
// UDP's and the SCTP port is 5060. A listener dials from its own packet socket: without one there is no dialling.
func (m *Manager) sctp(udp bool) stream {
	var end *sctp.Endpoint
	return stream{
		name:  "SCTP",
		bound: true,
		listen: func(ctx context.Context, addr netip.AddrPort) (net.Listener, error) {
			cfg := m.cfg.SCTP
			cfg.UDP, cfg.Log = udp, m.cfg.Log
			cfg.MaxAssociations = cmp.Or(cfg.MaxAssociations, m.cfg.MaxConns)
			cfg.MaxPerSource = cmp.Or(cfg.MaxPerSource, m.cfg.MaxConnsPerSource)
			var err error
			end, err = sctp.Listen(ctx, cfg, addr)
			if err != nil {
				return nil, err
			}
			return end, nil
		},
		dial: func(ctx context.Context, _, to netip.AddrPort) (net.Conn, error) {
			c, err := end.Dial(ctx, to)
			if err != nil {
				return nil, err
			}
			return c, nil
		},
		// One Read is one message, so Content-Length need not be (RFC 3261 §18.3). Line ends alone are no ping: SCTP has heartbeats.
		frames: func(_ net.Conn, src octets) messages { return &wholes{src: src} },
	}
}

// defaultListenPort is the port of a URL without one.
func defaultListenPort(name string) int {
	if name == "SCTP+UDP" {
		return sctp.DefaultUDPPort
	}
	return message.DefaultPort(name)
}
