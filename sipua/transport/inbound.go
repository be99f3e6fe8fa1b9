package transport

import (
	"errors"
	"net/netip"
	"strconv"
	"time"

	"github.com/confbridge/confbridge/sipua/message"
)

// receive parses one message, fills in its topmost Via and hands it up, on the goroutine that read it.
func (m *Manager) receive(data []byte, f Flow) {
	m.tap(false, f, data)
	msg, err := message.Parse(data)
	if err != nil {
		var pe *message.ParseError
		if errors.As(err, &pe) {
			m.refuse(pe.Message, pe.Status, pe.Reason, f)
		}
		return
	}
	if msg.IsRequest() {
		stamp(&msg.Via[0], f.Remote)
		m.alias(msg.Via[0], f)
	}
	if f.Reliable() {
		m.count.receivedStream.Add(1)
	} else {
		m.count.receivedUDP.Add(1)
	}
	m.handler.Receive(msg, f)
}

// refuse answers a request that does not parse, where it says how a response gets back; else it only counts.
func (m *Manager) refuse(msg *message.Message, status int, reason string, f Flow) {
	m.count.malformed.Add(1)
	m.answer(msg, status, reason, f)
}

// answer is refuse without counting what was wrong.
func (m *Manager) answer(msg *message.Message, status int, reason string, f Flow) {
	if msg == nil || !msg.IsRequest() || msg.Method == message.Ack || len(msg.Via) == 0 {
		m.cfg.Log.Debug("malformed SIP message dropped", "remote", f.Remote, "err", reason)
		return
	}
	stamp(&msg.Via[0], f.Remote)
	res := message.NewResponse(msg, status, reason).WithStatelessTag()
	if err := m.Respond(f, msg.Via[0], res.Bytes()); err != nil {
		m.cfg.Log.Debug("malformed SIP request not answered", "remote", f.Remote, "err", err)
		return
	}
	m.count.answered400.Add(1)
}

// stamp notes in the topmost Via where a request came from (RFC 3261 §18.2.1, RFC 3581 §4). What the peer says about
// itself there does not count, or responses would go wherever it likes.
func stamp(v *message.Via, from netip.AddrPort) {
	ip := from.Addr().WithZone("")
	if _, there := v.Params.Find("received"); there {
		v.Params = v.Params.Without("received")
	}
	host, err := netip.ParseAddr(v.Host)
	_, rport := v.RPort()
	if err != nil || host.Unmap() != ip || rport {
		v.Params = v.Params.With("received", ip.String())
	}
	if rport {
		v.Params = v.Params.With("rport", strconv.Itoa(int(from.Port())))
	}
}

// tap shows a message to whoever looks on.
func (m *Manager) tap(sent bool, f Flow, data []byte) {
	if m.cfg.Tap != nil {
		m.cfg.Tap.Message(time.Now(), sent, f, data)
	}
}
