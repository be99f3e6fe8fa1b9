package media

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"

	"github.com/confbridge/confbridge/media/session"
	"github.com/confbridge/confbridge/media/terms"
	"github.com/confbridge/confbridge/mixer"
)

const (
	// replayWindow is how many packets back one is taken, and once (RFC 3711 §3.3.2).
	replayWindow = 64
	// mostSecretSources is how many SSRCs are remembered that somebody with the key has sent under.
	mostSecretSources = 256
)

// secret undoes the encryption of a group (RFC 3711). The leg's owner owns it.
//
// Who joins does not know how often a sequence has begun anew, and takes it for the first time (RFC 3711 §3.3.1): a sender that is to be heard by latecomers takes
// another SSRC before it does.
type secret struct {
	key     session.Key
	context *srtp.Context
	header  rtp.Header // scratch
	sources int        // that the context remembers
}

// newSecret is nil for no key. The error is ErrInvalid.
func newSecret(k session.Key) (*secret, error) {
	if k.IsZero() {
		return nil, nil //nolint:nilnil // nothing to decrypt with, and nothing wrong with that
	}
	s := &secret{key: session.Key{Suite: k.Suite, Master: slices.Clone(k.Master)}}
	s.header.CSRC = make([]uint32, 0, mixer.MaxSources)
	return s, s.begin()
}

// begin remembers nobody.
func (s *secret) begin() error {
	suite := terms.Suite(s.key.Suite)
	if suite.Profile() == 0 {
		return fmt.Errorf("suite %q of a key: %w", s.key.Suite, ErrInvalid)
	}
	master, salt := suite.KeyBytes()
	if len(s.key.Master) != master+salt {
		return fmt.Errorf("a key of %d bytes, %s takes %d: %w", len(s.key.Master), s.key.Suite, master+salt, ErrInvalid)
	}
	var err error
	s.context, err = srtp.CreateContext(s.key.Master[:master], s.key.Master[master:], srtp.ProtectionProfile(suite.Profile()),
		srtp.SRTPReplayProtection(replayWindow), srtp.SRTCPReplayProtection(replayWindow))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	s.sources = 0
	return nil
}

// openRTP decrypts a packet in its place; not where it was not made with the key, or was there before. heard is the SSRC that stays remembered
// when too many others are.
func (s *secret) openRTP(packet []byte, heard uint32) ([]byte, reason) {
	if len(packet) < headerSize {
		return nil, reasonShort
	}
	known := s.sources
	if _, there := s.context.ROC(binary.BigEndian.Uint32(packet[8:])); !there {
		known++
	}
	clear, err := s.context.DecryptRTP(packet[:0], packet, &s.header)
	if err != nil {
		return nil, reasonSecret
	}
	if s.sources = known; s.sources > mostSecretSources {
		s.forget(heard)
	}
	return clear, accepted
}

// forget has nobody remembered but one.
func (s *secret) forget(but uint32) {
	rounds, known := s.context.ROC(but)
	if s.begin() == nil && known { // it was possible before
		s.context.SetROC(but, rounds)
		s.sources = 1
	}
}

func (s *secret) openRTCP(compound []byte) ([]byte, reason) {
	clear, err := s.context.DecryptRTCP(compound[:0], compound, nil)
	if err != nil {
		return nil, reasonSecret
	}
	return clear, accepted
}
