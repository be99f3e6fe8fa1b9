package sipua

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/sipua/message"
)

// one returns the only message sent since the last call.
func (b *still) one() *message.Message {
	b.t.Helper()
	list := b.all()
	if len(list) != 1 {
		var all []string
		for _, s := range list {
			all = append(all, string(s.msg.Bytes()))
		}
		b.t.Fatalf("%d messages were sent, want one:\n%s", len(list), strings.Join(all, "\n"))
	}
	return list[0].msg
}

// oneOf is one with that status and method.
func (b *still) oneOf(status int, method message.Method) *message.Message {
	b.t.Helper()
	m := b.one()
	if m.StatusCode != status || m.CSeq.Method != method {
		b.t.Fatalf("got\n%s\nwant %d to %s", m.Bytes(), status, method)
	}
	return m
}

func (b *still) sleep(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func ringing() Config { return Config{Ring: 3 * time.Second} }

func TestItRingsBeforeTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newStillWith(t, "UDP", ringing())
		b.receive("INVITE", 1, "Record-Route: <sip:p.example;lr>")
		rings := b.oneOf(180, message.Invite)
		if rings.To.Tag() == "" || len(rings.Contact) != 1 || len(rings.RecordRoute) != 1 || len(rings.Body) != 0 {
			t.Errorf("got %s", rings.Bytes())
		}
		if _, ok := rings.Header("RSeq"); ok || rings.HasToken("Require", "100rel") {
			t.Errorf("it is reliable to a caller who cannot that: %s", rings.Bytes())
		}
		if list, err := b.rooms.Participants(t.Context(), "1000"); err != nil || len(list) != 0 {
			t.Errorf("got %v, %v: nobody is in before the answer", list, err)
		}
		b.sleep(2999 * time.Millisecond)
		if list := b.all(); len(list) != 0 {
			t.Errorf("sent while it rings: %s", list[0].msg.Bytes())
		}
		b.sleep(time.Millisecond)
		if res := b.oneOf(200, message.Invite); res.To.Tag() != rings.To.Tag() || len(res.Body) == 0 {
			t.Errorf("got %s", res.Bytes())
		}
		if list, err := b.rooms.Participants(t.Context(), "1000"); err != nil || len(list) != 1 {
			t.Errorf("got %v, %v: want one", list, err)
		}
		b.toTag = rings.To.Tag()
		b.receive("ACK", 1)
		b.receive("BYE", 2)
		b.close()
	})
}

func TestItRingsOnLestAProxyGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newStillWith(t, "UDP", Config{Ring: 150 * time.Second})
		b.receive("INVITE", 1)
		b.sleep(149 * time.Second)
		got := times(b.all(), func(m *message.Message) bool { return m.StatusCode == 180 })
		if want := []int64{0, 60000, 120000}; !equal(got, want) {
			t.Errorf("got 180 at %v ms, want %v", got, want)
		}
		b.close()
	})
}

func TestACancelWhileItRingsHasOneTag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newStillWith(t, "UDP", ringing())
		b.receive("INVITE", 1)
		tag := b.oneOf(180, message.Invite).To.Tag()
		b.sleep(time.Second)
		// The CANCEL has the branch of its INVITE.
		cancel := strings.ReplaceAll(strings.Join([]string{
			"CANCEL sip:1000@127.0.0.1 SIP/2.0", "Via: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK-INVITE1", "From: <sip:a@127.0.0.1>;tag=a",
			"To: <sip:1000@127.0.0.1>", "Call-ID: still", "CSeq: 1 CANCEL", "Reason: SIP;cause=200;text=\"elsewhere\"", "", "",
		}, "\n"), "\n", "\r\n")
		m, err := message.Parse([]byte(cancel))
		if err != nil {
			t.Fatal(err)
		}
		b.server.ep.layer.Receive(m, loop("UDP"))
		synctest.Wait()
		list := b.all()
		if len(list) != 2 || list[0].msg.StatusCode != 200 || list[1].msg.StatusCode != 487 {
			t.Fatalf("got %d messages, want 200 to CANCEL and 487", len(list))
		}
		for _, s := range list {
			if s.msg.To.Tag() != tag || tag == "" {
				t.Errorf("To-tag %q in %d, want %q as in the 180", s.msg.To.Tag(), s.msg.StatusCode, tag)
			}
		}
		if b.server.Calls() != 0 {
			t.Error("the call is still there")
		}
		b.toTag = tag
		b.close()
	})
}

