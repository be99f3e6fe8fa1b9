package config

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/confbridge/confbridge/mixer/codec"
)

// shape is which kind of YAML node a key takes.
type shape uint8

const (
	text shape = iota
	flag
	list    // of texts; of mappings too where add and fields are set
	records // a list of mappings; none is a list too
	table   // a mapping whose keys are the user's own
)

// key is one setting: where it stands, how it is read and how it is written.
type key struct {
	path  string
	env   string // overrides the file; empty where nothing does
	shape shape
	empty bool // a list may be empty
	// set reads a text; of a list, each entry in turn, after clear.
	set   func(c *Config, s string) error
	clear func(c *Config)
	get   func(c *Config) string // as YAML
	// add makes room for a mapping in a list, and fields are its keys; their paths begin with at.
	add    func(c *Config)
	fields func(at string) []key
	// put reads one entry of a table.
	put func(c *Config, name, s string) error
	// needed says that a mapping in a list must have the key; secret that its value may be "env:NAME".
	needed, secret bool
}

// listenKey is the one list whose entries cross looks at.
const listenKey = "sip.listen"

// keys are all settings, in the order in which they are written.
func keys() []key {
	return slices.Concat(sipKeys(), mediaKeys(), modeKeys(), speechKeys(), []key{
		recordKey("numbers", func(c *Config) *[]Number { return &c.Numbers }, numberFields()),
	}, distributionsKeys(), recordingKeys(), soundsKeys(), cdrKeys(), []key{
		{
			path: "api.grpc", env: "CONFBRIDGE_API_GRPC",
			set: func(c *Config, s string) error { c.API.GRPC = s; return checkHostPort(s) },
			get: func(c *Config) string { return c.API.GRPC },
		},
		{
			path: "api.http", env: "CONFBRIDGE_API_HTTP",
			set: func(c *Config, s string) error { c.API.HTTP = s; return checkHostPort(s) },
			get: func(c *Config) string { return c.API.HTTP },
		},
		{
			path: "api.pprof", shape: flag,
			set: func(c *Config, s string) (err error) { c.API.Pprof, err = strconv.ParseBool(s); return err },
			get: func(c *Config) string { return strconv.FormatBool(c.API.Pprof) },
		},
		{
			path: "trace.calls",
			set: func(c *Config, s string) (err error) {
				c.Trace.Calls, err = parseCount(s, 0, maxTraceCalls)
				return err
			},
			get: func(c *Config) string { return strconv.Itoa(c.Trace.Calls) },
		},
		{
			path: "trace.hep",
			set: func(c *Config, s string) error {
				c.Trace.HEP = s
				if s == "" {
					return nil
				}
				return checkHostPort(s)
			},
			get: func(c *Config) string { return strconv.Quote(c.Trace.HEP) },
		},
		{
			path: "trace.hep_id",
			set: func(c *Config, s string) error {
				n, err := parseCount(s, 0, math.MaxUint32)
				c.Trace.HEPID = uint32(n)
				return err
			},
			get: func(c *Config) string { return strconv.FormatUint(uint64(c.Trace.HEPID), 10) },
		},
		{
			path: "trace.hep_password", env: "CONFBRIDGE_TRACE_HEP_PASSWORD", secret: true,
			set: func(c *Config, s string) error {
				if c.Trace.HEPPassword = s; len(s) > maxHEPPassword {
					return fmt.Errorf("is longer than %d bytes", maxHEPPassword)
				}
				return nil
			},
			get: func(c *Config) string {
				if c.Trace.HEPPassword == "" {
					return `""`
				}
				return masked
			},
		},
		{
			path: "data_dir", env: "CONFBRIDGE_DATA_DIR",
			set: func(c *Config, s string) error { c.DataDir = s; return checkWritable(s) },
			get: func(c *Config) string { return strconv.Quote(c.DataDir) },
		},
		{
			path: "store.url", env: "CONFBRIDGE_STORE_URL",
			set: func(c *Config, s string) error { c.Store.URL = s; return checkStoreURL(s) },
			get: func(c *Config) string { return strconv.Quote(c.Store.URL) },
		},
		{
			path: "store.credentials_file",
			set:  func(c *Config, s string) error { c.Store.CredentialsFile = s; return checkReadable(s) },
			get:  func(c *Config) string { return strconv.Quote(c.Store.CredentialsFile) },
		},
		{
			path: "log.level", env: "CONFBRIDGE_LOG_LEVEL",
			set: func(c *Config, s string) (err error) { c.Log.Level, err = parseLevel(s); return err },
			get: func(c *Config) string { return strings.ToLower(c.Log.Level.String()) },
		},
		{
			path: "log.format",
			set:  func(c *Config, s string) error { c.Log.Format = s; return oneOf(s, "text", "json") },
			get:  func(c *Config) string { return c.Log.Format },
		},
	})
}

