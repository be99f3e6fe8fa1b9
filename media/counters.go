package media

import "sync/atomic"

// reason says why something that came in was not taken.
type reason uint8

const (
	accepted            reason = iota
	reasonShort                // shorter than its header says (RFC 3550 §A.1)
	reasonVersion              // not version 2
	reasonPadding              // the padding is longer than the packet
	reasonPayloadType          // not negotiated
	reasonPayload              // not a payload of the negotiated format
	reasonTooLong              // more bytes or more sound than anybody should send
	reasonSource               // from somebody else than the true source
	reasonProbation            // from a source that has yet to show itself (RFC 3550 §A.1)
	reasonSSRC                 // another SSRC beside the one that is heard
	reasonSequence             // far off the sequence (RFC 3550 §A.1)
	reasonLoop                 // our own, come back (RFC 3550 §8.2)
	reasonOnHold               // we do not receive
	reasonRTCP                 // malformed RTCP (RFC 3550 §A.2)
	reasonRTCPSource           // RTCP from somebody else
	reasonNotConfigured        // before offer and answer
	reasonSecret               // not made with the key of the group, or a copy of what was (RFC 3711 §3.3)
	reasons
)

var reasonNames = [reasons]string{
	accepted: "", reasonShort: "short", reasonVersion: "version", reasonPadding: "padding",
	reasonPayloadType: "payload_type", reasonPayload: "payload", reasonTooLong: "too_long", reasonSource: "source",
	reasonProbation: "probation", reasonSSRC: "ssrc", reasonSequence: "sequence", reasonLoop: "loop",
	reasonOnHold: "on_hold", reasonRTCP: "rtcp_malformed", reasonRTCPSource: "rtcp_source",
	reasonNotConfigured: "not_configured", reasonSecret: "secret",
}

// counters are written by the leg's owner and read by whoever collects metrics. in, inRejected and out are of RTP;
// rejected is of RTCP too.
type counters struct {
	in         atomic.Uint64
	inRejected atomic.Uint64
	out        atomic.Uint64
	outError   atomic.Uint64
	rejected   [reasons]atomic.Uint64
}

// totals is the sum over legs.
type totals struct {
	in, out, outError, inRejected uint64
	rejected                      [reasons]uint64
}

func (t *totals) add(c *counters) {
	t.in += c.in.Load()
	t.out += c.out.Load()
	t.outError += c.outError.Load()
	t.inRejected += c.inRejected.Load()
	for r := range c.rejected {
		t.rejected[r] += c.rejected[r].Load()
	}
}
