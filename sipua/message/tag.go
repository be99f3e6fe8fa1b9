package message

import (
	"hash/maphash"
	"strconv"
)

// tagSeed makes the tags of one process such that nobody can guess them.
var tagSeed = maphash.MakeSeed()

// WithStatelessTag puts a To-tag into a response that no transaction keeps: the same one for every repeat of the
// request (RFC 3261 §8.2.6.2, §8.2.7). A To that has a tag, was not read or is not there stays as it is.
func (m *Message) WithStatelessTag() *Message {
	if m.To.URI.IsZero() || m.To.Tag() != "" || m.StatusCode == 100 {
		return m
	}
	var h maphash.Hash
	h.SetSeed(tagSeed)
	if len(m.Via) > 0 {
		_, _ = h.WriteString(m.Via[0].Branch() + "\x00" + m.Via[0].SentBy())
	}
	_, _ = h.WriteString("\x00" + m.From.Tag() + "\x00" + m.CallID + "\x00" + strconv.FormatUint(uint64(m.CSeq.Seq), 10))
	m.To = m.To.WithTag(strconv.FormatUint(h.Sum64(), 36))
	return m
}
