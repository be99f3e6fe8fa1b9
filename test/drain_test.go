package test

import (
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer/codec"
	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/test/bridge"
)

// SIGTERM says goodbye to everybody, over each transport, and lets nobody in meanwhile.
func TestDrain(t *testing.T) {
	t.Parallel()
	b := startBridge(t, bridge.Config{})
	client := newClient(t)
	guests := []*guest{
		invite(t, client, "sip:1000@"+b.UDP, codec.PCMU, nil),
		invite(t, client, "sip:2000@"+b.TCP+";transport=tcp", codec.Opus, nil),
	}
	// Somebody who takes their time to answer the BYE keeps the bridge draining.
	slow := b.openWire(t, "udp").dial("1000", plainSDP)
	late := b.openWire(t, "udp")
	if err := b.Terminate(); err != nil {
		t.Fatal(err)
	}
	bye := slow.await(message.Bye)
	checkReason(t, "the slow one's BYE", bye.Reasons(), "bridge is shutting down")
	for i, g := range guests {
		select {
		case <-g.call.Done():
		case <-time.After(patience):
			t.Fatalf("guest %d got no BYE", i)
		}
		checkReason(t, "a guest's BYE", g.call.Reasons(), "bridge is shutting down")
	}
	d := &dialogue{wire: late, room: "3000", id: "late@test", cseq: 1}
	d.openRTP()
	d.send("INVITE", d.offer(plainSDP))
	res := late.response(1, message.Invite)
	if res.StatusCode != 503 {
		t.Errorf("a new call gets %d %s, want 503", res.StatusCode, res.Reason)
	}
	if _, ok := res.Header("Retry-After"); !ok {
		t.Error("the 503 has no Retry-After")
	}
	checkReason(t, "the 503", res.Reasons(), "bridge is draining")
	slow.answer(bye)
	b.stop(t)
}

// Whoever does not answer the BYE at all does not keep the bridge from ending in time.
func TestDrainWithADeadTelephone(t *testing.T) {
	t.Parallel()
	b := startBridge(t, bridge.Config{})
	b.allowLog("calls were broken off")
	d := b.openWire(t, "udp").dial("1000", plainSDP)
	d.conn.Close()
	b.stop(t)
}

func checkReason(t *testing.T, what string, got []message.Reason, want string) {
	t.Helper()
	for _, r := range got {
		if r.Text == want {
			return
		}
	}
	t.Errorf("%s: Reason %v, want %q", what, got, want)
}

// A caller whose sound stays away is hung up on.
func TestMediaTimeout(t *testing.T) {
	t.Parallel()
	b := startBridge(t, bridge.Config{MediaTimeout: time.Second})
	watch, err := b.rooms.WatchRoom(t.Context(), &confbridgev1.WatchRoomRequest{Name: "rooms/1000"})
	if err != nil {
		t.Fatal(err)
	}
	talking := invite(t, newClient(t), "sip:1000@"+b.UDP, codec.PCMU, nil)
	d := b.openWire(t, "udp").dial("1000", plainSDP)
	bye := d.await(message.Bye)
	checkReason(t, "BYE", bye.Reasons(), "no media from the caller")
	d.answer(bye)
	for {
		resp, err := watch.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if e := resp.GetEvent(); e.GetKind() == confbridgev1.EventKind_EVENT_KIND_LEFT {
			if e.GetReason() != confbridgev1.Reason_REASON_MEDIA_TIMEOUT || e.GetParticipant().GetCallId() != d.id {
				t.Errorf("the event says %v", e)
			}
			break
		}
	}
	select {
	case <-talking.call.Done():
		t.Error("the caller who sends was hung up on too")
	default:
	}
}