func TestWhatEndsACallThatRings(t *testing.T) {
	for _, row := range []struct {
		name    string
		headers []string
		do      func(b *still)
		want    []int // statuses, in order
	}{
		{"the caller hangs up", nil, func(b *still) { b.receive("BYE", 2) }, []int{200, 487}},
		{"the invitation expires", []string{"Expires: 2"}, func(b *still) { b.sleep(2 * time.Second) }, []int{487}},
		{"the conference ends", nil, func(b *still) {
			if err := b.rooms.End(b.t.Context(), "1000", rooms.ReasonEnded); err != nil {
				b.t.Error(err)
			}
			synctest.Wait()
		}, []int{480}},
		{"the bridge shuts down", nil, func(b *still) {
			if err := b.server.Shutdown(b.t.Context()); err != nil {
				b.t.Error(err)
			}
		}, []int{503}},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newStillWith(t, "UDP", ringing())
				b.receive("INVITE", 1, row.headers...)
				b.toTag = b.oneOf(180, message.Invite).To.Tag()
				row.do(b)
				var got []int
				for _, s := range b.all() {
					got = append(got, s.msg.StatusCode)
				}
				if fmt.Sprint(got) != fmt.Sprint(row.want) {
					t.Errorf("got %v, want %v", got, row.want)
				}
				b.ackRefusal(1)
				b.close()
			})
		})
	}
}

func TestAReliable180IsRepeatedUntilItsPRACK(t *testing.T) {
	for _, over := range []string{"UDP", "TCP"} {
		for _, header := range []string{"Supported: 100rel", "Require: 100rel"} {
			t.Run(over+" "+header, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b := newStillWith(t, over, Config{Ring: 10 * time.Second})
					b.receive("INVITE", 1, header, "Record-Route: <sip:p.example;lr>")
					b.sleep(4 * time.Second)
					list := b.all()
					if got, want := times(list, func(m *message.Message) bool { return m.StatusCode == 180 }), []int64{0, 500, 1500, 3500}; !equal(got, want) {
						t.Errorf("got 180 at %v ms, want %v", got, want)
					}
					rings := list[0].msg
					rseq, ok := rings.RSeq()
					if !ok || rseq >= 1<<31 || !rings.HasToken("Require", "100rel") || len(rings.RecordRoute) != 1 || len(rings.Body) != 0 {
						t.Errorf("got %s", rings.Bytes())
					}
					b.toTag = rings.To.Tag()
					b.receive("PRACK", 2, fmt.Sprintf("RAck: %d 1 INVITE", rseq+1))
					b.oneOf(481, message.Prack)
					b.receive("PRACK", 3, fmt.Sprintf("RAck: %d 2 INVITE", rseq))
					b.oneOf(481, message.Prack)
					b.receive("PRACK", 4, "RAck: 1 1")
					b.oneOf(400, message.Prack)
					b.fromTag = "somebody-else"
					b.receive("PRACK", 5, fmt.Sprintf("RAck: %d 1 INVITE", rseq))
					b.oneOf(481, message.Prack)
					b.fromTag = ""
					b.receive("PRACK", 6, fmt.Sprintf("RAck: %d 1 INVITE", rseq))
					if res := b.oneOf(200, message.Prack); len(res.Contact) != 0 {
						t.Errorf("got %s", res.Bytes())
					}
					b.receive("PRACK", 7, fmt.Sprintf("RAck: %d 1 INVITE", rseq))
					b.oneOf(481, message.Prack) // RFC 3262 §3: it acknowledges nothing any more
					b.sleep(5 * time.Second)
					if list := b.all(); len(list) != 0 {
						t.Errorf("sent behind the PRACK: %s", list[0].msg.Bytes())
					}
					b.sleep(time.Second)
					b.oneOf(200, message.Invite)
					b.receive("ACK", 1)
					b.receive("BYE", 8)
					b.close()
				})
			})
		}
	}
}

func TestACallWithoutPRACKIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newStillWith(t, "UDP", Config{Ring: time.Minute})
		b.receive("INVITE", 1, "Require: 100rel")
		b.sleep(31999 * time.Millisecond)
		for _, s := range b.all() {
			if s.msg.StatusCode != 180 {
				t.Errorf("got %d before 64*T1", s.msg.StatusCode)
			}
		}
		b.sleep(time.Millisecond)
		b.oneOf(504, message.Invite)
		b.toTag = "x"
		b.close()
	})
}

