package transaction

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/confbridge/confbridge/sipua/message"
)

// A request that was refused and that nobody acknowledges is kept for 32 s, by thousands if somebody likes: what it costs is the
// response and its keys, not the request with its body.
func TestARequestThatIsNeverAcknowledgedIsSmall(t *testing.T) {
	const n = 5000
	const most = 4096
	for _, method := range []message.Method{message.Invite, message.Options} {
		text := request(method, "z9hG4bK-0000000000000000-BRANCH")
		text.CallID = "0123456789abcdef-BRANCH@192.0.2.9"
		text.Contact = []message.Address{{URI: mustURI("sip:alice@192.0.2.9:5062;transport=udp")}}
		text.Add("Subject", strings.Repeat("x", 2000))
		text.SetBody("application/sdp", []byte(strings.Repeat("a=rtpmap:0 PCMU/8000\r\n", 150)))
		one := string(text.Bytes())
		t.Run(string(method), func(t *testing.T) {
			tu := &remembering{}
			l := New(Config{}, devNull{}, tu)
			defer l.Close()
			before := heap()
			for i := range n {
				m, err := message.Parse([]byte(strings.ReplaceAll(one, "BRANCH", fmt.Sprint(i))))
				if err != nil {
					t.Fatal(err)
				}
				l.Receive(m, flow("UDP"))
			}
			each := (heap() - before) / n
			t.Logf("%d octets of a request leave %d", len(one), each)
			if got := l.Stats().Servers; got != n || each > most {
				t.Errorf("%d transactions of %d octets each, want %d of at most %d", got, each, n, most)
			}
			runtime.KeepAlive(tu)
		})
	}
}

// heap is what is in use after what is not has been collected.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}

// remembering is a TU that keeps what it is given, as one may that has not heard of the end yet.
type remembering struct {
	devNull
	list []*ServerTx
}

func (r *remembering) Request(tx *ServerTx) {
	r.list = append(r.list, tx)
	_ = tx.Reply(486, "")
}
