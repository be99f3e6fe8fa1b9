package config

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/rooms/distribution"
)

// suites are the words of encryption.
var suites = []struct {
	word  string
	suite distribution.Suite
}{
	{"none", distribution.SuiteNone},
	{"aes-cm", distribution.SuiteCM},
	{"aes-gcm", distribution.SuiteGCM},
}

// freshDistribution is one of which nothing is said.
func freshDistribution() distribution.Distribution {
	return distribution.Distribution{
		DSCP: distribution.DefaultDSCP, Codec: codec.PCMU, Silence: distribution.SilenceSound,
	}
}

// distributionFields are the keys of a declared distribution: those of the API.
func distributionFields() []field[distribution.Distribution] {
	type D = distribution.Distribution
	return append([]field[D]{
		{
			name: "id", needed: true,
			set: func(d *D, s string) error {
				if d.ID = s; !distribution.IsID(s) {
					return fmt.Errorf("%q is not 1 to 32 of a to z, 0 to 9 and hyphens, none of them first or last", s)
				}
				return nil
			},
			get: func(d *D) string { return strconv.Quote(d.ID) },
		},
		{
			name: "destinations", needed: true, shape: list,
			set: func(d *D, s string) error { return addDestination(&d.To, s) },
			get: func(d *D) string { return quotedList(d.To, netip.AddrPort.String) },
		},
		{
			name: "interface",
			set:  func(d *D, s string) error { d.Interface = s; return nil },
			get:  func(d *D) string { return unless(d.Interface == "", strconv.Quote(d.Interface)) },
		},
		{
			name: "source",
			set:  func(d *D, s string) (err error) { d.Source, err = parseHostAddr(s); return err },
			get:  func(d *D) string { return unless(!d.Source.IsValid(), addrYAML(d.Source)) },
		},
		numberField("ttl", 1, maxTTL, func(d *D) *int { return &d.TTL }),
		numberField("dscp", 0, maxDSCP, func(d *D) *int { return &d.DSCP }),
		switchField("loopback", func(d *D) *bool { return &d.Loopback }),
	}, distributionSoundFields()...)
}

// distributionSoundFields are those of what is sent.
func distributionSoundFields() []field[distribution.Distribution] {
	type D = distribution.Distribution
	return []field[D]{
		{
			name: "codec",
			set: func(d *D, s string) error {
				var one []string
				if err := addCodec(&one, s); err != nil {
					return err
				}
				d.Codec = codec.Name(one[0])
				return nil
			},
			get: func(d *D) string { return string(d.Codec) },
		},
		numberField("rate_hz", 0, 48000, func(d *D) *int { return &d.RateHz }),
		{
			name: "packet_time",
			set: func(d *D, s string) (err error) {
				d.Packet, err = parseDuration(s, 10*time.Millisecond, 60*time.Millisecond)
				return err
			},
			get: func(d *D) string { return durationYAML(d.Packet) },
		},
		{
			name: "silence",
			set: func(d *D, s string) error {
				d.Silence = distribution.Silence(s)
				return oneOf(s, string(distribution.SilenceSound), string(distribution.SilenceNoise), string(distribution.SilenceNothing))
			},
			get: func(d *D) string { return string(d.Silence) },
		},
		switchField("only_occupied", func(d *D) *bool { return &d.Occupied }),
		{
			name: "opening",
			set:  func(d *D, s string) error { d.Opening = s; return nil },
			get:  func(d *D) string { return unless(d.Opening == "", strconv.Quote(d.Opening)) },
		},
		switchField("announced", func(d *D) *bool { return &d.Announced }),
		{
			name: "encryption",
			set:  func(d *D, s string) (err error) { d.Suite, err = parseSuite(s); return err },
			get:  func(d *D) string { return unless(d.Suite == distribution.SuiteNone, suiteYAML(d.Suite)) },
		},
		{
			name: "key", secret: true,
			set: func(d *D, s string) (err error) {
				if d.Key, err = base64.StdEncoding.DecodeString(s); err != nil {
					return errors.New("is no base64")
				}
				return nil
			},
			get: func(d *D) string { return unless(len(d.Key) == 0, masked) },
		},
	}
}

func parseSuite(s string) (distribution.Suite, error) {
	words := make([]string, len(suites))
	for i, known := range suites {
		if words[i] = known.word; s == known.word {
			return known.suite, nil
		}
	}
	return distribution.SuiteNone, oneOf(s, words...)
}

func suiteYAML(s distribution.Suite) string {
	for _, known := range suites {
		if known.suite == s {
			return known.word
		}
	}
	return ""
}

// numberField is a number that is always written.
func numberField(name string, least, most int, at func(*distribution.Distribution) *int) field[distribution.Distribution] {
	return field[distribution.Distribution]{
		name: name,
		set: func(d *distribution.Distribution, s string) error {
			n, err := parseCount(s, least, most)
			if err == nil {
				*at(d) = n
			}
			return err
		},
		get: func(d *distribution.Distribution) string { return strconv.Itoa(*at(d)) },
	}
}

// switchField is written where it is on.
func switchField(name string, at func(*distribution.Distribution) *bool) field[distribution.Distribution] {
	return field[distribution.Distribution]{
		name: name, shape: flag,
		set: func(d *distribution.Distribution, s string) (err error) {
			*at(d), err = strconv.ParseBool(s)
			return err
		},
		get: func(d *distribution.Distribution) string { return unless(!*at(d), "true") },
	}
}

// addDestination appends a group or a listener.
func addDestination(to *[]netip.AddrPort, s string) error {
	a, err := netip.ParseAddrPort(s)
	if err != nil {
		return fmt.Errorf("%q is not an address and a port, like 239.1.2.3:5004 or [ff05::1:3]:5004", s)
	}
	*to = append(*to, netip.AddrPortFrom(a.Addr().Unmap(), a.Port()))
	if a.Port() == 0 || a.Port()%2 != 0 {
		return fmt.Errorf("port %d is not even, and RTCP is to go to the one behind it", a.Port())
	}
	return nil
}
