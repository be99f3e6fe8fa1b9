package config

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/confbridge/confbridge/media/session"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/rooms/distribution"
)

// Source is a session that a declared room takes in.
type Source struct {
	distribution.Source
	// Codec, RateHz and PayloadType are what Format and the payload type of the Source follow from, once all is read.
	Codec       codec.Name
	RateHz      int
	PayloadType int // −1: that of the codec
	Suite       distribution.Suite
}

func freshSource() Source { return Source{Codec: codec.PCMU, PayloadType: -1} }

const maxPort = 65535

// sourceFields are the keys of a declared source: those of the API.
func sourceFields() []field[Source] {
	count := func(name string, least, most int, at func(*Source) *int, hidden int) field[Source] {
		return field[Source]{
			name: name,
			set:  func(s *Source, text string) (err error) { *at(s), err = parseCount(text, least, most); return err },
			get:  func(s *Source) string { return unless(*at(s) == hidden, strconv.Itoa(*at(s))) },
		}
	}
	return append([]field[Source]{
		{
			name: "id", needed: true,
			set: func(s *Source, text string) error {
				if s.ID = text; !distribution.IsID(text) {
					return fmt.Errorf("%q is not 1 to 32 of a to z, 0 to 9 and hyphens, none of them first or last", text)
				}
				return nil
			},
			get: func(s *Source) string { return strconv.Quote(s.ID) },
		},
		{
			name: "group", needed: true,
			set: func(s *Source, text string) error {
				a, err := netip.ParseAddrPort(text)
				if err != nil {
					return fmt.Errorf("%q is not a group and a port, like 239.1.2.3:5004 or [ff05::1:3]:5004", text)
				}
				s.Group = netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
				return nil
			},
			get: func(s *Source) string { return strconv.Quote(s.Group.String()) },
		},
		{
			name: "rtcp_port",
			set: func(s *Source, text string) error {
				n, err := parseCount(text, 1, maxPort)
				s.RTCPPort = uint16(n)
				return err
			},
			get: func(s *Source) string { return unless(s.RTCPPort == 0, strconv.Itoa(int(s.RTCPPort))) },
		},
		{
			name: "codec",
			set: func(s *Source, text string) error {
				var one []string
				if err := addCodec(&one, text); err != nil {
					return err
				}
				s.Codec = codec.Name(one[0])
				return nil
			},
			get: func(s *Source) string { return string(s.Codec) },
		},
		count("rate_hz", 0, 48000, func(s *Source) *int { return &s.RateHz }, 0),
		count("payload_type", 0, 127, func(s *Source) *int { return &s.PayloadType }, -1),
	}, sourceWayFields(count)...)
}

// sourceWayFields are those of how it is joined, and as whom.
func sourceWayFields(count func(string, int, int, func(*Source) *int, int) field[Source]) []field[Source] {
	return []field[Source]{
		{
			name: "sources", shape: list,
			set: func(s *Source, text string) error {
				a, err := parseHostAddr(text)
				if err == nil {
					s.Sources = append(s.Sources, a)
				}
				return err
			},
			get: func(s *Source) string { return unless(len(s.Sources) == 0, quotedList(s.Sources, netip.Addr.String)) },
		},
		count("ttl", 1, maxTTL, func(s *Source) *int { return &s.TTL }, 0),
		{
			name: "interface",
			set:  func(s *Source, text string) error { s.Interface = text; return nil },
			get:  func(s *Source) string { return unless(s.Interface == "", strconv.Quote(s.Interface)) },
		},
		{
			name: "display_name",
			set: func(s *Source, text string) error {
				if s.DisplayName = text; len(text) > maxRoomName {
					return fmt.Errorf("is longer than %d bytes", maxRoomName)
				}
				return nil
			},
			get: func(s *Source) string { return unless(s.DisplayName == "", strconv.Quote(s.DisplayName)) },
		},
		{
			name: "timeout",
			set: func(s *Source, text string) (err error) {
				s.Timeout, err = parseDuration(text, time.Second, distribution.MaxTimeout)
				return err
			},
			get: func(s *Source) string { return unless(s.Timeout == 0, durationYAML(s.Timeout)) },
		},
		{
			name: "encryption",
			set:  func(s *Source, text string) (err error) { s.Suite, err = parseSuite(text); return err },
			get:  func(s *Source) string { return unless(s.Suite == distribution.SuiteNone, suiteYAML(s.Suite)) },
		},
		{
			name: "key", secret: true,
			set: func(s *Source, text string) (err error) {
				if s.Key.Master, err = base64.StdEncoding.DecodeString(text); err != nil {
					return errors.New("is no base64")
				}
				return nil
			},
			get: func(s *Source) string { return unless(len(s.Key.Master) == 0, masked) },
		},
	}
}

