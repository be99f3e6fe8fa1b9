package message

// Limits on what a peer can send. Parse refuses a message that breaks one of them; see the Err values for the names.
const (
	MaxMessageBytes = 64 << 10 // whole message, start line to end of body
	MaxLineBytes    = 8 << 10  // one header field with its folded lines, or the start line
	MaxHeaders      = 256      // header fields
	MaxParams       = 64       // parameters of one value, and of one URI
	MaxVias         = 70       // Via hops, as many as Max-Forwards starts with
	MaxValues       = 128      // values of Contact, of Route, of Record-Route
	MaxForwards     = 70       // what NewRequest puts into Max-Forwards (RFC 3261 §8.1.1.6)
)
