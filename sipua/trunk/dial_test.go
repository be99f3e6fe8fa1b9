package trunk

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/confbridge/confbridge/sipua/message"
)

// carrier is a trunk that may be called.
func carrier() Trunk {
	return Trunk{
		Name: "carrier", Networks: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")},
		Dial: Dial{
			Prefixes: []string{"+49", "110"}, URI: "sip:sip.carrier.example;transport=tcp", Proxy: "sip:proxy.carrier.example;lr",
			From: "sip:bridge@carrier.example", User: "bridge", Password: "secret",
		},
	}
}

func TestWhoMayBeCalled(t *testing.T) {
	quiet := Trunk{Name: "quiet", Networks: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}}
	b := newBook(t, Config{
		Trunks: []Trunk{carrier(), quiet},
		DialOut: DialOut{
			Domains: []string{"example.com", "*.example.net", "192.0.2.7", "[2001:db8::7]"},
			Rooms: []RoomDial{
				{Rooms: []string{"10*"}, Prefixes: []string{"+"}, Domains: []string{"example.com", "192.0.2.7", "*.example.net", "2001:db8::7"}},
				{Rooms: []string{"2000"}, Prefixes: []string{"+4930"}},
			},
			PerMinute: 1000, RoomPerMinute: 1000,
		},
	})
	for _, row := range []struct {
		name, room, trunk, address string
		uri                        string // what is called; else rule or err says why not
		rule                       string
		err                        error
	}{
		{"a SIP URI of an allowed domain", "1000", "", "sip:bob@example.com", "sip:bob@example.com", "", nil},
		{"in any case, with a port and a transport", "1000", "", "sip:bob@EXAMPLE.com.:5062;transport=tcp", "sip:bob@EXAMPLE.com.:5062;transport=tcp", "", nil},
		{"below a domain", "1000", "", "sips:bob@a.b.example.net", "sips:bob@a.b.example.net", "", nil},
		{"an address", "1000", "", "sip:bob@192.0.2.7", "sip:bob@192.0.2.7", "", nil},
		{"an address of IPv6", "1000", "", "sip:bob@[2001:db8::7]:5062", "sip:bob@[2001:db8::7]:5062", "", nil},
		{"the domain itself is not below it", "1000", "", "sip:bob@example.net", "", "sip.dial_out.domains", nil},
		{"what only ends like a domain", "1000", "", "sip:bob@badexample.com", "", "sip.dial_out.domains", nil},
		{"what only ends like one below", "1000", "", "sip:bob@aexample.net", "", "sip.dial_out.domains", nil},
		{"a room that may not", "2000", "", "sip:bob@example.com", "", "sip.dial_out.rooms", nil},
		{"a room of no rule", "3000", "", "sip:bob@example.com", "", "sip.dial_out.rooms", nil},
		{"maddr leads elsewhere", "1000", "", "sip:bob@example.com;maddr=198.51.100.1", "", "", ErrAddress},
		{"a header in the URI", "1000", "", "sip:bob@example.com?Route=x", "", "", ErrAddress},
		{"a password in the URI", "1000", "", "sip:bob:x@example.com", "", "", ErrAddress},
		{"a number without a trunk", "1000", "", "tel:+4930123", "", "", ErrAddress},
		{"no URI", "1000", "", "bob", "", "", ErrAddress},
		{"another scheme", "1000", "", "mailto:bob@example.com", "", "", ErrAddress},
		{"too long", "1000", "", "sip:" + strings.Repeat("x", 600) + "@example.com", "", "", ErrAddress},

		{"a number through a trunk", "1000", "carrier", "+4930123", "sip:+4930123@sip.carrier.example;transport=tcp", "", nil},
		{"with separators", "1000", "carrier", "+49 (30) 12-3", "sip:+4930123@sip.carrier.example;transport=tcp", "", nil},
		{"as a tel URI", "1000", "carrier", "tel:+49-30-123", "sip:+4930123@sip.carrier.example;transport=tcp", "", nil},
		{"of a room's prefix", "2000", "carrier", "+4930123", "sip:+4930123@sip.carrier.example;transport=tcp", "", nil},
		{"not of a room's prefix", "2000", "carrier", "+4989123", "", "sip.dial_out.rooms", nil},
		{"not of the trunk's prefixes", "1000", "carrier", "+1900123", "", "sip.trunks.dial.prefixes", nil},
		{"the prefix hidden by separators", "1000", "carrier", "+(1)-49", "", "sip.trunks.dial.prefixes", nil},
		{"a trunk that is not called", "1000", "quiet", "+4930123", "", "sip.trunks.dial.prefixes", nil},
		{"no such trunk", "1000", "other", "+4930123", "", "", ErrNoTrunk},
		{"a URI through a trunk", "1000", "carrier", "sip:+49@elsewhere.example", "", "", ErrAddress},
		{"parameters of a number", "1000", "carrier", "+4930123;phone-context=+1", "", "", ErrAddress},
		{"a tel URI with parameters", "1000", "carrier", "tel:+4930123;phone-context=+1", "", "", ErrAddress},
		{"another host behind the number", "1000", "carrier", "+49@elsewhere.example", "", "", ErrAddress},
		{"two plus signs", "1000", "carrier", "+49+1900", "", "", ErrAddress},
		{"nothing", "1000", "carrier", " - ", "", "", ErrAddress},
	} {
		t.Run(row.name, func(t *testing.T) {
			r, err := b.Dial(row.room, row.trunk, row.address)
			var denied *DeniedError
			switch {
			case row.uri != "":
				if err != nil {
					t.Fatal(err)
				}
				if got := r.URI.String(); got != row.uri || r.Trunk != row.trunk {
					t.Errorf("got %s through %q, want %s", got, r.Trunk, row.uri)
				}
				r.End()
			case row.rule != "":
				if !errors.As(err, &denied) || !errors.Is(err, ErrDenied) || denied.Rule != row.rule || denied.Limit {
					t.Errorf("got %v, want %s", err, row.rule)
				}
			case !errors.Is(err, row.err):
				t.Errorf("got %v, want %v", err, row.err)
			}
		})
	}
}

