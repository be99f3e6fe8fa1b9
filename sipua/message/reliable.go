package message

import (
	"math"
	"strconv"
)

// RSeq returns the number of a reliable provisional response, 1 to 2^32-1 (RFC 3262 §7.1), and whether there is one that
// can be read.
func (m *Message) RSeq() (uint32, bool) {
	v, ok := m.Header("RSeq")
	if !ok {
		return 0, false
	}
	n, ok := number(v, math.MaxUint32)
	return uint32(n), ok && n > 0
}

// SetRSeq numbers a provisional response.
func (m *Message) SetRSeq(n uint32) { m.Set("RSeq", strconv.FormatUint(uint64(n), 10)) }

// RAck is what a PRACK acknowledges: the RSeq of the response, and the CSeq of the request that it answers
// (RFC 3262 §7.2).
type RAck struct {
	RSeq uint32
	CSeq CSeq
}

// RAck returns the RAck field and whether there is one that can be read.
func (m *Message) RAck() (RAck, bool) {
	v, ok := m.Header("RAck")
	if !ok {
		return RAck{}, false
	}
	sc := scanner{s: v}
	rseq, ok1 := number(sc.span(isToken), math.MaxUint32)
	sc.space()
	seq, ok2 := number(sc.span(isToken), math.MaxUint32)
	sc.space()
	r := RAck{RSeq: uint32(rseq), CSeq: CSeq{Seq: uint32(seq), Method: Method(sc.span(isToken))}}
	if !ok1 || !ok2 || r.RSeq == 0 || r.CSeq.Method == "" || !sc.end() {
		return RAck{}, false
	}
	return r, true
}

// SetRAck says what a PRACK acknowledges.
func (m *Message) SetRAck(r RAck) {
	b := strconv.AppendUint(nil, uint64(r.RSeq), 10)
	b = append(b, ' ')
	b = strconv.AppendUint(b, uint64(r.CSeq.Seq), 10)
	b = append(b, ' ')
	m.Set("RAck", string(appendToken(b, string(r.CSeq.Method))))
}
