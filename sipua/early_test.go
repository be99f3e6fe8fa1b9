package sipua

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/sipua/message"
)

// reliable sends a reliable provisional response.
func (c *callee) reliable(status int, tag string, rseq uint32, body string, routes ...message.Address) {
	res := message.NewResponse(c.invite, status, "")
	res.To = res.To.WithTag(tag)
	uri, _ := message.ParseURI(c.uri())
	res.Contact = []message.Address{{URI: uri}}
	res.RecordRoute = routes
	res.Add("Require", "100rel")
	res.SetRSeq(rseq)
	if body != "" {
		res.SetBody("application/sdp", []byte(body))
	}
	c.send(res)
}

func (c *callee) ok(req *message.Message) { c.send(message.NewResponse(req, 200, "")) }

func TestAClientAcknowledgesReliableProvisionalResponses(t *testing.T) {
	c, peer := newClient(t), newCallee(t)
	result := dial(patient(t), c, peer.uri())
	peer.invite = peer.read(message.Invite)
	if !peer.invite.HasToken("Supported", "100rel") || !peer.invite.HasToken("Supported", "timer") || peer.invite.HasToken("Supported", "replaces") {
		t.Errorf("got %s", peer.invite.Bytes())
	}
	wantPrack := func(tag string, rseq, cseq uint32) *message.Message {
		t.Helper()
		prack := peer.read(message.Prack)
		if got, want := strings.Join(prack.Values("RAck"), ""), strconv.Itoa(int(rseq))+" 1 INVITE"; got != want || prack.To.Tag() != tag || prack.CSeq.Seq != cseq {
			t.Errorf("got %s\nwant RAck %s and CSeq %d to %s", prack.Bytes(), want, cseq, tag)
		}
		if faults := misfits(prack); len(faults) > 0 {
			t.Errorf("%v in %s", faults, prack.Bytes())
		}
		peer.ok(prack)
		return prack
	}
	peer.reliable(180, "callee", 700, "")
	wantPrack("callee", 700, 2)
	peer.reliable(180, "callee", 700, "") // again: RFC 3262 §4, nothing
	peer.reliable(183, "callee", 702, "") // a gap: nothing
	peer.reliable(183, "other", 5, "", message.Address{URI: message.URI{
		Scheme: "sip", Host: "127.0.0.1", Port: mustPort(t, peer), Params: message.Params{{Name: "lr"}},
	}}) // another branch has numbers of its own
	if prack := wantPrack("other", 5, 2); len(prack.Route) != 1 {
		t.Errorf("got %s", prack.Bytes())
	}
	peer.reliable(183, "callee", 701, strings.Replace(calleeSDP, "AVP 0", "AVP 8", 1))
	wantPrack("callee", 701, 3)
	// The answer has come: what a 2xx says of it does not count (RFC 3261 §13.2.1).
	peer.respond(200, "callee")
	if ack := peer.read(message.Ack); ack.CSeq.Seq != 1 {
		t.Errorf("got %s", ack.Bytes())
	}
	got := <-result
	if got.err != nil {
		t.Fatal(got.err)
	}
	if f := got.out.Leg().Format(); f.Name != codec.PCMA {
		t.Errorf("got %+v, want PCMA of the 183", f)
	}
	hung := make(chan error, 1)
	go func() { hung <- got.out.Hangup(patient(t)) }()
	bye := peer.read(message.Bye)
	if bye.CSeq.Seq != 4 { // behind the PRACKs of its dialog
		t.Errorf("got %s", bye.Bytes())
	}
	peer.ok(bye)
	if err := errors.Join(<-hung, got.out.Leg().Close()); err != nil {
		t.Error(err)
	}
}

func mustPort(t *testing.T, c *callee) int {
	t.Helper()
	u, err := message.ParseURI(c.uri())
	if err != nil {
		t.Fatal(err)
	}
	return u.Port
}

