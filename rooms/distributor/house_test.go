package distributor

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/confbridge/confbridge/media/sap"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/distribution"
)

// waitTime is how long a test waits for what must come.
const waitTime = 20 * time.Second

func waitContext(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waitTime)
	t.Cleanup(cancel)
	return ctx
}

// loopback allows what these tests need.
var loopback = distribution.Policy{Listeners: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, MaxTTL: 255}

// announcer notes what is announced.
type announcer struct {
	mu   sync.Mutex
	all  map[string]sap.Announcement
	fail error // of Announce
}

func (a *announcer) Announce(key string, ann sap.Announcement) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.fail == nil {
		a.all[key] = ann
	}
	return a.fail
}

func (a *announcer) Withdraw(key string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.all, key)
}

func (a *announcer) says(key string) (sap.Announcement, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	ann, there := a.all[key]
	return ann, there
}

// clips has one sound.
type clips struct {
	before func() // it is given; nil: nothing
}

// house is a bridge without telephones.
type house struct {
	*Distributor
	reg   *rooms.Registry
	radio *announcer
}

func newHouse(t testing.TB, memory rooms.Memory, policy distribution.Policy) *house {
	t.Helper()
	reg := rooms.NewRegistry(rooms.Config{OnDemand: true})
	if err := reg.Restore(t.Context(), memory); err != nil {
		t.Fatal(err)
	}
	h := &house{reg: reg, radio: &announcer{all: map[string]sap.Announcement{}}}
	h.Distributor = New(Config{Policy: policy, Sounds: clips{}, Announcer: h.radio}, reg)
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		if err := errors.Join(h.Close(ctx), reg.Close(ctx)); err != nil {
			t.Error(err)
		}
	})
	return h
}

func (h *house) room(t testing.TB, number string) {
	t.Helper()
	if _, err := h.reg.Create(waitContext(t), number, rooms.Settings{}); err != nil {
		t.Fatal(err)
	}
}

// to is a distribution of PCMU.
func to(all ...netip.AddrPort) distribution.Distribution {
	return distribution.Distribution{
		ID: "hall", To: all, TTL: 1, DSCP: distribution.DefaultDSCP, Codec: codec.PCMU, Packet: 20 * time.Millisecond, Silence: distribution.SilenceSound,
	}
}
