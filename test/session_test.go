package test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer/codec"
	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/test/bridge"
)

// TestASessionOfSIPpBesideACaller has SIPp hold a call to a room's multicast session, on the loopback, while somebody is in the room by an ordinary one.
func TestASessionOfSIPpBesideACaller(t *testing.T) {
	t.Parallel()
	b := startBridge(t, bridge.Config{})
	if _, err := b.rooms.CreateRoom(t.Context(), &confbridgev1.CreateRoomRequest{RoomId: "1000", Room: &confbridgev1.Room{}}); err != nil {
		t.Fatal(err)
	}
	if _, err := confbridgev1.NewDistributionServiceClient(b.conn).CreateDistribution(t.Context(), &confbridgev1.CreateDistributionRequest{
		Parent: "rooms/1000", DistributionId: "hall",
		Distribution: &confbridgev1.Distribution{Destinations: []string{"239.255.42.1:5004"}, Interface: "lo", Codec: "PCMU"},
	}); err != nil {
		t.Fatal(err)
	}
	invite(t, newClient(t), "sip:1000@"+b.UDP, codec.PCMU, nil)
	scenario, err := filepath.Abs(filepath.Join("sipp", "multicast.xml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, transport := range []string{"u1", "t1"} {
		seen := make(chan bool, 1)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		go func() { seen <- b.hasListener(ctx) }()
		addr := b.UDP
		if transport == "t1" {
			addr = b.TCP
		}
		stats := b.sipp(t, addr, "-sf", scenario, "-m", "1", "-t", transport)
		wantStats(t, stats, map[string]string{"SuccessfulCall(C)": "1", "FailedCall(C)": "0", "Retransmissions(C)": "0"})
		cancel()
		if !<-seen {
			t.Errorf("%s: nobody was seen beside the caller as a listener", transport)
		}
		b.present(t, "1000", 1)
	}
}

// hasListener waits until there are two in room 1000, of whom one is a listener.
func (b *running) hasListener(ctx context.Context) bool {
	for ctx.Err() == nil {
		list, err := b.participants.ListParticipants(ctx, &confbridgev1.ListParticipantsRequest{Parent: "rooms/1000"})
		if err != nil {
			return false
		}
		for _, p := range list.GetParticipants() {
			if p.GetRole() == confbridgev1.Role_ROLE_LISTENER && len(list.GetParticipants()) == 2 {
				return true
			}
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	return false
}
