package message

// Header returns the first field's value of that name and whether there is one. Compact and long names are the same,
// and case does not count. It finds only what is in Headers.
func (m *Message) Header(name string) (string, bool) {
	for i := range m.Headers {
		if SameName(m.Headers[i].Name, name) {
			return m.Headers[i].Value, true
		}
	}
	return "", false
}

// Values returns the values of all fields of that name, unsplit, in order.
func (m *Message) Values(name string) []string { return nil }

// Tokens returns the comma-separated values of all fields of that name: Require, Supported, Allow, Accept.
func (m *Message) Tokens(name string) []string { return nil }

// HasToken says whether Tokens(name) has token, without regard to case.
func (m *Message) HasToken(name, token string) bool { return false }

// Add appends a field. CR, LF and other control characters in value are written as spaces; a name that is no token
// leaves the field out of what is built. The fields that Message has typed, and Content-Length, cannot be added.
func (m *Message) Add(name, value string) {}

// Set replaces all fields of that name by one.
func (m *Message) Set(name, value string) {}

// Del takes all fields of that name away.
func (m *Message) Del(name string) {}

// SetBody sets the body and its Content-Type; an empty body takes the Content-Type away.
func (m *Message) SetBody(contentType string, body []byte) {}

// SameName says whether two header names mean the same field.
func SameName(a, b string) bool { return false }

// MaxForwards returns the Max-Forwards field, 0 to 255, and whether there is one.
func (m *Message) MaxForwards() (int, bool) { return 0, false }

// Expires returns the Expires field in seconds and whether there is one that can be read; values beyond 2^32-1 are
// read as that (RFC 3261 §20.19).
func (m *Message) Expires() (uint32, bool) { return 0, false }

// ContentType returns the media type in lower case without parameters ("application/sdp"), and the parameters.
func (m *Message) ContentType() (string, Params) { return "", nil }

// Reason is one value of the Reason field (RFC 3326).
type Reason struct {
	Protocol string // "SIP", "Q.850"
	Cause    int    // 0 where none is given
	Text     string
}

// Reasons returns the values of the Reason field that can be read.
func (m *Message) Reasons() []Reason { return nil }

// AddReason adds a Reason field.
func (m *Message) AddReason(r Reason) {}

// Warning is one value of the Warning field (RFC 3261 §20.43).
type Warning struct {
	Code  int // 300 to 399
	Agent string
	Text  string
}

// Warnings returns the values of the Warning field that can be read.
func (m *Message) Warnings() []Warning { return nil }

// AddWarning adds a Warning field.
func (m *Message) AddWarning(w Warning) {}
