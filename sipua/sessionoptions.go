package sipua

import (
	"context"
	"strings"

	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/sipua/transaction"
	"github.com/confbridge/confbridge/sipua/trunk"
)

// maxDescribing is how many OPTIONS that ask for a session are answered at once; beyond it 503.
const maxDescribing = 16

// describe answers OPTIONS that ask for a session with its description (RFC 3261 §11.2), in a goroutine of its own: the room is asked whether the caller
// would be let in, as by an INVITE, which OPTIONS is answered like. The key is for calls.
func (s *Server) describe(tx *transaction.ServerTx, who trunk.Caller, w wish) {
	select {
	case s.describing <- struct{}{}:
	default:
		s.ep.replyLater(tx, 503, "")
		return
	}
	if !s.ep.begin() {
		<-s.describing
		s.ep.replyError(tx, ErrShutdown)
		return
	}
	go func() {
		defer s.ep.wg.Done()
		defer func() { <-s.describing }()
		description, err := s.description(tx, who, w)
		if err != nil {
			s.ep.replyError(tx, err)
			return
		}
		s.ep.answerOptions(tx, description)
	}()
}

// begin counts a goroutine, which must call wg.Done; false: the endpoint is closing.
func (ep *endpoint) begin() bool {
	ep.mu.Lock()
	defer ep.mu.Unlock()
	if ep.closed {
		return false
	}
	ep.wg.Add(1)
	return true
}

// description is that of the session that is asked for, where a call would get it.
func (s *Server) description(tx *transaction.ServerTx, who trunk.Caller, w wish) ([]byte, error) {
	ctx, cancel := context.WithTimeout(s.ep.ctx, applyTime)
	defer cancel()
	admitted, err := s.book.Admit(who, tx.Request(), nil)
	if err != nil {
		return nil, err
	}
	defer admitted.End()
	from := origin(admitted, tx)
	from.Existing = true // a room that is made for it has no sessions
	caller := rooms.Caller{Address: strings.Clone(admitted.Address), CallID: strings.Clone(tx.Request().CallID), Origin: from}
	p, err := s.rooms.Admit(ctx, strings.Clone(admitted.Number), caller)
	if err != nil {
		return nil, err
	}
	defer p.Leave(rooms.ReasonHangup)
	found, err := s.session(ctx, p.Room(), w, keysOmitted)
	return found.Description, err
}