func TestAClientAsksAgainForALongerSession(t *testing.T) {
	c, peer := newClient(t), newCallee(t)
	result := dial(patient(t), c, peer.uri())
	peer.invite = peer.read(message.Invite)
	if se, ok := peer.invite.SessionExpires(); !ok || se.Interval != 1800*time.Second || se.Refresher != message.RefresherAny {
		t.Errorf("got %s", peer.invite.Bytes())
	}
	refusal := message.NewResponse(peer.invite, 422, "")
	refusal.To = refusal.To.WithTag("callee")
	refusal.SetMinSE(time.Hour)
	peer.send(refusal)
	peer.read(message.Ack)
	first := peer.invite
	peer.invite = peer.read(message.Invite)
	if se, _ := peer.invite.SessionExpires(); se.Interval != time.Hour || peer.invite.CSeq.Seq != 2 || peer.invite.CallID != first.CallID ||
		peer.invite.From.Tag() != first.From.Tag() || strings.Join(peer.invite.Values("Min-SE"), "") != "3600" {
		t.Errorf("got %s", peer.invite.Bytes())
	}
	refusal = message.NewResponse(peer.invite, 422, "") // without asking for more: there is no end to that
	refusal.To = refusal.To.WithTag("callee")
	refusal.SetMinSE(time.Hour)
	peer.send(refusal)
	peer.read(message.Ack)
	var refused *StatusError
	if got := <-result; !errors.As(got.err, &refused) || refused.Status != 422 {
		t.Errorf("got %v, want 422", got.err)
	}
}

func TestACalleesRequestsBeforeItsAnswer(t *testing.T) {
	c, peer := newClient(t), newCallee(t)
	result := dial(patient(t), c, peer.uri())
	peer.invite = peer.read(message.Invite)
	peer.reliable(183, "callee", 1, "")
	peer.ok(peer.read(message.Prack))
	ask := func(method message.Method, seq uint32, body string, status int) *message.Message {
		t.Helper()
		peer.send(peer.request(method, seq, body))
		for {
			res := peer.read(method)
			if res.IsRequest() || res.CSeq.Seq != seq {
				continue
			}
			if res.StatusCode != status {
				t.Errorf("%s: got %d, want %d", method, res.StatusCode, status)
			}
			if faults := misfits(res); len(faults) > 0 {
				t.Errorf("%v in %s", faults, res.Bytes())
			}
			return res
		}
	}
	ask(message.Update, 10, "", 200)
	ask(message.Update, 11, calleeSDP, 491) // RFC 3311 §5.2: our offer has no answer yet
	ask(message.Update, 9, "", 500)         // behind a later one
	ask(message.Info, 12, "", 200)
	ask(message.Prack, 13, "", 400)
	ask(message.Invite, 14, calleeSDP, 491) // RFC 3261 §14.2
	peer.send(peer.request(message.Ack, 14, ""))
	peer.reliable(183, "callee", 2, calleeSDP)
	peer.ok(peer.read(message.Prack))
	held := ask(message.Update, 15, strings.Replace(calleeSDP, "AVP 0", "AVP 8", 1)+"a=sendonly\r\n", 200)
	if !strings.Contains(string(held.Body), "a=recvonly") || version(t, held.Body) != "2" {
		t.Errorf("got %s", held.Bytes())
	}
	peer.respond(200, "callee")
	peer.read(message.Ack)
	got := <-result
	if got.err != nil {
		t.Fatal(got.err)
	}
	if f := got.out.Leg().Format(); f.Name != codec.PCMA {
		t.Errorf("got %+v, want PCMA of the UPDATE", f)
	}
	again := ask(message.Update, 16, calleeSDP, 200) // the dialog is the same
	if version(t, again.Body) != "3" {
		t.Errorf("got %s", again.Bytes())
	}
	ask(message.Bye, 15, "", 500)
	ask(message.Bye, 17, "", 200)
	<-got.out.Done()
	if err := got.out.Leg().Close(); err != nil {
		t.Error(err)
	}
}

func TestNothingIsLeftOfEarlyDialogs(t *testing.T) {
	c, peer := newClient(t), newCallee(t)
	result := dial(patient(t), c, peer.uri())
	peer.invite = peer.read(message.Invite)
	for i := range maxEarly + 5 { // a proxy that forks without end
		peer.reliable(180, "branch"+strconv.Itoa(i), 1, "")
	}
	for range maxEarly {
		peer.ok(peer.read(message.Prack))
	}
	if got := c.ep.callCount(); got != maxEarly {
		t.Errorf("%d early dialogs, want %d", got, maxEarly)
	}
	peer.respond(486, "branch1")
	peer.read(message.Ack)
	if got := <-result; got.err == nil {
		t.Fatal("486 made a call")
	}
	if got := c.ep.callCount(); got != 0 {
		t.Errorf("%d early dialogs are left", got)
	}
}
