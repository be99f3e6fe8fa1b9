package multicast

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/srtp/v3"

	"github.com/confbridge/confbridge/media/terms"
)

var keys = []Key{
	{Suite: terms.AES128CMHMACSHA180, Master: []byte("0123456789abcdef"), Salt: []byte("0123456789abcd")},
	{Suite: terms.AEADAES128GCM, Master: []byte("fedcba9876543210"), Salt: []byte("0123456789ab")},
	{Suite: terms.AES256CMHMACSHA180, Master: []byte("0123456789abcdef0123456789abcdef"), Salt: []byte("0123456789abcd")},
	{Suite: terms.AEADAES256GCM, Master: []byte("fedcba9876543210fedcba9876543210"), Salt: []byte("0123456789ab")},
}

func decrypter(t *testing.T, k Key) *srtp.Context {
	t.Helper()
	c, err := srtp.CreateContext(k.Master, k.Salt, srtp.ProtectionProfile(k.Suite.Profile()))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestAGroupIsEncrypted decrypts as who has just joined does, over the end of the sequence and over a new key.
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
		// goodbye reads the end of what was sent under an SSRC.
		goodbye := func(context *srtp.Context, ssrc uint32) {
			t.Helper()
			b, err := context.DecryptRTCP(nil, control.read().data, nil)
			if err != nil {
				t.Fatal(err)
			}
			packets, err := rtcp.Unmarshal(b)
			if err != nil || len(packets) != 3 {
				t.Fatalf("got %v, %v", packets, err)
			}
			if bye, ok := packets[2].(*rtcp.Goodbye); !ok || len(bye.Sources) != 1 || bye.Sources[0] != ssrc {
				t.Errorf("got %v, want BYE of %08x", packets[2], ssrc)
			}
		}
		next(context, 1)
		first := s.Stats().SSRC
		next(decrypter(t, key), 2)
		goodbye(context, first)
		second := s.Stats().SSRC
		if second == first || s.sequence > firstSecret {
			t.Errorf("behind the end of the sequence: SSRC %08x after %08x, sequence %d", second, first, s.sequence)
		}

		fresh := Key{Suite: key.Suite, Master: slices.Clone(key.Master), Salt: key.Salt}
		fresh.Master[0]++
		if err := s.Rekey(fresh, nil); err != nil {
			t.Fatal(err)
		}
		before := context
		context = decrypter(t, fresh)
		next(context, 3)
		goodbye(before, second)
		if third := s.Stats().SSRC; third == second || third == first {
			t.Errorf("by a new key: SSRC %08x again", third)
		}
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
		if err := s.Rekey(Key{Suite: key.Suite}, nil); !errors.Is(err, ErrInvalid) {
			t.Errorf("an empty key: got %v, want ErrInvalid", err)
		}
	}
	if err := open(t, config(groups[0].group)).Rekey(keys[0], nil); !errors.Is(err, ErrInvalid) {
		t.Errorf("a key for what is in the clear: got %v, want ErrInvalid", err)
	}
}
