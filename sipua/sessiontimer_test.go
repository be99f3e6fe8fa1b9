package sipua

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/confbridge/confbridge/sipua/message"
)

// established is a bridge with one call of more headers, on hold so that silence does not end it.
func established(t *testing.T, cfg Config, headers ...string) (*still, *message.Message) {
	t.Helper()
	b := newStillWith(t, "UDP", cfg)
	b.direction = "inactive"
	b.receive("INVITE", 1, headers...)
	res := b.oneOf(200, message.Invite)
	b.toTag = res.To.Tag()
	b.receive("ACK", 1)
	return b, res
}

func session(t *testing.T, m *message.Message) string {
	t.Helper()
	v, _ := m.Header("Session-Expires")
	return v
}

func TestTheSessionIsAgreed(t *testing.T) {
	for _, row := range []struct {
		name     string
		want     time.Duration
		headers  []string
		answer   string
		requires bool
	}{
		{"nobody knows of timers: we refresh", 0, nil, "1800;refresher=uas", false},
		{"nobody knows of timers, and we want none", -1, nil, "", false},
		{"the caller could, and leaves it to us", 0, []string{"Supported: timer"}, "1800;refresher=uas", true},
		{"the caller wants a shorter one", 0, []string{"Supported: timer", "Session-Expires: 600"}, "600;refresher=uas", true},
		{"the caller wants a longer one", 0, []string{"Supported: timer", "Session-Expires: 7200"}, "1800;refresher=uas", true},
		{"and no shorter one than that", 0, []string{"Supported: timer", "Session-Expires: 7200", "Min-SE: 3600"}, "3600;refresher=uas", true},
		{"the caller refreshes", 0, []string{"Supported: timer", "x: 600;refresher=uac"}, "600;refresher=uac", true},
		{"the caller requires it", 0, []string{"Require: timer", "Session-Expires: 600;refresher=uas"}, "600;refresher=uas", true},
		{"we ask for none, the caller does", -1, []string{"Supported: timer", "Session-Expires: 7200"}, "7200;refresher=uas", true},
		{"a proxy asks, the caller cannot", 0, []string{"Session-Expires: 600;refresher=uac"}, "600;refresher=uas", false},
		{"a proxy asks for too little, which nobody can be told", 0, []string{"Session-Expires: 5"}, "1800;refresher=uas", false},
		{"rubbish is passed over", 0, []string{"Supported: timer", "Session-Expires: often"}, "1800;refresher=uas", true},
		{"the shortest there is", 90 * time.Second, []string{"Supported: timer", "Session-Expires: 90"}, "90;refresher=uas", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, res := established(t, Config{SessionExpires: row.want}, row.headers...)
				if got := session(t, res); got != row.answer || res.HasToken("Require", "timer") != row.requires {
					t.Errorf("got %q in\n%s\nwant %q", got, res.Bytes(), row.answer)
				}
				b.receive("BYE", 9)
				b.close()
			})
		})
	}
}

func TestATooShortSessionIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newStill(t, "UDP")
		b.receive("INVITE", 1, "Supported: timer", "Session-Expires: 89")
		if res := b.oneOf(422, message.Invite); strings.Join(res.Values("Min-SE"), "") != "90" {
			t.Errorf("got %s", res.Bytes())
		}
		b.toTag = "x"
		b.close()

		b, _ = established(t, Config{}, "Supported: timer")
		for i, method := range []string{"INVITE", "UPDATE"} {
			b.receive(method, 2+i, "Supported: timer", "Session-Expires: 10")
			if res := b.oneOf(422, message.Method(method)); strings.Join(res.Values("Min-SE"), "") != "90" {
				t.Errorf("got %s", res.Bytes())
			}
			if method == "INVITE" {
				b.ackRefusal(2)
			}
		}
		b.receive("BYE", 9)
		b.close()
	})
	for _, wrong := range []time.Duration{time.Second, 89 * time.Second, 48 * time.Hour} {
		if _, err := New(Config{SessionExpires: wrong}, nil, nil); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), "SessionExpires") {
			t.Errorf("%v: got %v", wrong, err)
		}
	}
}

