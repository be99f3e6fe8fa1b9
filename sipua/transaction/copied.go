package transaction

import (
	"strings"

	"github.com/confbridge/confbridge/sipua/message"
)

// copied returns five strings that share one piece of memory of their own.
func copied(a, b, c, d, e string) (_, _, _, _, _ string) {
	s := strings.Join([]string{a, b, c, d, e}, "")
	next := func(n int) string {
		part := s[:n]
		s = s[n:]
		return part
	}
	return next(len(a)), next(len(b)), next(len(c)), next(len(d)), next(len(e))
}

// plain returns a method that is not part of a message's text.
func plain(m message.Method) message.Method {
	for _, known := range [...]message.Method{
		message.Invite, message.Ack, message.Bye, message.Cancel, message.Options, message.Register, message.Update,
		message.Info, message.Prack, message.Subscribe, message.Notify, message.Refer, message.Publish,
	} {
		if m == known {
			return known
		}
	}
	return message.Method(strings.Clone(string(m)))
}
