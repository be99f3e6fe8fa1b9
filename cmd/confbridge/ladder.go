package main

import (
	"fmt"
	"hash/fnv"
	"io"
	"slices"
	"strings"
	"time"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
)

// How a ladder is laid out, in columns: the times, then a lane for us and one for each peer.
const (
	ladderMargin = 24 // "15:04:05.000    +0.000  "
	minLane      = 18 // from one lane to the next
	maxCalls     = 1024
	maxSeen      = 128 // messages of a call that are remembered, to know a repetition
)

// ladder prints messages as arrows between lanes.
type ladder struct {
	out   io.Writer
	c     *console
	width int
	full  bool
	calls map[string]*ladderCall
	last  *ladderCall // whose message was printed last
}

// ladderCall is what must be known of a call to print its next message.
type ladderCall struct {
	peers   []string // a lane each, in order of appearance
	printed int      // lanes that stand in the heading
	began   time.Time
	seen    []uint64        // hashes of its messages
	offered map[string]bool // CSeq numbers whose request had an offer
}

func newLadder(c *console, full bool) *ladder {
	return &ladder{out: c.stdout, c: c, width: c.width(), full: full, calls: map[string]*ladderCall{}}
}

// call returns a message's call. A terminal that follows a bridge for days must not fill the memory.
func (l *ladder) call(m *confbridgev1.TracedMessage) *ladderCall {
	k := l.calls[m.GetCallId()]
	if k == nil {
		if len(l.calls) >= maxCalls {
			clear(l.calls)
		}
		k = &ladderCall{began: m.GetTime().AsTime(), offered: map[string]bool{}}
		l.calls[m.GetCallId()] = k
	}
	return k
}

// lanes is how many peers have a lane of their own; the last one stands for all others too.
func (l *ladder) lanes() int { return max((l.width-ladderMargin-1)/minLane, 1) }

// lane is a message's peer's lane, from 1.
func (l *ladder) lane(m *confbridgev1.TracedMessage) (k *ladderCall, lane int, shared bool) {
	k = l.call(m)
	peer := strings.ToLower(m.GetTransport()) + " " + m.GetRemote()
	i := slices.Index(k.peers, peer)
	if i < 0 && len(k.peers) < l.lanes() {
		i = len(k.peers)
		k.peers = append(k.peers, peer)
	}
	if i < 0 {
		return k, len(k.peers), true
	}
	return k, i + 1, false
}

func (l *ladder) print(line string) error {
	_, err := fmt.Fprintln(l.out, strings.TrimRight(line, " "))
	return err
}

func (l *ladder) missed(n uint64) error {
	return l.print(fmt.Sprintf("... %d messages were missed", n))
}

// message prints one message.
func (l *ladder) message(m *confbridgev1.TracedMessage) error {
	k, lane, shared := l.lane(m)
	if err := l.heading(k, m); err != nil {
		return err
	}
	s := readSIP(m.GetText())
	labels := s.labels(k.again(m))
	at := m.GetTime().AsTime()
	margin := fmt.Sprintf("%s %9s  ", l.c.clock(m.GetTime()), fmt.Sprintf("+%.3f", at.Sub(k.began).Seconds()))
	if err := l.print(margin + l.arrow(k, lane, m.GetSent(), labels)); err != nil {
		return err
	}
	var notes []string
	if shared {
		notes = append(notes, strings.ToLower(m.GetTransport())+" "+m.GetRemote())
	}
	if s.sdp != "" {
		notes = append(notes, k.role(s)+" "+s.sdp)
	}
	if m.GetFault() != "" {
		notes = append(notes, "malformed: "+m.GetFault())
	}
	if n := len(m.GetText()); int(m.GetSizeBytes()) > n+n/2 { // what is no UTF-8 counts more here
		notes = append(notes, fmt.Sprintf("%d bytes, of which only the first are kept", m.GetSizeBytes()))
	}
	for _, n := range notes {
		if err := l.print(cut(strings.Repeat(" ", ladderMargin)+"|   "+clean(n), l.width)); err != nil {
			return err
		}
	}
	if !l.full {
		return nil
	}
	return l.text(m)
}

