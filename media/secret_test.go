package media

import (
	"testing"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"

	"github.com/confbridge/confbridge/media/session"
	"github.com/confbridge/confbridge/media/terms"
)

// suiteKeys is a key of each suite, by how long it is.
var suiteKeys = map[string]int{
	"AES_CM_128_HMAC_SHA1_80": 30, "AES_CM_128_HMAC_SHA1_32": 30, "AES_256_CM_HMAC_SHA1_80": 46, "AES_256_CM_HMAC_SHA1_32": 46,
	"AEAD_AES_128_GCM": 28, "AEAD_AES_256_GCM": 44,
}

func secretOf(t testing.TB, suite string) *secret {
	t.Helper()
	s, err := newSecret(session.Key{Suite: suite, Master: make([]byte, suiteKeys[suite])})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// sealer encrypts as a sender with the key does.
func sealer(t testing.TB, suite string) *srtp.Context {
	t.Helper()
	profile := srtp.ProtectionProfile(terms.Suite(suite).Profile())
	master, err := profile.KeyLen()
	if err != nil {
		t.Fatal(err)
	}
	key := make([]byte, suiteKeys[suite])
	c, err := srtp.CreateContext(key[:master], key[master:], profile)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestSuitesAreThoseOfTheLibrary holds the table of package terms against what pion/srtp knows.
func TestSuitesAreThoseOfTheLibrary(t *testing.T) {
	for suite, want := range map[terms.Suite]srtp.ProtectionProfile{
		terms.AES128CMHMACSHA180: srtp.ProtectionProfileAes128CmHmacSha1_80, terms.AES128CMHMACSHA132: srtp.ProtectionProfileAes128CmHmacSha1_32,
		terms.AES256CMHMACSHA180: srtp.ProtectionProfileAes256CmHmacSha1_80, terms.AES256CMHMACSHA132: srtp.ProtectionProfileAes256CmHmacSha1_32,
		terms.AEADAES128GCM: srtp.ProtectionProfileAeadAes128Gcm, terms.AEADAES256GCM: srtp.ProtectionProfileAeadAes256Gcm,
	} {
		profile := srtp.ProtectionProfile(suite.Profile())
		master, salt := suite.KeyBytes()
		wantMaster, err := profile.KeyLen()
		if err != nil {
			t.Fatal(err)
		}
		wantSalt, err := profile.SaltLen()
		if err != nil {
			t.Fatal(err)
		}
		if profile != want || master != wantMaster || salt != wantSalt {
			t.Errorf("%s: profile %d with %d and %d bytes, want %d with %d and %d", suite, profile, master, salt, want, wantMaster, wantSalt)
		}
	}
	if terms.Suite("F8_128_HMAC_SHA1_80").Profile() != 0 {
		t.Error("a suite that is not known has a profile")
	}
}

func sealed(t testing.TB, by *srtp.Context, ssrc uint32, sequence uint16) []byte {
	t.Helper()
	p := rtp.Packet{Header: rtp.Header{Version: 2, SSRC: ssrc, SequenceNumber: sequence}, Payload: []byte("sound")}
	b, err := p.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if b, err = by.EncryptRTP(nil, b, nil); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestEachSuiteIsUndone(t *testing.T) {
	for suite := range suiteKeys {
		s, by := secretOf(t, suite), sealer(t, suite)
		got, why := s.openRTP(sealed(t, by, 7, 1), 0)
		if why != accepted || string(got[headerSize:]) != "sound" {
			t.Errorf("%s: got %q, %s", suite, got, reasonNames[why])
		}
		forged := sealed(t, by, 7, 2)
		forged[headerSize] ^= 1
		if got, why := s.openRTP(forged, 0); why != reasonSecret {
			t.Errorf("%s: forged: got %q, %s", suite, got, reasonNames[why])
		}
	}
}

// TestManySSRCsOfOneKeyAreForgotten: who has the key can send under any, and the one that is heard goes on, however often its sequence has begun anew.
func TestManySSRCsOfOneKeyAreForgotten(t *testing.T) {
	const suite, heard = "AEAD_AES_128_GCM", 7
	s, by := secretOf(t, suite), sealer(t, suite)
	by.SetROC(heard, 3)
	s.context.SetROC(heard, 3)
	take := func(ssrc uint32, sequence uint16) {
		t.Helper()
		if _, why := s.openRTP(sealed(t, by, ssrc, sequence), heard); why != accepted {
			t.Fatalf("packet %d of %d: %s", sequence, ssrc, reasonNames[why])
		}
	}
	take(heard, 100)
	for i := range uint32(3 * mostSecretSources) {
		take(1000+i, 5)
	}
	take(heard, 101)
	if s.sources > mostSecretSources+1 {
		t.Errorf("%d SSRCs are remembered", s.sources)
	}
}

// FuzzSecret has packets of strangers decrypted.
func FuzzSecret(f *testing.F) {
	by := sealer(f, "AEAD_AES_128_GCM")
	f.Add(sealed(f, by, 7, 1))
	f.Add(sealed(f, sealer(f, "AES_CM_128_HMAC_SHA1_80"), 7, 1))
	report, err := by.EncryptRTCP(nil, []byte{0x80, 201, 0, 1, 0, 0, 0, 7}, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(report)
	f.Add([]byte{})
	f.Add([]byte{0x9f, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 7, 0xbe, 0xde, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, packet []byte) {
		for suite := range suiteKeys {
			s := secretOf(t, suite)
			if clear, why := s.openRTP(append([]byte(nil), packet...), 0); why == accepted && len(clear) >= len(packet) {
				t.Errorf("%s: %d bytes of %d", suite, len(clear), len(packet))
			}
			if clear, why := s.openRTCP(append([]byte(nil), packet...)); why == accepted && len(clear) >= len(packet) {
				t.Errorf("%s: %d bytes of RTCP of %d", suite, len(clear), len(packet))
			}
		}
	})
}