func TestTheSessionIsRefreshedByUs(t *testing.T) {
	t.Run("by UPDATE, where the caller takes it", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b, _ := established(t, Config{}, "Supported: timer", "Allow: INVITE, ACK, BYE, UPDATE")
			for range 3 {
				b.sleep(900*time.Second - time.Millisecond)
				if list := b.all(); len(list) != 0 {
					t.Fatalf("sent before half of the interval: %s", list[0].msg.Bytes())
				}
				b.sleep(time.Millisecond)
				up := b.oneOf(0, message.Update)
				if len(up.Body) != 0 || session(t, up) != "1800;refresher=uac" || !up.HasToken("Supported", "timer") || len(up.Contact) != 1 {
					t.Errorf("got %s", up.Bytes())
				}
				b.respond(up, 200, func(m *message.Message) { m.Add("Session-Expires", "1800;refresher=uac"); m.Add("Require", "timer") })
			}
			b.receive("BYE", 9)
			b.close()
		})
	})
	t.Run("by INVITE otherwise, with what holds", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b, res := established(t, Config{})
			b.sleep(900 * time.Second)
			again := b.oneOf(0, message.Invite)
			if string(again.Body) != string(res.Body) || again.From.Tag() != b.toTag || again.CSeq.Seq != 1 {
				t.Errorf("got %s\nwant the SDP\n%s", again.Bytes(), res.Body)
			}
			b.respond(again, 180)
			ok := func(m *message.Message) {
				m.Contact = again.Contact
				m.Contact[0].URI.Host, m.Contact[0].URI.Port = "127.0.0.77", 5099
				m.SetBody("application/sdp", []byte(b.sdp()))
			}
			b.respond(again, 200, ok)
			ack := b.oneOf(0, message.Ack)
			if ack.CSeq.Seq != 1 || ack.RequestURI.Host != "127.0.0.77" { // the target is refreshed by the 2xx
				t.Errorf("got %s", ack.Bytes())
			}
			b.respond(again, 200, ok) // the ACK was lost
			b.oneOf(0, message.Ack)
			b.sleep(900 * time.Second)
			b.oneOf(0, message.Invite)
			b.receive("BYE", 9)
			b.close()
		})
	})
	t.Run("by INVITE, where UPDATE is allowed and not understood", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b, _ := established(t, Config{}, "Allow: UPDATE")
			b.sleep(900 * time.Second)
			b.respond(b.oneOf(0, message.Update), 405)
			b.oneOf(0, message.Invite)
			b.receive("BYE", 9)
			b.close()
		})
	})
}

func TestARefreshThatFails(t *testing.T) {
	for _, row := range []struct {
		name    string
		headers []string
		status  int
		more    string
		after   time.Duration // the next request comes at most that much later
		want    message.Method
	}{
		{"408 ends the call", nil, 408, "", 0, message.Bye},
		{"481 ends the call", nil, 481, "", 0, message.Bye},
		{"491 is tried again soon", nil, 491, "", 2 * time.Second, message.Update},
		{"500 after a while", []string{"Supported: timer"}, 500, "Retry-After: 7", 7 * time.Second, message.Update},
		{"488 after a while", []string{"Supported: timer"}, 488, "", 10 * time.Second, message.Update},
		{"422 at once, with more", []string{"Supported: timer"}, 422, "Min-SE: 2000", 0, message.Update},
		{"488 of a peer that knows no timers shows that it is there", nil, 488, "", 900 * time.Second, message.Update},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, _ := established(t, Config{}, append(row.headers, "Allow: UPDATE")...)
				b.sleep(900 * time.Second)
				first := b.oneOf(0, message.Update)
				b.respond(first, row.status, func(m *message.Message) {
					if name, value, ok := strings.Cut(row.more, ": "); ok {
						m.Add(name, value)
					}
				})
				b.sleep(row.after)
				next := b.all()[0].msg // it may have been repeated
				if next.Method != row.want {
					t.Errorf("got %s, want %s", next.Bytes(), row.want)
				}
				if next.CSeq.Seq != first.CSeq.Seq+1 {
					t.Errorf("got CSeq %d behind %d", next.CSeq.Seq, first.CSeq.Seq)
				}
				if row.status == 422 && (session(t, next) != "2000;refresher=uac" || strings.Join(next.Values("Min-SE"), "") != "2000") {
					t.Errorf("got %s", next.Bytes())
				}
				b.receive("BYE", 9)
				b.close()
			})
		})
	}
}

func TestAPeerThatWantsEachRefreshAgainAtOnceIsLeftWaiting(t *testing.T) {
	for _, row := range []struct {
		name   string
		status int
		field  func(n int) (name, value string)
		most   int // in 10 s
	}{
		{"500 with no time to wait", 500, func(int) (string, string) { return "Retry-After", "0" }, 11},
		{"422 with a little more each time", 422, func(n int) (string, string) { return "Min-SE", fmt.Sprint(1800 + n) }, 1 + maxRaises + 1},
		{"422 with more than a day", 422, func(int) (string, string) { return "Min-SE", "4000000000" }, 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, _ := established(t, Config{}, "Supported: timer", "Allow: UPDATE")
				b.sleep(900 * time.Second)
				n := 0
				for end := time.Now().Add(10 * time.Second); time.Now().Before(end) && n < 100; {
					list := b.all()
					if len(list) == 0 {
						b.sleep(100 * time.Millisecond)
					}
					for _, s := range list {
						n++
						b.respond(s.msg, row.status, func(m *message.Message) { m.Add(row.field(n)) })
					}
				}
				if n < 2 && row.most > 2 || n > row.most {
					t.Errorf("%d refreshes in 10 s, want 2 to %d", n, row.most)
				}
				b.receive("BYE", 9)
				b.close()
			})
		})
	}
}

func TestARefreshThatNobodyAnswersEndsTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := established(t, Config{}, "Allow: UPDATE")
		b.sleep(900*time.Second + 31*time.Second)
		if got := times(b.all(), isBye); len(got) != 0 {
			t.Errorf("got BYE at %v ms", got)
		}
		b.sleep(time.Second)
		list := b.all()
		if got, want := times(list, isBye), []int64{932000}; !equal(got, want) {
			t.Fatalf("got BYE at %v ms, want %v", got, want)
		}
		bye := list[len(list)-1].msg
		if r := bye.Reasons(); len(r) != 1 || r[0].Cause != 408 {
			t.Errorf("got %+v", r)
		}
		b.respond(bye, 200)
		b.close()
	})
}

func TestASessionThatThePeerDoesNotRefreshEnds(t *testing.T) {
	for _, row := range []struct {
		interval, end int
	}{{600, 600 - 32}, {90, 60}} {
		t.Run(fmt.Sprint(row.interval), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				se := fmt.Sprintf("Session-Expires: %d;refresher=uac", row.interval)
				b, _ := established(t, Config{}, "Supported: timer", se)
				half := time.Duration(row.interval) * time.Second / 2
				b.sleep(half)
				b.receive("UPDATE", 2, "Supported: timer", se)
				if res := b.oneOf(200, message.Update); session(t, res) != fmt.Sprintf("%d;refresher=uac", row.interval) {
					t.Errorf("got %s", res.Bytes())
				}
				b.sleep(half)
				b.receive("INVITE", 3, "Supported: timer") // whoever refreshes goes on with it
				if res := b.oneOf(200, message.Invite); !strings.HasSuffix(session(t, res), ";refresher=uac") {
					t.Errorf("got %s", res.Bytes())
				}
				b.receive("ACK", 3)
				b.receive("UPDATE", 4, "Supported: timer", se)
				b.all()
				b.sleep(time.Duration(row.end)*time.Second - time.Millisecond)
				if list := b.all(); len(list) != 0 {
					t.Fatalf("sent before the end: %s", list[0].msg.Bytes())
				}
				b.sleep(time.Millisecond)
				bye := b.oneOf(0, message.Bye)
				if r := bye.Reasons(); len(r) != 1 || r[0].Text != "session has expired" {
					t.Errorf("got %+v", r)
				}
				b.respond(bye, 200)
				b.close()
			})
		})
	}
}

func TestChangesThatCross(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := established(t, Config{}) // RFC 3261 §14.2: while an INVITE of ours is under way
		b.sleep(900 * time.Second)
		ours := b.oneOf(0, message.Invite)
		b.receive("INVITE", 2)
		b.oneOf(491, message.Invite)
		b.ackRefusal(2)
		b.receiveWith("UPDATE", 3, b.sdp())
		b.oneOf(491, message.Update)
		b.receive("UPDATE", 4) // no offer, no glare
		b.oneOf(200, message.Update)
		b.respond(ours, 491) // they see it likewise
		b.oneOf(0, message.Ack)
		b.receive("INVITE", 5)
		b.oneOf(200, message.Invite)
		b.receive("ACK", 5)
		b.sleep(899 * time.Second) // and that was the refresh
		if list := b.all(); len(list) != 0 {
			t.Errorf("sent: %s", list[0].msg.Bytes())
		}
		b.receive("BYE", 9)
		b.close()
	})
}

func TestARefreshWaitsForTheACK(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := established(t, Config{})
		b.sleep(890 * time.Second)
		b.receive("INVITE", 2, "Supported: timer", "Session-Expires: 90;refresher=uas")
		b.oneOf(200, message.Invite)
		b.receive("ACK", 2)
		b.sleep(45*time.Second - time.Millisecond)
		b.receive("INVITE", 3, "Supported: timer", "Session-Expires: 90;refresher=uac")
		b.sleep(10 * time.Second)
		if got := times(b.all(), func(m *message.Message) bool { return m.IsRequest() }); len(got) != 0 {
			t.Errorf("got requests at %v ms while a 2xx waits for its ACK", got)
		}
		b.receive("ACK", 3)
		b.receive("BYE", 9)
		b.close()
	})
}

func TestWhatIsTriedAgainWithoutASessionTimerIsTriedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s sessionTimer
		if s.due() != nil {
			t.Error("something is due before anything was asked for")
		}
		begin := time.Now()
		s.retry(3 * time.Second)
		<-s.due()
		if refresh, over := s.fired(); !refresh || over || time.Since(begin) != 3*time.Second {
			t.Errorf("after %v: refresh %v, over %v", time.Since(begin), refresh, over)
		}
		if s.due() != nil {
			t.Error("something is due after the only try")
		}
		s.retry(time.Second)
		s.stop()
		if s.due() != nil {
			t.Error("something is due after the end")
		}
	})
}