// mediaKeys are those of media and rooms.
func mediaKeys() []key {
	return []key{
		{
			path: "media.ports", env: "CONFBRIDGE_MEDIA_PORTS",
			set: func(c *Config, s string) (err error) { c.Media.Ports, err = parsePorts(s); return err },
			get: func(c *Config) string { return c.Media.Ports.String() },
		},
		{
			path: "media.timeout",
			set: func(c *Config, s string) (err error) {
				c.Media.Timeout, err = parseDuration(s, time.Second, time.Hour)
				return err
			},
			get: func(c *Config) string { return durationYAML(c.Media.Timeout) },
		},
		{
			path: "media.io_uring", shape: flag,
			set: func(c *Config, s string) (err error) { c.Media.IOURing, err = strconv.ParseBool(s); return err },
			get: func(c *Config) string { return strconv.FormatBool(c.Media.IOURing) },
		},
		{
			path: "media.codecs", shape: list,
			clear: func(c *Config) { c.Media.Codecs = nil },
			set:   func(c *Config, s string) error { return addCodec(&c.Media.Codecs, s) },
			get:   func(c *Config) string { return quotedList(c.Media.Codecs, strings.Clone) },
		},
		{
			path: "rooms.on_demand", shape: flag,
			set: func(c *Config, s string) (err error) { c.Rooms.OnDemand, err = strconv.ParseBool(s); return err },
			get: func(c *Config) string { return strconv.FormatBool(c.Rooms.OnDemand) },
		},
		{
			path: "rooms.empty_grace",
			set: func(c *Config, s string) (err error) {
				c.Rooms.EmptyGrace, err = parseDuration(s, time.Millisecond, 24*time.Hour)
				return err
			},
			get: func(c *Config) string { return durationYAML(c.Rooms.EmptyGrace) },
		},
		{
			path: "rooms.max_talkers",
			set:  func(c *Config, s string) (err error) { c.Rooms.MaxTalkers, err = parseTalkers(s); return err },
			get:  func(c *Config) string { return talkersYAML(c.Rooms.MaxTalkers) },
		},
		{
			path: "rooms.agc", shape: flag,
			set: func(c *Config, s string) (err error) { c.Rooms.AGC, err = strconv.ParseBool(s); return err },
			get: func(c *Config) string { return strconv.FormatBool(c.Rooms.AGC) },
		},
		{
			path: "rooms.noise_suppression", shape: flag,
			set: func(c *Config, s string) (err error) {
				c.Rooms.NoiseSuppression, err = strconv.ParseBool(s)
				return err
			},
			get: func(c *Config) string { return strconv.FormatBool(c.Rooms.NoiseSuppression) },
		},
		{
			path: "rooms.opus_complexity",
			set: func(c *Config, s string) (err error) {
				c.Rooms.Opus.Complexity, err = parseCount(s, 1, codec.MaxComplexity)
				return err
			},
			get: func(c *Config) string { return strconv.Itoa(c.Rooms.Opus.Complexity) },
		},
		{
			path: "rooms.opus_bitrate",
			set:  func(c *Config, s string) (err error) { c.Rooms.Opus.BitrateBps, err = parseOpusBitrate(s); return err },
			get:  func(c *Config) string { return strconv.Itoa(c.Rooms.Opus.BitrateBps) },
		},
		recordKey("rooms.list", func(c *Config) *[]Room { return &c.Rooms.List }, roomFields()),
	}
}

// hostName is RFC 1123 §2.1.
var hostName = regexp.MustCompile(`^[A-Za-z0-9]([-A-Za-z0-9]{0,62}[A-Za-z0-9])?(\.[A-Za-z0-9]([-A-Za-z0-9]{0,62}[A-Za-z0-9])?)*\.?$`)

