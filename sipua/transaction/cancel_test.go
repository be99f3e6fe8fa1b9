package transaction

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/confbridge/confbridge/sipua/message"
)

// A CANCEL meets an INVITE in every state it can be in (RFC 3261 §9.2). A step is what comes in, or what the TU answers; then 20 ms
// pass.
func TestCANCELInEveryRace(t *testing.T) {
	for _, c := range []struct{ name, steps, want string }{
		{"before the 100", "invite cancel 487 ack", "request, 200 CANCEL, cancel up, 487 INVITE"},
		{"after the 100", "invite wait cancel 487 ack", "request, 100 INVITE, 200 CANCEL, cancel up, 487 INVITE"},
		{"while it rings", "invite 180 cancel 487 ack", "request, 180 INVITE, 200 CANCEL, cancel up, 487 INVITE"},
		{"crossing a 2xx", "invite 200 cancel", "request, 200 INVITE, 200 CANCEL"},
		{"the TU answers 200 all the same", "invite cancel 200", "request, 200 CANCEL, cancel up, 200 INVITE"},
		{"crossing a refusal", "invite 486 cancel ack", "request, 486 INVITE, 200 CANCEL"},
		{"behind the ACK of a refusal", "invite 486 ack cancel", "request, 486 INVITE, 200 CANCEL"},
		{"twice", "invite cancel cancel 487 ack", "request, 200 CANCEL, cancel up, 200 CANCEL, 487 INVITE"},
		{"again after the 487", "invite cancel 487 cancel ack", "request, 200 CANCEL, cancel up, 487 INVITE, 200 CANCEL"},
		{"for an INVITE that never was", "cancel", "481 CANCEL"},
		{"before its INVITE, which is then a new one", "cancel invite 180", "481 CANCEL, request, 180 INVITE"},
		{"before its INVITE and behind it", "cancel invite cancel 487 ack", "481 CANCEL, request, 200 CANCEL, cancel up, 487 INVITE"},
		{"with another branch", "invite 180 cancel-branch", "request, 180 INVITE, 481 CANCEL"},
		{"from another sent-by", "invite 180 cancel-sentby", "request, 180 INVITE, 481 CANCEL"},
		{"for a request that is no INVITE", "options cancel", "request, 481 CANCEL, 100 OPTIONS"},
		{"after the end of the INVITE", "invite 486 ack over cancel", "request, 486 INVITE, 481 CANCEL"},
		{"after the 2xx has been forgotten", "invite 200 over cancel", "request, 200 INVITE, 481 CANCEL"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, Config{})
				defer r.l.Close()
				for _, step := range strings.Fields(c.steps) {
					r.step(step)
					time.Sleep(20 * ms)
					synctest.Wait()
				}
				time.Sleep(4 * time.Second)
				synctest.Wait()
				got := []string{}
				r.mu.Lock()
				defer r.mu.Unlock()
				for _, line := range r.log {
					_, what, _ := strings.Cut(line, " ")
					what = strings.TrimPrefix(what, "-> ")
					if strings.HasPrefix(what, "request") {
						what = "request"
					}
					repeat := len(got) > 0 && got[len(got)-1] == what && strings.HasSuffix(what, "INVITE")
					if !repeat && !strings.HasPrefix(what, "ended") {
						got = append(got, what)
					}
				}
				if diff := cmp.Diff(strings.Split(c.want, ", "), got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		})
	}
}

func (r *rig) step(step string) {
	switch step {
	case "invite":
		r.receive("UDP", request(message.Invite, b1))
	case "options":
		r.receive("UDP", request(message.Options, b1))
	case "cancel":
		r.receive("UDP", request(message.Cancel, b1))
	case "cancel-branch":
		r.receive("UDP", request(message.Cancel, b2))
	case "cancel-sentby":
		c := request(message.Cancel, b1)
		c.Via[0].Host = "192.0.2.66"
		r.receive("UDP", c)
	case "ack":
		a := request(message.Ack, b1)
		a.To = a.To.WithTag(r.tx().ToTag())
		r.receive("UDP", a)
	case "wait":
		time.Sleep(200 * ms)
	case "over":
		time.Sleep(33 * time.Second)
	default:
		r.reply(status(step))
	}
}

// All that one cancelled call is answered with has one To-tag, though the CANCEL's transaction is another.
func TestOneToTagInAllResponsesOfACancelledCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{})
		defer r.l.Close()
		for _, step := range strings.Fields("invite 180 183 cancel cancel 487") {
			r.step(step)
			synctest.Wait()
		}
		tags := map[string]bool{}
		for _, m := range r.sent {
			tags[m.To.Tag()] = true
		}
		if len(r.sent) != 5 || len(tags) != 1 || tags[""] {
			t.Errorf("%d responses with the tags %v", len(r.sent), tags)
		}
	})
}

// The client's side of RFC 3261 §9.1.
func TestACancelledClientInEveryRace(t *testing.T) {
	for _, c := range []struct{ name, steps, want string }{
		{"before any response, then a 2xx", "cancel 200", "INVITE, response 200, closed: <nil>"},
		{"before any response, then a refusal", "cancel 486", "INVITE, ACK, response 486, closed: <nil>"},
		{"before any response, then a 100", "cancel 100 487", "INVITE, response 100, CANCEL, ACK, response 487, closed: <nil>"},
		{"before any response, and none comes", "cancel", "INVITE, closed: no answer in time"},
		{"while it rings", "180 cancel 487", "INVITE, response 180, CANCEL, ACK, response 487, closed: <nil>"},
		{"twice", "180 cancel cancel 487", "INVITE, response 180, CANCEL, ACK, response 487, closed: <nil>"},
		{"crossing a 2xx, which the TU then ends", "180 cancel 200", "INVITE, response 180, CANCEL, response 200, closed: <nil>"},
		{"after a 2xx", "200 cancel", "INVITE, response 200, closed: <nil>"},
		{"after a refusal", "486 cancel", "INVITE, ACK, response 486, closed: <nil>"},
		{"another provisional response behind it", "180 cancel 183 487", "INVITE, response 180, CANCEL, response 183, ACK, response 487, closed: <nil>"},
		{"no final response behind it", "180 cancel", "INVITE, response 180, CANCEL, closed: no answer in time"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, Config{})
				defer r.l.Close()
				tx := r.send(message.Invite, "TCP")
				for _, step := range strings.Fields(c.steps) {
					time.Sleep(100 * ms)
					synctest.Wait()
					if step == "cancel" {
						_ = tx.Cancel()
					} else {
						r.answer(tx, status(step), "x")
					}
				}
				time.Sleep(40 * time.Second)
				synctest.Wait()
				got := []string{}
				r.mu.Lock()
				defer r.mu.Unlock()
				for _, line := range sameInstant(r.log) {
					_, what, _ := strings.Cut(line, " ")
					what = strings.TrimSuffix(strings.TrimSuffix(strings.TrimPrefix(what, "-> "), " TCP"), " x")
					got = append(got, what)
				}
				want := strings.Split(c.want, ", ")
				slices.Sort(want) // CANCEL and ACK leave at the instant at which the response goes up
				slices.Sort(got)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		})
	}
}