// finish makes the format and the key of what was read.
func (s *Source) finish() error {
	coded := distribution.Distribution{Codec: s.Codec, RateHz: s.RateHz}
	var err error
	s.Format, err = coded.Format()
	s.Source.PayloadType = coded.PayloadType()
	if s.PayloadType >= 0 {
		s.Source.PayloadType = uint8(s.PayloadType)
	}
	s.Secure = s.Suite != distribution.SuiteNone
	if len(s.Key.Master) > 0 {
		s.Key.Suite = string(s.Suite)
	} else {
		s.Key = session.Key{}
	}
	return err
}

// crossSources finds sources of rooms that cannot be, or not beside each other.
func (l *loader) crossSources() {
	policy := l.cfg.Distributions.Policy()
	count := 0
	for i, r := range l.cfg.Rooms.List {
		for j := range r.Sources {
			count++
			path := fmt.Sprintf("rooms.list[%d].sources[%d]", i, j)
			l.checkSource(path, &r.Sources[j], policy)
			for k, o := range r.Sources[:j] {
				line := l.places[fmt.Sprintf("rooms.list[%d].sources[%d]", i, k)].line
				if o.ID == r.Sources[j].ID && o.ID != "" {
					l.faultOfItem(path, "id", fmt.Sprintf("%q is declared in line %d already", o.ID, line))
				}
				if o.Meets(r.Sources[j].Source) {
					l.faultOfItem(path, "group", fmt.Sprintf("%s is that of source %q in line %d", o.Group, o.ID, line))
				}
			}
		}
		if path := fmt.Sprintf("rooms.list[%d].sources", i); len(r.Sources) > distribution.MaxSet {
			l.fault(l.places[path], path, "more than %d", distribution.MaxSet)
		}
	}
	if most := policy.Most(); count > most {
		l.fault(l.places["rooms.list"], "rooms.list", "%d sources, and distributions.max is %d", count, most)
	}
}

// checkSource notes what is wrong with one by itself, once all of it is read.
func (l *loader) checkSource(path string, s *Source, policy distribution.Policy) {
	known := slices.ContainsFunc(l.faults, func(f Fault) bool { return f.Key == path+".key" })
	errs := []error{s.finish()}
	switch want := distribution.KeyBytes(s.Suite); {
	case len(s.Key.Master) == want || known:
	case want == 0:
		l.faultOfItem(path, "key", "is given, but encryption is not")
	case len(s.Key.Master) == 0:
		l.faultOfItem(path, "key", fmt.Sprintf("is missing: %d bytes in base64", want))
	default:
		l.faultOfItem(path, "key", fmt.Sprintf("is %d bytes, want %d", len(s.Key.Master), want))
	}
	errs = append(errs, s.Check(), policy.AllowSource(s.Group.Addr(), s.Interface))
	for _, err := range errs {
		if told, ok := errors.AsType[*distribution.Error](err); ok {
			l.faultOfItem(path, told.Field, told.Text)
		}
	}
}