// checkHost takes an IP address, a host name, or nothing.
func checkHost(s string) error {
	if s == "" {
		return nil
	}
	if _, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return nil
	}
	if len(s) > 253 || !hostName.MatchString(s) {
		return fmt.Errorf("%q is neither an IP address nor a host name (without a port)", s)
	}
	return nil
}

func checkHostPort(s string) error {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return fmt.Errorf("%q is not an address with a port, like 127.0.0.1:8080", s)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("%q is not a port: want 0 to 65535", port)
	} else if strconv.FormatUint(n, 10) != port {
		return fmt.Errorf("%q is not a port: leave out what is in front of %d", port, n)
	}
	return checkHost(host)
}

func parsePorts(s string) (PortRange, error) {
	a, b, ok := strings.Cut(s, "-")
	first, errFirst := strconv.Atoi(strings.TrimSpace(a))
	last, errLast := strconv.Atoi(strings.TrimSpace(b))
	if !ok || errFirst != nil || errLast != nil {
		return PortRange{}, fmt.Errorf("%q is not a range of ports, like 20000-29999", s)
	}
	r := PortRange{First: first, Last: last}
	var faults []error
	if first < 1024 || last > 65535 {
		faults = append(faults, fmt.Errorf("%v is not within 1024-65535", r))
	}
	switch {
	case last < first:
		return r, fmt.Errorf("%v ends before it begins", r)
	case last == first:
		faults = append(faults, fmt.Errorf("%v is too small: a call takes two ports, one even and the next", r))
	}
	if first%2 != 0 {
		faults = append(faults, fmt.Errorf("%v begins with an odd port: RTP takes the even one, RTCP the next", r))
	}
	if last > first && last%2 == 0 {
		faults = append(faults, fmt.Errorf("%v ends with an even port, which lacks its odd neighbour", r))
	}
	return r, errors.Join(faults...)
}

// Bounds of what is traced: a call takes up to 8 kB in all, and Homer's key is a chunk.
const (
	maxTraceCalls  = 100_000
	maxHEPPassword = 255
)

func parseDuration(s string, shortest, longest time.Duration) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("%q is not a duration, like 30s or 5m", s)
	}
	if d < shortest || d > longest {
		return 0, fmt.Errorf("%s is not within %s to %s", s, durationYAML(shortest), durationYAML(longest))
	}
	return d, nil
}

// addCodec appends a codec, whose name may be in any case.
func addCodec(to *[]string, s string) error {
	name, ok := codec.ParseName(s)
	if !ok {
		var names []string
		for _, n := range codec.Names() {
			names = append(names, string(n))
		}
		return oneOf(s, names...)
	}
	if slices.Contains(*to, string(name)) {
		return fmt.Errorf("%s is there twice", name)
	}
	*to = append(*to, string(name))
	return nil
}

func parseLevel(s string) (slog.Level, error) {
	if err := oneOf(s, "debug", "info", "warn", "error"); err != nil {
		return 0, err
	}
	var level slog.Level
	return level, level.UnmarshalText([]byte(s))
}

func oneOf(s string, allowed ...string) error {
	if slices.Contains(allowed, s) {
		return nil
	}
	return fmt.Errorf("%q is not one of %s", s, strings.Join(allowed, ", "))
}

// durationYAML is 1m0s as 1m.
func durationYAML(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// everybody is how the file says AllTalkers.
const everybody = "all"

func parseTalkers(s string) (int, error) {
	if s == everybody {
		return AllTalkers, nil
	}
	n, err := parseCount(s, 1, maxTalkers)
	if err != nil {
		return 0, fmt.Errorf("%q is neither a number from 1 to %d nor %s", s, maxTalkers, everybody)
	}
	return n, nil
}

// parseOpusBitrate reads bits per second; 0 is the usual.
func parseOpusBitrate(s string) (int, error) {
	n, err := parseCount(s, 0, codec.MaxEffortBitrateBps)
	if err != nil || n != 0 && n < codec.MinEffortBitrateBps {
		return 0, fmt.Errorf("%q is neither a number from %d to %d nor 0", s, codec.MinEffortBitrateBps, codec.MaxEffortBitrateBps)
	}
	return n, nil
}

func talkersYAML(n int) string {
	if n == AllTalkers {
		return everybody
	}
	return strconv.Itoa(n)
}