func TestNobodyIsCalledUntilThatIsConfigured(t *testing.T) {
	b := newBook(t, Config{Trunks: []Trunk{{Name: "t", Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}}})
	for trunk, address := range map[string]string{"": "sip:bob@localhost", "t": "110"} {
		if _, err := b.Dial("1000", trunk, address); !errors.Is(err, ErrDenied) {
			t.Errorf("%s: got %v, want ErrDenied", address, err)
		}
	}
}

func TestHowATrunkIsCalled(t *testing.T) {
	r, err := newBook(t, Config{Trunks: []Trunk{carrier()}}).Dial("1000", "carrier", "+4930#1")
	if err != nil {
		t.Fatal(err)
	}
	defer r.End()
	if r.URI.String() != "sip:+4930%231@sip.carrier.example;transport=tcp" || r.Via.Host != "proxy.carrier.example" ||
		r.From.String() != "sip:bridge@carrier.example" || r.User != "bridge" || r.Password != "secret" {
		t.Errorf("got %+v", r)
	}
	if u, _ := message.ParseURI("sip:+1900@sip.carrier.example"); r.Follows(u) {
		t.Error("a trunk's redirection is followed")
	}
}

func TestRedirectionsMayLeadOnlyWhereOneMayCall(t *testing.T) {
	r, err := newBook(t, Config{DialOut: DialOut{Domains: []string{"example.com"}}}).Dial("1000", "", "sip:bob@example.com")
	if err != nil {
		t.Fatal(err)
	}
	defer r.End()
	for text, want := range map[string]bool{
		"sip:carol@example.com": true, "sip:carol@example.org": false, "tel:+1900": false, "sip:c@example.com;maddr=192.0.2.1": false,
	} {
		u, err := message.ParseURI(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Follows(u); got != want {
			t.Errorf("%s: got %v, want %v", text, got, want)
		}
	}
}

func TestHowManyMayBeCalled(t *testing.T) {
	for _, row := range []struct {
		name  string
		limit DialOut
		rooms []string // of the calls, of which the last is refused
		end   bool     // each call ends before the next
		after time.Duration
		rule  string
	}{
		{"at once", DialOut{MaxCalls: 2}, []string{"1", "2", "3"}, false, time.Minute, "calls"},
		{"at once from one room", DialOut{RoomCalls: 1}, []string{"1", "2", "1"}, false, time.Minute, "calls_per_room"},
		{"a minute", DialOut{PerMinute: 2}, []string{"1", "2", "3"}, true, 29 * time.Second, "per_minute"},
		{"a minute from one room", DialOut{RoomPerMinute: 1}, []string{"1", "2", "1"}, true, 29 * time.Second, "per_minute_per_room"},
	} {
		t.Run(row.name, func(t *testing.T) {
			clock := newWatch()
			row.limit.Domains = []string{"example.com"}
			b := newBook(t, Config{DialOut: row.limit, Now: clock.Now})
			var standing []*Route
			for i, room := range row.rooms {
				r, err := b.Dial(room, "", "sip:bob@example.com")
				var denied *DeniedError
				if last := i == len(row.rooms)-1; last {
					if !errors.As(err, &denied) || denied.Rule != "sip.dial_out."+row.rule || !denied.Limit {
						t.Errorf("got %v, want %s", err, row.rule)
					}
					break
				} else if err != nil {
					t.Fatal(err)
				}
				if standing = append(standing, r); row.end {
					r.End()
				}
				clock.now = clock.now.Add(row.after)
			}
			for _, r := range standing {
				r.End()
			}
			clock.now = clock.now.Add(2 * time.Second)
			if r, err := b.Dial(row.rooms[2], "", "sip:bob@example.com"); err != nil {
				t.Errorf("later: %v", err)
			} else {
				r.End()
			}
			clock.now = clock.now.Add(time.Minute)
			if r, err := b.Dial("4", "", "sip:bob@example.com"); err != nil || len(b.dials.rooms) != 1 {
				t.Errorf("got %v, %d rooms are remembered, want the one that has called", err, len(b.dials.rooms))
			} else {
				r.End()
			}
		})
	}
}

func TestADialTakesALineOfItsTrunk(t *testing.T) {
	c := carrier()
	c.MaxCalls = 1
	b := newBook(t, Config{Trunks: []Trunk{c}})
	r, err := b.Dial("1000", "carrier", "110")
	if err != nil {
		t.Fatal(err)
	}
	var denied *DeniedError
	if _, err := b.Dial("1000", "carrier", "110"); !errors.As(err, &denied) || !denied.Limit || denied.Rule != "sip.trunks" {
		t.Errorf("got %v, want the trunk's limit", err)
	}
	r.End()
	r.End() // counts once
	for range 2 {
		if r, err = b.Dial("1000", "carrier", "110"); err != nil {
			t.Fatal(err)
		}
		r.End()
	}
	if got := b.dials.all.standing; got != 0 {
		t.Errorf("%d calls stand, want none", got)
	}
}

func TestDialOutsThatCannotBe(t *testing.T) {
	for name, cfg := range map[string]Config{
		"a negative limit":      {DialOut: DialOut{MaxCalls: -1}},
		"a domain with a star":  {DialOut: DialOut{Domains: []string{"a*.example.com"}}},
		"a domain with a user":  {DialOut: DialOut{Domains: []string{"bob@example.com"}}},
		"a rule without rooms":  {DialOut: DialOut{Rooms: []RoomDial{{Prefixes: []string{"+"}}}}},
		"an empty prefix":       {Trunks: []Trunk{{Name: "t", Registered: true, Dial: Dial{Prefixes: []string{""}, URI: "sip:h"}}}},
		"prefixes without URI":  {Trunks: []Trunk{{Name: "t", Registered: true, Dial: Dial{Prefixes: []string{"+"}}}}},
		"a From that is no URI": {Trunks: []Trunk{{Name: "t", Registered: true, Dial: Dial{Prefixes: []string{"+"}, URI: "sip:h", From: "me"}}}},
	} {
		if _, err := New(cfg); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: got %v, want ErrConfig", name, err)
		}
	}
}

func FuzzDialNumber(f *testing.F) {
	for _, s := range []string{"+49 (30) 12-3", "tel:+49-30-123", "tel:1;phone-context=+1", "bob", "*21*+1900#", "+49@h", "++", " ", "TEL:+1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		number, err := dialNumber(s)
		if err != nil {
			return
		}
		u := message.URI{Scheme: "sip", User: message.EscapeUser(number), Host: "h"}
		back, err := message.ParseURI(u.String())
		if err != nil || back.UserText() != number || back.Host != "h" || len(back.Params) > 0 {
			t.Errorf("%q: %q came back as %q, %v", s, number, back.UserText(), err)
		}
		if again, err := dialNumber(number); err != nil || again != number {
			t.Errorf("%q: got %q, and of that %q, %v", s, number, again, err)
		}
	})
}
