package message

// Method is a request's method. Methods are compared with regard to case (RFC 3261 §7.1); unknown ones are kept.
type Method string

// The methods that this project has words for.
const (
	Invite    Method = "INVITE"
	Ack       Method = "ACK"
	Bye       Method = "BYE"
	Cancel    Method = "CANCEL"
	Options   Method = "OPTIONS"
	Register  Method = "REGISTER"
	Update    Method = "UPDATE"    // RFC 3311
	Info      Method = "INFO"      // RFC 6086
	Prack     Method = "PRACK"     // RFC 3262
	Subscribe Method = "SUBSCRIBE" // RFC 6665
	Notify    Method = "NOTIFY"    // RFC 6665
	Refer     Method = "REFER"     // RFC 3515
	Publish   Method = "PUBLISH"   // RFC 3903
	Text      Method = "MESSAGE"   // RFC 3428
)

// Known says whether the method is one of those above. A user agent answers another one with 501, and one of these that it does
// not take with 405 (RFC 3261 §8.2.1, §21.5.2).
func (m Method) Known() bool {
	switch m {
	case Invite, Ack, Bye, Cancel, Options, Register, Update, Info, Prack, Subscribe, Notify, Refer, Publish, Text:
		return true
	}
	return false
}