// text prints the whole message, in lines as long as they are.
func (l *ladder) text(m *confbridgev1.TracedMessage) error {
	for _, line := range lines(m.GetText()) {
		if err := l.print("    " + line); err != nil {
			return err
		}
	}
	return l.print("")
}

// heading says which call follows and which lane is whose, where that is new.
func (l *ladder) heading(k *ladderCall, m *confbridgev1.TracedMessage) error {
	if l.last == k && k.printed == len(k.peers) {
		return nil
	}
	if l.last != k {
		title := "messages of no call"
		if m.GetCallId() != "" {
			title = "call " + clean(m.GetCallId())
		}
		if l.last != nil {
			title = "\n" + title
		}
		s := readSIP(m.GetText())
		if err := l.print(cut(title, l.width)); err != nil {
			return err
		}
		if s.from+s.to != "" && k.printed == 0 {
			if err := l.print(cut("from "+clean(s.from)+" to "+clean(s.to), l.width)); err != nil {
				return err
			}
		}
	}
	l.last, k.printed = k, len(k.peers)
	step := l.step(k)
	first, second := "bridge", ""
	if transport, _, _ := strings.Cut(k.peers[0], " "); len(m.GetLocal())+len(transport)+3 < step {
		first = clean(m.GetLocal())
	}
	for i, peer := range k.peers { // each ends at its lane
		transport, addr, _ := strings.Cut(peer, " ")
		first += flushRight(first, clean(transport), (i+1)*step+1)
		second += flushRight(second, cut(clean(addr), step-1), (i+1)*step+1)
	}
	margin := strings.Repeat(" ", ladderMargin)
	if err := l.print(margin + first); err != nil {
		return err
	}
	return l.print(margin + second)
}

// flushRight is what must stand behind before for s to end at a column.
func flushRight(before, s string, end int) string {
	return strings.Repeat(" ", max(end-columns(before)-columns(s), 0)) + s
}

// step is how far lanes are apart.
func (l *ladder) step(k *ladderCall) int { return (l.width - ladderMargin - 1) / max(len(k.peers), 1) }

// arrow is "|--- label --->|" to its lane, with the first label that fits, and the other lanes.
func (l *ladder) arrow(k *ladderCall, lane int, sent bool, labels []string) string {
	step := l.step(k)
	room := lane*step - 1 // between the two lanes
	label := ""
	for i := 0; i < len(labels) && (i == 0 || columns(label) > room-7); i++ {
		label = clean(labels[i])
	}
	label = cut(label, room-7)
	line := strings.Repeat("-", room-columns(label)-6)
	if sent {
		line = "--- " + label + " " + line + ">"
	} else {
		line = "<" + line + " " + label + " ---"
	}
	line = "|" + line + "|"
	for i := lane + 1; i <= len(k.peers); i++ {
		line += strings.Repeat(" ", step-1) + "|"
	}
	return line
}

// again says whether the same message has passed before: a retransmission (RFC 3261 §17).
func (k *ladderCall) again(m *confbridgev1.TracedMessage) bool {
	h := fnv.New64a()
	fmt.Fprintf(h, "%t %s %s\n%s", m.GetSent(), m.GetTransport(), m.GetRemote(), m.GetText())
	sum := h.Sum64()
	if slices.Contains(k.seen, sum) {
		return true
	}
	if len(k.seen) == maxSeen {
		k.seen = slices.Delete(k.seen, 0, 1)
	}
	k.seen = append(k.seen, sum)
	return false
}

// role says whether a description offers or answers (RFC 3264, RFC 6337 §2): that of a request offers, unless it is an ACK; that of a
// response answers, unless the request had none.
func (k *ladderCall) role(s sipText) string {
	if !s.response && s.method != "ACK" {
		if len(k.offered) > maxSeen {
			clear(k.offered)
		}
		k.offered[s.cseq] = true
		return "offer"
	}
	if s.response && !k.offered[s.cseq] {
		return "offer"
	}
	return "answer"
}
