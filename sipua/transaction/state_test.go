package transaction

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/confbridge/confbridge/sipua/message"
)

// The machines of RFC 3261 §17 (figures 5 to 8) as RFC 6026 has redrawn them, as tables: what brings the machine into a
// state, then one event, then the state after it. "T" waits for 33 s, more than any timer.

type transition struct{ before, event, after string }

func TestServerTransitions(t *testing.T) {
	invite := []transition{
		{"", "180", "proceeding"},
		{"", "200", "accepted"},
		{"", "486", "completed"},
		{"", "again", "proceeding"},
		{"", "ack", "proceeding"},
		{"", "cut 180", "terminated"},
		{"180", "180", "proceeding"},
		{"180", "again", "proceeding"},
		{"180", "T", "proceeding"},
		{"180", "603", "completed"},
		{"486", "again", "completed"},
		{"486", "200", "completed"},
		{"486", "180", "completed"},
		{"486", "ack", "confirmed"},
		{"486", "T", "terminated"},
		{"486", "cut again", "terminated"},
		{"486 ack", "again", "confirmed"},
		{"486 ack", "ack", "confirmed"},
		{"486 ack", "200", "confirmed"},
		{"486 ack", "T", "terminated"},
		{"200", "again", "accepted"},
		{"200", "ack", "accepted"},
		{"200", "200", "accepted"},
		{"200", "486", "accepted"},
		{"200", "cut 200", "accepted"},
		{"200", "T", "terminated"},
		{"cut 180", "200", "terminated"},
		{"cut 180", "again", "terminated"},
	}
	other := []transition{
		{"", "200", "completed"},
		{"", "again", "trying"},
		{"", "180", "trying"},
		{"", "408", "trying"},
		{"", "W", "proceeding"},
		{"", "T", "terminated"},
		{"", "cut 200", "terminated"},
		{"W", "again", "proceeding"},
		{"W", "404", "completed"},
		{"W", "T", "terminated"},
		{"W", "cut again", "terminated"},
		{"200", "again", "completed"},
		{"200", "500", "completed"},
		{"200", "cut again", "terminated"},
		{"200", "T", "terminated"},
	}
	run := func(method message.Method, table []transition) {
		for _, c := range table {
			t.Run(string(method)+": "+c.before+" then "+c.event+" is "+c.after, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := newRig(t, Config{})
					defer r.l.Close()
					r.receive("UDP", request(method, b1))
					tx := r.tx()
					for _, e := range strings.Fields(c.before + " " + c.event) {
						serverEvent(r, tx, e)
					}
					tx.mu.Lock()
					defer tx.mu.Unlock()
					if tx.state.String() != c.after {
						t.Errorf("got %v", tx.state)
					}
				})
			})
		}
	}
	run(message.Invite, invite)
	run(message.Bye, other)
}

func serverEvent(r *rig, tx *ServerTx, e string) {
	switch e {
	case "again":
		r.l.mu.Lock()
		known := r.l.servers[tx.key] == tx
		r.l.mu.Unlock()
		if known {
			r.receive("UDP", request(tx.key.method, b1))
		} else {
			tx.again()
		}
	case "ack":
		a := request(message.Ack, b1)
		a.To = a.To.WithTag(tx.ToTag())
		r.receive("UDP", a)
	case "cut":
		r.mu.Lock()
		r.cut = true
		r.mu.Unlock()
	case "W":
		time.Sleep(4 * time.Second)
	case "T":
		time.Sleep(33 * time.Second)
	default:
		_ = tx.Reply(status(e), "")
	}
	synctest.Wait()
}

func status(e string) int { return int(e[0]-'0')*100 + int(e[1]-'0')*10 + int(e[2]-'0') }

func TestClientTransitions(t *testing.T) {
	invite := []transition{
		{"", "", "trying"},
		{"", "T", "terminated"},
		{"", "180", "proceeding"},
		{"", "200", "accepted"},
		{"", "486", "completed"},
		{"", "lost", "terminated"},
		{"", "cut W", "terminated"},
		{"180", "183", "proceeding"},
		{"180", "T", "proceeding"},
		{"180", "200", "accepted"},
		{"180", "302", "completed"},
		{"180", "lost", "proceeding"},
		{"486", "180", "completed"},
		{"486", "486", "completed"},
		{"486", "200", "completed"},
		{"486", "T", "terminated"},
		{"486", "lost", "completed"},
		{"200", "200", "accepted"},
		{"200", "180", "accepted"},
		{"200", "486", "accepted"},
		{"200", "T", "terminated"},
		{"200", "lost", "accepted"},
	}
	other := []transition{
		{"", "", "trying"},
		{"", "T", "terminated"},
		{"", "100", "proceeding"},
		{"", "200", "completed"},
		{"", "lost", "terminated"},
		{"", "cut W", "terminated"},
		{"100", "100", "proceeding"},
		{"100", "404", "completed"},
		{"100", "T", "terminated"},
		{"200", "200", "completed"},
		{"200", "100", "completed"},
		{"200", "T", "terminated"},
	}
	run := func(method message.Method, table []transition) {
		for _, c := range table {
			t.Run(string(method)+": "+c.before+" then "+c.event+" is "+c.after, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := newRig(t, Config{})
					defer r.l.Close()
					tx := r.send(method, "UDP")
					for _, e := range strings.Fields(c.before + " " + c.event) {
						switch e {
						case "lost":
							tx.lost(tx.Flow(), errWire)
						case "cut", "W", "T":
							serverEvent(r, nil, e)
						default:
							r.answer(tx, status(e), "x")
						}
						synctest.Wait()
					}
					tx.mu.Lock()
					defer tx.mu.Unlock()
					if tx.state.String() != c.after {
						t.Errorf("got %v", tx.state)
					}
				})
			})
		}
	}
	run(message.Invite, invite)
	run(message.Bye, other)
}
