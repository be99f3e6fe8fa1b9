package config

import (
	"errors"
	"slices"
	"strconv"
	"strings"
)

// DialOut is who may be called from rooms; nobody, unless Domains or a trunk's Dial.Prefixes say so.
type DialOut struct {
	// Domains are the hosts of SIP URIs that may be called: example.com, *.example.com, an address.
	Domains []string
	// Rooms narrow what rooms may call; none: all rooms call whatever may be called.
	Rooms []RoomDial
	// Calls are those at once, PerMinute those that are begun in 60 s.
	Calls, CallsPerRoom, PerMinute, PerMinutePerRoom int
}

// RoomDial is what the rooms of these numbers may call.
type RoomDial struct{ Rooms, Prefixes, Domains []string }

// Dial is how a trunk is called.
type Dial struct {
	Prefixes       []string // of numbers; none: it is not called
	URI            string   // empty: that of the registrar, or of the ping
	From           string   // a SIP URI; empty: the address that is registered, or the room
	User, Password string   // empty: those of the registration
}

func defaultDialOut() DialOut {
	return DialOut{Calls: 50, CallsPerRoom: 10, PerMinute: 60, PerMinutePerRoom: 20}
}

// dialOutKeys are the settings of sip.dial_out.
func dialOutKeys() []key {
	return []key{
		{
			path: "sip.dial_out.domains", shape: list, empty: true,
			clear: func(c *Config) { c.SIP.DialOut.Domains = nil },
			set:   func(c *Config, s string) error { return addText(checkDomain)(&c.SIP.DialOut.Domains, s) },
			get:   func(c *Config) string { return quotedList(c.SIP.DialOut.Domains, strings.Clone) },
		},
		recordKey("sip.dial_out.rooms", func(c *Config) *[]RoomDial { return &c.SIP.DialOut.Rooms }, []field[RoomDial]{
			roomDialField("rooms", true, nil, func(r *RoomDial) *[]string { return &r.Rooms }),
			roomDialField("prefixes", false, nil, func(r *RoomDial) *[]string { return &r.Prefixes }),
			roomDialField("domains", false, checkDomain, func(r *RoomDial) *[]string { return &r.Domains }),
		}),
		countKey("sip.dial_out.calls", func(c *Config) *int { return &c.SIP.DialOut.Calls }),
		countKey("sip.dial_out.calls_per_room", func(c *Config) *int { return &c.SIP.DialOut.CallsPerRoom }),
		countKey("sip.dial_out.per_minute", func(c *Config) *int { return &c.SIP.DialOut.PerMinute }),
		countKey("sip.dial_out.per_minute_per_room", func(c *Config) *int { return &c.SIP.DialOut.PerMinutePerRoom }),
	}
}

func roomDialField(name string, needed bool, check func(string) error, at func(*RoomDial) *[]string) field[RoomDial] {
	return field[RoomDial]{
		name: name, shape: list, needed: needed,
		set: func(r *RoomDial, s string) error { return addText(check)(at(r), s) },
		get: func(r *RoomDial) string { return unless(len(*at(r)) == 0, quotedList(*at(r), strings.Clone)) },
	}
}

// dialFields are the keys of a trunk's dial.
func dialFields() []field[Trunk] {
	return []field[Trunk]{
		listField("dial.prefixes", func(t *Trunk) *[]string { return &t.Dial.Prefixes }, addText(nil), strings.Clone),
		uriField("dial.uri", func(t *Trunk) *string { return &t.Dial.URI }),
		uriField("dial.from", func(t *Trunk) *string { return &t.Dial.From }),
		textField("dial.user", func(t *Trunk) *string { return &t.Dial.User }),
		{
			name: "dial.password", secret: true,
			set: func(t *Trunk, s string) error { t.Dial.Password = s; return nil },
			get: func(t *Trunk) string { return unless(t.Dial.Password == "", masked) },
		},
	}
}

func checkDomain(s string) error {
	host := strings.TrimPrefix(s, "*.")
	if host == "" {
		return errors.New("names no host")
	}
	return checkHost(host)
}

// crossDial checks what no key of a trunk's dial can know by itself.
func (l *loader) crossDial(path string, t Trunk) {
	d := t.Dial
	switch {
	case len(d.Prefixes) == 0 && (d.URI != "" || d.From != "" || d.User != "" || d.Password != ""):
		l.fault(l.places[path], path+".dial.prefixes", "is missing: without it nothing is called")
	case len(d.Prefixes) > 0 && d.URI == "" && t.Register.Registrar == "" && t.Ping.URI == "":
		l.fault(l.places[path], path+".dial.uri", "is missing, and neither register.registrar nor ping.uri says where it is")
	case d.Password != "" && d.User == "":
		l.fault(l.places[path], path+".dial.user", "is missing")
	}
	separated := func(p string) bool {
		return strings.ContainsAny(p, " -()./") && strings.Trim(p, "+0123456789*# -()./") == ""
	}
	if i := slices.IndexFunc(d.Prefixes, separated); i >= 0 {
		l.fault(l.places[path], path+".dial.prefixes", "%s has separators; numbers are compared without", strconv.Quote(d.Prefixes[i]))
	}
}
