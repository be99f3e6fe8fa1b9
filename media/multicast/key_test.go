package multicast

import (
	"errors"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/srtp/v3"

	"github.com/confbridge/confbridge/media/terms"
)

var keys = []Key{
	{Suite: terms.AES128CMHMACSHA180, Master: []byte("0123456789abcdef"), Salt: []byte("0123456789abcd")},
	{Suite: terms.AEADAES128GCM, Master: []byte("fedcba9876543210"), Salt: []byte("0123456789ab")},
}

func decrypter(t *testing.T, k Key) *srtp.Context {
	t.Helper()
	c, err := srtp.CreateContext(k.Master, k.Salt, suites[k.Suite])
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestAGroupIsEncrypted decrypts with a context of its own, over the end of the sequence and over a new key.
func TestAGroupIsEncrypted(t *testing.T) {
	n := newNetwork(t)
	for _, key := range keys {
		cfg := config(groups[0].group)
		cfg.Key, cfg.Identity.Begun, cfg.Identity.Sequence = &key, true, 65535
		heard, control := n.listen(t, cfg.Group), n.listen(t, nextPort(cfg.Group))
		s := open(t, cfg)
		now := time.Now()
		context := decrypter(t, key)
		next := func(context *srtp.Context, want byte) {
			t.Helper()
			s.Tick(now)
			s.Send(now, []byte{want, want, want}, 160)
			b := heard.read().data
			if got, err := context.DecryptRTP(nil, b, nil); err != nil || got[len(got)-1] != want || len(got) != 15 {
				t.Errorf("got %x, %v", got, err)
			}
			if b[len(b)-1] == want && b[13] == want {
				t.Errorf("%x is in the clear", b)
			}
		}
		next(context, 1)
		next(context, 2)

		fresh := Key{Suite: key.Suite, Master: []byte("another key of 1"), Salt: key.Salt}
		if err := s.Rekey(fresh); err != nil {
			t.Fatal(err)
		}
		context = decrypter(t, fresh)
		context.SetROC(s.header.SSRC, 1) // as who has listened from the beginning knows
		next(context, 3)
		if got := s.Stats().KeyGeneration; got != 2 {
			t.Errorf("got key generation %d, want 2", got)
		}
		until(t, s, now.Add(time.Minute), func() bool { s.Tick(now.Add(time.Minute)); return control.waits(0) })
		b, err := context.DecryptRTCP(nil, control.read().data, nil)
		if err != nil {
			t.Fatal(err)
		}
		if packets, err := rtcp.Unmarshal(b); err != nil || len(packets) != 2 {
			t.Errorf("got %v, %v", packets, err)
		}
		if err := s.Rekey(Key{Suite: key.Suite}); !errors.Is(err, ErrInvalid) {
			t.Errorf("an empty key: got %v, want ErrInvalid", err)
		}
	}
	if err := open(t, config(groups[0].group)).Rekey(keys[0]); !errors.Is(err, ErrInvalid) {
		t.Errorf("a key for what is in the clear: got %v, want ErrInvalid", err)
	}
}