func TestTheAnswerDoesNotWaitForAPRACKThatHasNothingToSay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newStillWith(t, "UDP", ringing())
		b.receive("INVITE", 1, "Supported: 100rel")
		rings := b.all()[0].msg
		b.sleep(3 * time.Second)
		list := b.all()
		if last := list[len(list)-1].msg; last.StatusCode != 200 {
			t.Fatalf("got %d, want 200 without the PRACK", last.StatusCode)
		}
		b.toTag = rings.To.Tag()
		rseq, _ := rings.RSeq()
		b.receive("PRACK", 2, fmt.Sprintf("RAck: %d 1 INVITE", rseq)) // late, and taken all the same
		b.oneOf(200, message.Prack)
		b.receive("ACK", 1)
		b.sleep(10 * time.Second)
		if list := b.all(); len(list) != 0 {
			t.Errorf("sent: %s", list[0].msg.Bytes())
		}
		b.receive("BYE", 3)
		b.close()
	})
}

func TestAnOfferOfOursInAReliable180IsAnsweredInThePRACK(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newStillWith(t, "UDP", ringing())
		b.receiveWith("INVITE", 1, "", "Supported: 100rel")
		rings := b.oneOf(180, message.Invite)
		if !strings.Contains(string(rings.Body), "opus/48000/2") {
			t.Fatalf("there is no offer in %s", rings.Bytes())
		}
		b.toTag = rings.To.Tag()
		b.receiveWith("UPDATE", 2, b.sdp())
		b.oneOf(491, message.Update) // an offer of ours is open: RFC 3311 §5.2
		b.sleep(20 * time.Second)    // the 2xx waits for the PRACK: RFC 3262 §3
		for _, s := range b.all() {
			if s.msg.StatusCode != 180 {
				t.Fatalf("got %d before the PRACK", s.msg.StatusCode)
			}
		}
		rseq, _ := rings.RSeq()
		b.receiveWith("PRACK", 3, b.sdp(), fmt.Sprintf("RAck: %d 1 INVITE", rseq))
		list := b.all()
		if len(list) != 2 || list[0].msg.StatusCode != 200 || list[0].msg.CSeq.Method != message.Prack || len(list[0].msg.Body) != 0 {
			t.Fatalf("got %d messages, want 200 to PRACK and 200 to INVITE", len(list))
		}
		if res := list[1].msg; res.StatusCode != 200 || res.CSeq.Method != message.Invite || len(res.Body) != 0 {
			t.Errorf("got %s\nwant 200 without SDP: the offer is answered", res.Bytes())
		}
		if list, err := b.rooms.Participants(t.Context(), "1000"); err != nil || len(list) != 1 || list[0].Format.Name != "PCMU" {
			t.Errorf("got %v, %v: want one with PCMU", list, err)
		}
		b.receive("ACK", 1)
		b.receive("BYE", 4)
		b.close()
	})
}

