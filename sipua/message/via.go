package message

// Via is one hop (RFC 3261 §20.42). Its protocol is always SIP/2.0.
type Via struct {
	Transport string // in upper case: UDP, TCP, TLS, WS, WSS, SCTP, ...
	Host      string // sent-by; IPv6 without brackets
	Port      int    // sent-by; 0 where none is given
	Params    Params
}

// Branch is the branch parameter.
func (v Via) Branch() string { b, _ := v.Params.Find("branch"); return b }

// Received is the received parameter; empty where there is none.
func (v Via) Received() string { r, _ := v.Params.Find("received"); return r }

// RPort is the rport parameter's value, 0 where it has none, and whether the parameter is there (RFC 3581).
func (v Via) RPort() (port int, ok bool) { return 0, false }

// SentBy is host or host:port in one canonical form, for comparing.
func (v Via) SentBy() string { return "" }
