package transaction

// state is where a transaction is in its machine.
type state uint8

const (
	trying     state = iota // client INVITE: Calling; non-INVITE: Trying. No response yet.
	proceeding              // a provisional response has come or gone; of a server INVITE the first state
	completed               // a final response has come or gone (INVITE: not a 2xx)
	confirmed               // server INVITE: the ACK has come
	accepted                // INVITE: a 2xx has come or gone (RFC 6026)
	terminated
)

func (s state) String() string {
	return [...]string{"trying", "proceeding", "completed", "confirmed", "accepted", "terminated"}[s]
}