func TestOffersInAnEarlyDialog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newStillWith(t, "UDP", ringing())
		b.receive("INVITE", 1, "Supported: 100rel")
		rings := b.oneOf(180, message.Invite)
		b.toTag = rings.To.Tag()
		rseq, _ := rings.RSeq()
		// The offer of the INVITE has no answer yet.
		b.receiveWith("UPDATE", 2, b.sdp())
		if res := b.oneOf(500, message.Update); len(res.Values("Retry-After")) != 1 {
			t.Errorf("got %s", res.Bytes())
		}
		b.receiveWith("PRACK", 3, b.sdp(), fmt.Sprintf("RAck: %d 1 INVITE", rseq))
		b.oneOf(500, message.Prack)
		b.receive("UPDATE", 4) // a new target, no offer
		if res := b.oneOf(200, message.Update); len(res.Contact) != 1 || len(res.Body) != 0 {
			t.Errorf("got %s", res.Bytes())
		}
		b.receive("INFO", 5)
		b.oneOf(200, message.Info)
		b.receive("OPTIONS", 6)
		b.oneOf(200, message.Options)
		b.receive("INVITE", 7)
		if res := b.oneOf(500, message.Invite); len(res.Values("Retry-After")) != 1 {
			t.Errorf("got %s", res.Bytes())
		}
		b.ackRefusal(7)
		b.receive("BYE", 8)
		b.close()
	})

	synctest.Test(t, func(t *testing.T) { // with an offer of ours that has been answered, more may follow
		b := newStillWith(t, "UDP", ringing())
		b.receiveWith("INVITE", 1, "", "Supported: 100rel")
		rings := b.oneOf(180, message.Invite)
		b.toTag = rings.To.Tag()
		rseq, _ := rings.RSeq()
		b.receiveWith("PRACK", 2, b.sdp(), fmt.Sprintf("RAck: %d 1 INVITE", rseq))
		b.oneOf(200, message.Prack)
		b.direction = "inactive"
		b.receiveWith("UPDATE", 3, b.sdp())
		if res := b.oneOf(200, message.Update); !strings.Contains(string(res.Body), "a=inactive") || version(t, res.Body) != "2" {
			t.Errorf("got %s", res.Bytes())
		}
		b.sleep(3 * time.Second)
		if res := b.oneOf(200, message.Invite); len(res.Body) != 0 {
			t.Errorf("got %s", res.Bytes())
		}
		b.receive("ACK", 1)
		b.receive("BYE", 4)
		b.close()
	})
}

func TestABadAnswerInAPRACKEndsTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newStillWith(t, "UDP", ringing())
		b.receiveWith("INVITE", 1, "", "Require: 100rel")
		rings := b.oneOf(180, message.Invite)
		b.toTag = rings.To.Tag()
		rseq, _ := rings.RSeq()
		b.receiveWith("PRACK", 2, strings.Replace(b.sdp(), "AVP 0", "AVP 18", 1), fmt.Sprintf("RAck: %d 1 INVITE", rseq))
		list := b.all()
		if len(list) != 2 || list[0].msg.StatusCode != 488 || list[1].msg.StatusCode != 488 || list[1].msg.CSeq.Method != message.Invite {
			t.Errorf("got %d messages, want 488 to both", len(list))
		}
		b.ackRefusal(1)
		b.close()
	})
}

func TestAnOfferThatCannotBeTakenDoesNotRing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newStillWith(t, "UDP", ringing())
		b.receiveWith("INVITE", 1, strings.Replace(b.sdp(), "AVP 0", "AVP 18", 1))
		b.toTag = b.oneOf(488, message.Invite).To.Tag()
		b.ackRefusal(1)
		b.close()
	})
}

func TestACancelBehindTheAnswerChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newStill(t, "UDP")
		b.receive("INVITE", 1)
		b.toTag = b.oneOf(200, message.Invite).To.Tag()
		cancel, err := message.Parse([]byte("CANCEL sip:1000@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK-INVITE1\r\n" +
			"From: <sip:a@127.0.0.1>;tag=a\r\nTo: <sip:1000@127.0.0.1>\r\nCall-ID: still\r\nCSeq: 1 CANCEL\r\n\r\n"))
		if err != nil {
			t.Fatal(err)
		}
		b.server.ep.layer.Receive(cancel, loop("UDP"))
		synctest.Wait()
		b.oneOf(200, message.Cancel) // RFC 3261 §9.2: and that is all
		b.receive("ACK", 1)
		if list, err := b.rooms.Participants(t.Context(), "1000"); err != nil || len(list) != 1 {
			t.Errorf("got %v, %v: want the call to stand", list, err)
		}
		b.receive("BYE", 2)
		b.oneOf(200, message.Bye)
		b.close()
	})
}

func TestOPTIONSIsAnsweredAsAnINVITEWouldBe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newStillWith(t, "UDP", Config{MaxCalls: 1})
		b.fromTag = "ping"
		b.receive("OPTIONS", 1)
		b.oneOf(200, message.Options)
		b.fromTag = ""
		b.receive("INVITE", 1)
		tag := b.oneOf(200, message.Invite).To.Tag()
		b.fromTag = "ping"
		b.receive("OPTIONS", 2)
		if res := b.oneOf(503, message.Options); len(res.Values("Retry-After")) != 1 {
			t.Errorf("got %s", res.Bytes())
		}
		b.fromTag, b.toTag = "", tag
		b.receive("ACK", 1)
		b.receive("BYE", 2)
		b.close()
	})
}
