package message

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// withFields is a request with these fields, "Name: value".
func withFields(lines ...string) *Message {
	m := NewRequest(Invite, URI{Scheme: "sip", Host: "h"})
	for _, l := range lines {
		name, value, _ := strings.Cut(l, ": ")
		m.Add(name, value)
	}
	return m
}

func texts(list []Address) []string {
	var out []string
	for _, a := range list {
		out = append(out, a.Display+"|"+a.URI.String())
	}
	return out
}

func TestAssertedIdentities(t *testing.T) {
	for _, row := range []struct {
		name  string
		lines []string
		want  []string
	}{
		{"a SIP and a tel URI in one field", []string{`P-Asserted-Identity: "Cullen, J." <sip:fluffy@cisco.com>, <tel:+14085264000>`}, []string{"Cullen, J.|sip:fluffy@cisco.com", "|tel:+14085264000"}},
		{"in two fields, in any case", []string{"p-asserted-identity: tel:+1", "P-ASSERTED-IDENTITY: <sips:a@b>"}, []string{"|tel:+1", "|sips:a@b"}},
		{"of a second SIP URI nothing is believed", []string{"P-Asserted-Identity: <sip:a@b>, <sip:c@d>, <tel:1>, <tel:2>"}, []string{"|sip:a@b", "|tel:1"}},
		{"other schemes are not identities", []string{"P-Asserted-Identity: <http://a>"}, nil},
		{"a comma in the user part separates nothing", []string{"P-Asserted-Identity: <sip:a,b@c>"}, []string{"|sip:a,b@c"}},
		{"malformed", []string{"P-Asserted-Identity: <sip:a@b"}, nil},
		{"none", nil, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			if d := cmp.Diff(row.want, texts(withFields(row.lines...).AssertedIdentities())); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestPrivacy(t *testing.T) {
	m := withFields("Privacy: header; ID", "Privacy: critical,user")
	for value, want := range map[string]bool{"id": true, "user": true, "header": true, "critical": true, "none": false, "history": false, "": false} {
		if got := m.HasPrivacy(value); got != want {
			t.Errorf("%q: got %v, want %v", value, got, want)
		}
	}
	if !m.HasPrivacy("none", "id") || m.HasPrivacy() || withFields("Privacy: idle").HasPrivacy("id") {
		t.Error("one of several is enough, none is none, a part of a word is not the word")
	}
}

func TestDiversions(t *testing.T) {
	m := withFields(`Diversion: <tel:+19195551004>;reason=user-busy;counter=1;privacy=off`, `Diversion: "B" <sip:+19195551002@gw>;reason=unconditional`)
	list := m.Diversions()
	if d := cmp.Diff([]string{"|tel:+19195551004", "B|sip:+19195551002@gw"}, texts(list)); d != "" {
		t.Fatal(d)
	}
	if reason, _ := list[0].Params.Find("reason"); reason != "user-busy" {
		t.Errorf("got reason %q", reason)
	}
}

func TestHistories(t *testing.T) {
	m := withFields(
		"History-Info: <sip:bob@example.com>;index=1,<sip:bob@192.0.2.4?Reason=SIP%3Bcause%3D302&Privacy=history>;index=1.1;rc=1",
		"History-Info: <sip:+4930@office>;index=1.2;mp=1",
	)
	type row struct {
		uri, index, from string
		private          bool
	}
	var got []row
	for _, h := range m.Histories() {
		got = append(got, row{h.Target.URI.User, h.Index, h.From, h.Private})
	}
	want := []row{{"bob", "1", "", false}, {"bob", "1.1", "1", true}, {"+4930", "1.2", "1", false}}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(row{})); d != "" {
		t.Error(d)
	}
}

func TestCalledParty(t *testing.T) {
	if a, ok := withFields("P-Called-Party-ID: <sip:user1-business@example.com>;x=y").CalledParty(); !ok || a.URI.User != "user1-business" {
		t.Errorf("got %v, %v", a, ok)
	}
	if a, ok := withFields("P-Called-Party-ID: ,").CalledParty(); ok {
		t.Errorf("got %v from a field without address", a)
	}
}

func TestIdentityFieldsAreBounded(t *testing.T) {
	m := withFields()
	for i := range 10 * MaxValues {
		m.Add("Diversion", "<tel:"+strconv.Itoa(i)+">, <tel:1>")
	}
	if got := len(m.Diversions()); got != MaxValues {
		t.Errorf("got %d, want %d", got, MaxValues)
	}
}

func FuzzIdentity(f *testing.F) {
	f.Add(`"Cullen, J." <sip:fluffy@cisco.com>, <tel:+14085264000>`, "id;user;none")
	f.Add("<sip:bob@h?Reason=SIP%3Bcause%3D302&Privacy=history>;index=1.1;rc=1;np", "critical , header")
	f.Add(`<tel:+1;phone-context=x>;reason="user-busy";counter=1`, ";;,")
	f.Fuzz(func(t *testing.T, address, privacy string) {
		m := withFields()
		for _, name := range []string{"P-Asserted-Identity", "Diversion", "History-Info", "P-Called-Party-ID"} {
			m.Add(name, address)
			m.Add(name, privacy)
		}
		m.Add("Privacy", privacy)
		if n := len(m.AssertedIdentities()); n > 2 {
			t.Errorf("%d identities", n)
		}
		if first, ok := m.CalledParty(); ok && len(m.Diversions()) == 0 {
			t.Errorf("called party %v where the same value is no address in Diversion", first)
		}
		if len(m.Histories()) > MaxValues {
			t.Error("too many entries")
		}
		m.HasPrivacy("id", "user")
	})
}
