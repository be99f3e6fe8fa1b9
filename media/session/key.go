package session

import (
	"encoding/base64"
	"strings"

	"github.com/confbridge/confbridge/media/terms"
)

// Key is the key that the sound of a session is encrypted with, as an a=crypto line has it (RFC 4568 §6.1). It is in no text that fmt or
// slog write.
type Key struct {
	// Suite is the name of what is done with it, as AES_CM_128_HMAC_SHA1_80.
	Suite string
	// Master is the master key and the master salt behind it.
	Master []byte
}

// masterBytes is how long Master is of a suite; 0: it is not known.
func masterBytes(suite string) int {
	master, salt := terms.Suite(suite).KeyBytes()
	return master + salt
}

// String keeps the key out of logs.
func (k Key) String() string {
	if k.IsZero() {
		return "no key"
	}
	return k.Suite + " key"
}

// GoString does so with %#v.
func (k Key) GoString() string { return k.String() }

// IsZero says whether there is no key.
func (k Key) IsZero() bool { return k.Suite == "" && len(k.Master) == 0 }

// Valid says what is wrong with a key (ErrInvalid).
func (k Key) Valid() error {
	n := masterBytes(k.Suite)
	switch {
	case n == 0:
		return invalid("the key is of the suite %q, which is not known", k.Suite)
	case len(k.Master) != n:
		return invalid("a key of %d bytes, %s takes %d", len(k.Master), k.Suite, n)
	}
	return nil
}

// attribute is the value of a=crypto.
func (k Key) attribute() string {
	return "1 " + k.Suite + " inline:" + base64.StdEncoding.EncodeToString(k.Master)
}

// parseKey reads the value of a=crypto: a tag, a suite, keys, and parameters of the session. What is not known of the suite or the
// parameters makes it no key of ours, and no fault; why is a fault.
func parseKey(value string) (k Key, known bool, why string) {
	f := strings.Fields(value)
	if len(f) < 3 {
		return Key{}, false, "a=crypto takes a tag, a suite and a key"
	}
	n := masterBytes(f[1])
	if n == 0 || len(f) > 3 { // UNENCRYPTED_SRTP, FEC_ORDER, ... : RFC 4568 §6.3
		return Key{}, false, ""
	}
	text, inline := strings.CutPrefix(f[2], "inline:")
	if !inline {
		return Key{}, false, "the key is not inline"
	}
	if strings.Contains(text, ";") || strings.Contains(text, ":") { // several keys, or one with an MKI in each packet
		return Key{}, false, ""
	}
	text, _, _ = strings.Cut(text, "|") // how long it lasts: longer than any session
	master, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(master) != n {
		return Key{}, false, "the key is not of the length of its suite"
	}
	return Key{Suite: f[1], Master: master}, true, ""
}
