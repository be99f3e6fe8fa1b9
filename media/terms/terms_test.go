package terms

import (
	"net/netip"
	"testing"
)

func TestWhichGroupsAreSourceSpecific(t *testing.T) {
	for text, want := range map[string]bool{
		"232.0.0.1": true, "232.255.255.255": true, "ff35::1": true, "ff3e::8000:1": true, "ff3f::1": true,
		"231.255.255.255": false, "233.0.0.1": false, "239.232.0.1": false, "ff05::1": false, "ff15::1": false, "239.1.2.3": false, "2001:db8::1": false, "ff35:30::1": false, "ff75::1": false, "fd35::1": false, "::ffff:232.1.2.3": false, "10.0.0.1": false,
	} {
		if got := SourceSpecific(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: got %v, want %v", text, got, want)
		}
	}
}

func TestHowLongKeysAre(t *testing.T) {
	for suite, want := range map[Suite]int{
		"AES_CM_128_HMAC_SHA1_80": 30, "AES_CM_128_HMAC_SHA1_32": 30, "AES_256_CM_HMAC_SHA1_80": 46, "AES_256_CM_HMAC_SHA1_32": 46,
		"AEAD_AES_128_GCM": 28, "AEAD_AES_256_GCM": 44, "F8_128_HMAC_SHA1_80": 0, "": 0,
	} {
		if master, salt := suite.KeyBytes(); master+salt != want {
			t.Errorf("%q: %d and %d bytes, want %d together", suite, master, salt, want)
		}
	}
}
