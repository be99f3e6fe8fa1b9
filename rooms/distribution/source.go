package distribution

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/confbridge/confbridge/media/session"
	"github.com/confbridge/confbridge/media/terms"
	"github.com/confbridge/confbridge/mixer/codec"
)

// Source is a session that a room is to take in.
type Source struct {
	// ID is what it is kept under, as that of a Distribution; empty: it is not kept.
	ID string
	// Group is where RTP goes, RTCPPort where RTCP does; 0: to the port behind, and Group's is even then (RFC 3550 §11).
	Group    netip.AddrPort
	RTCPPort uint16
	// Sources are whom the group is heard from (RFC 4607); none: anybody.
	Sources []netip.Addr
	// TTL is how far our receiver reports go, 1 to 255; 0 means 1. They go no farther than the policy lets distributions go.
	TTL int
	// Secure says that the session is encrypted (SRTP), and Key by which key: where there is one it is, whether Secure is set or not.
	Secure      bool
	Key         session.Key
	PayloadType uint8
	Format      codec.Format
	// Interface is the name of the one to join on; empty: the route's.
	Interface string
	// DisplayName is the participant's; empty: the address.
	DisplayName string
	// Timeout is how long the session may be silent; 0: as long as a call, and one that is kept for a day.
	Timeout time.Duration
	Created time.Time // of one that is kept
}

// Bounds of a Source.
const (
	MaxTimeout    = 24 * time.Hour
	maxSourceName = 128 // bytes
)

// DescribeSource reads a session's description: SDP (RFC 8866). The error is an Error of the field "sdp" with the line that is at fault. Sessions that
// are encrypted need a key, which the description may have.
func DescribeSource(text string) (Source, error) {
	s, err := session.Parse([]byte(text))
	switch {
	case errors.Is(err, session.ErrMalformed), errors.Is(err, session.ErrNoStream):
		return Source{}, invalid("sdp", "%s", strings.TrimPrefix(err.Error(), "session: "))
	case err != nil:
		return Source{}, err
	case !s.Group.Addr().IsMulticast():
		return Source{}, invalid("sdp", "the session is sent to %s, which is no group", s.Group.Addr())
	}
	return Source{
		Group: s.Group, RTCPPort: s.RTCP().Port(), Sources: s.Sources, TTL: s.TTL, PayloadType: s.Stream.PayloadType, Format: s.Stream.Format,
		DisplayName: short(s.Name), Secure: s.Encrypted(), Key: s.Key,
	}, nil
}

// short is a name cut to what participants may be called.
func short(name string) string {
	for len(name) > maxSourceName {
		_, n := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-n]
	}
	return name
}

// Address is what its participant is called from.
func (s *Source) Address() string { return "rtp://" + s.Group.String() }

// Check says whether there can be such a source anywhere: nil, or an Error. The ID is not looked at.
func (s *Source) Check() error {
	group := s.Group.Addr()
	switch {
	case !group.IsMulticast() || group.Is4In6() || group.Zone() != "":
		return invalid("group", "%s is no group (an interface is given by its name)", s.Group)
	case s.RTCPPort == 0 && (s.Group.Port() == 0 || s.Group.Port()%2 != 0):
		return invalid("group", "port %d is not even, and RTCP is expected on the one behind it (RFC 3550 §11)", s.Group.Port())
	case s.Group.Port() == 0 || s.Group.Port() == s.RTCPPort:
		return invalid("group", "RTP on port %d and RTCP on port %d", s.Group.Port(), s.RTCPPort)
	case s.TTL < 0 || s.TTL > 255:
		return invalid("sdp", "a TTL of %d", s.TTL)
	case s.PayloadType > 127:
		return invalid("payload_type", "%d, want 0 to 127", s.PayloadType)
	case len(s.Interface) > 15: // IFNAMSIZ, its zero left out
		return invalid("interface", "%q is too long to be the name of an interface", s.Interface)
	case s.Timeout < 0 || s.Timeout > MaxTimeout:
		return invalid("timeout", "%v, want up to %v", s.Timeout, MaxTimeout)
	case len(s.Sources) == 0 && terms.SourceSpecific(group):
		return invalid("sources", "%s is source-specific (RFC 4607): say whom it is heard from", group)
	case len(s.Sources) > session.MaxSources:
		return invalid("sources", "%d, at most %d", len(s.Sources), session.MaxSources)
	}
	for _, a := range s.Sources {
		if a.Is4() != group.Is4() || !a.IsValid() || a.IsMulticast() || a.IsUnspecified() || a.Is4In6() || a.Zone() != "" {
			return invalid("sources", "%s sends nothing to %s", a, group)
		}
	}
	if err := s.Format.Valid(); err != nil {
		return invalid("codec", "%v", err)
	}
	return s.checkKey()
}

func (s *Source) checkKey() error {
	switch {
	case s.Secure && s.Key.IsZero():
		return invalid("key", "the session is encrypted (SRTP), and there is no key to it: neither in its description, of a kind that is known, nor given")
	case s.Key.IsZero():
		return nil
	}
	if err := s.Key.Valid(); err != nil {
		return invalid("key", "%s", strings.TrimPrefix(err.Error(), session.ErrInvalid.Error()+": "))
	}
	return nil
}

func (s Source) key() string { return s.ID }

func (s Source) fault() error {
	err := s.Check()
	switch {
	case !IsID(s.ID):
		err = invalid("id", "%q: %s", s.ID, idWords)
	case len(s.DisplayName) > maxSourceName:
		err = invalid("display_name", "%d bytes, at most %d", len(s.DisplayName), maxSourceName)
	}
	if err != nil {
		return fmt.Errorf("source %q: %w", s.ID, err)
	}
	return nil
}

// Equal says whether two are the same in all.
func (s Source) Equal(o Source) bool {
	same := s.Created.Equal(o.Created)
	s.Created = o.Created
	return same && reflect.DeepEqual(s, o)
}

// Meets says whether two take in one group by one interface, and both hear somebody there: one group from two sources is two sessions (RFC 4607 §1).
func (s Source) Meets(o Source) bool {
	if s.Group != o.Group || s.Interface != o.Interface {
		return false
	}
	return len(s.Sources) == 0 || len(o.Sources) == 0 || slices.ContainsFunc(s.Sources, func(a netip.Addr) bool { return slices.Contains(o.Sources, a) })
}
