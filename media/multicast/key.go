package multicast

import (
	"fmt"
	"slices"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"

	"github.com/confbridge/confbridge/media/terms"
	"github.com/confbridge/confbridge/mixer"
)

// Key is a master key and its salt, of one of the suites of package terms. It is never logged: it has no String, and errors do not show it.
type Key struct {
	Suite        terms.Suite
	Master, Salt []byte
}

// validate finds nothing wrong with no key at all.
func (k *Key) validate() error {
	if k == nil {
		return nil
	}
	if k.Suite.Profile() == 0 {
		return invalid("suite %q", k.Suite)
	}
	master, salt := k.Suite.KeyBytes()
	if len(k.Master) != master || len(k.Salt) != salt {
		return invalid("a key of %d bytes and a salt of %d, where %d and %d are wanted", len(k.Master), len(k.Salt), master, salt)
	}
	return nil
}

// secretRoom is by how much a packet grows: the tag, and the index of RTCP.
const secretRoom = 16 + 4

// secret encrypts. The Sender's owner owns it.
type secret struct {
	context *srtp.Context
	numbers *Numbers
	header  rtp.Header // scratch
}

// newSecret is nil for no key. Without numbers it has its own.
func newSecret(k *Key, numbers *Numbers) (*secret, error) {
	if k == nil {
		return nil, nil //nolint:nilnil // nothing to encrypt with, and nothing wrong with that
	}
	context, err := srtp.CreateContext(slices.Clone(k.Master), slices.Clone(k.Salt), srtp.ProtectionProfile(k.Suite.Profile()))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if numbers == nil {
		numbers = NewNumbers(*k)
	}
	s := &secret{context: context, numbers: numbers}
	s.header.CSRC = make([]uint32, 0, mixer.MaxSources)
	return s, nil
}

// protectRTP encrypts packet into b's room.
func (s *secret) protectRTP(b, packet []byte) ([]byte, error) {
	return s.context.EncryptRTP(b, packet, &s.header)
}

func (s *secret) protectRTCP(b, compound []byte) ([]byte, error) {
	return s.context.EncryptRTCP(b, compound, nil)
}

// Rekey has all that is sent from the next Tick on encrypted by k, under another SSRC, for which numbers are of k as Config.Numbers are (ErrInvalid; also of a distribution
// that was opened without a key, whose description says that it is in the clear). Safe for concurrent use.
func (s *Sender) Rekey(k Key, numbers *Numbers) error {
	if s.cfg.Key == nil {
		return invalid("a key for what is sent in the clear")
	}
	if err := k.validate(); err != nil {
		return fmt.Errorf("rekey distribution: %w", err)
	}
	fresh, err := newSecret(&k, numbers)
	if err != nil {
		return fmt.Errorf("rekey distribution: %w", err)
	}
	s.counters.freshKey.Store(fresh)
	return nil
}
