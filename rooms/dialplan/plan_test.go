package dialplan

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestNumbersLeadTheSpecialBeforeTheGeneral(t *testing.T) {
	p, err := New([]Number{
		{Dialled: "*", Room: "lobby"},
		{Dialled: "+4930*", Room: "berlin"},
		{Dialled: "+4930123*", Voice: "de"},
		{Dialled: "+4930123*", Trunk: "carrier", Room: "carried"},
		{Dialled: "+49301234", Room: "desk"},
		{Dialled: "+49301234", Trunk: Anonymous, Room: "strangers"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ dialled, trunk, room, voice string }{
		{"+49301234", "carrier", "desk", ""},
		{"+49301234", "", "strangers", ""},
		{"+493012345", "carrier", "carried", ""},
		{"+493012345", "pbx", "", "de"},
		{"+49301", "pbx", "berlin", ""},
		{"+4930", "", "berlin", ""},
		{"1000", "", "lobby", ""},
	} {
		if got := p.Find(row.dialled, row.trunk); got.Room != row.room || got.Voice != row.voice {
			t.Errorf("%s by %q: got %+v, want room %q and voice %q", row.dialled, row.trunk, got, row.room, row.voice)
		}
	}
	if got := (&Plan{}).Find("1000", ""); got.Room != "1000" {
		t.Errorf("without numbers: got %+v", got)
	}
}

func TestAPlanThatCannotBe(t *testing.T) {
	for name, list := range map[string][]Number{
		"no number":               {{}},
		"a star in front":         {{Dialled: "*1*"}},
		"a number that is long":   {{Dialled: strings.Repeat("1", maxDialled+1)}},
		"a trunk with a space":    {{Dialled: "1", Trunk: "a b"}},
		"twice":                   {{Dialled: "1"}, {Dialled: "1", Room: "2"}},
		"twice by the same trunk": {{Dialled: "1*", Trunk: "a"}, {Dialled: "1*", Trunk: "a"}},
		"too many":                make([]Number, MaxNumbers+1),
	} {
		if _, err := New(list); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: got %v, want ErrInvalid", name, err)
		}
	}
	if _, err := New([]Number{{Dialled: "1"}, {Dialled: "1*"}, {Dialled: "1", Trunk: "a"}, {Dialled: "*6"}}); err != nil {
		t.Errorf("a plan that can be: %v", err)
	}
}

// model is a plan that is slow: a list, looked through from the special to the general.
type model map[Key]Number

func (m model) sorted() []Number {
	var all []Number
	for _, n := range m {
		all = append(all, n)
	}
	slices.SortFunc(all, func(a, b Number) int { return strings.Compare(a.Key().ID(), b.Key().ID()) })
	return all
}

func (m model) fitting(dialled string) []Number {
	return slices.DeleteFunc(m.sorted(), func(n Number) bool {
		prefix, begins := strings.CutSuffix(n.Dialled, "*")
		return begins && !strings.HasPrefix(dialled, prefix) || !begins && n.Dialled != dialled
	})
}

func (m model) find(dialled, trunk string) Number {
	best := Number{Dialled: dialled, Room: dialled}
	rank := -1
	for _, n := range m.fitting(dialled) {
		if n.Trunk != "" && n.Trunk != cmp.Or(trunk, Anonymous) {
			continue
		}
		r := 2 * len(n.Dialled)
		if !strings.HasSuffix(n.Dialled, "*") {
			r += 1000
		}
		if n.Trunk != "" {
			r++
		}
		if r > rank {
			best, rank = n, r
		}
	}
	return best
}

func TestAPlanIsWhatWasPutAndNotRemoved(t *testing.T) {
	dialled := rapid.StringMatching(`[12]{0,3}`)
	trunk := rapid.SampledFrom([]string{"", "a", Anonymous})
	key := rapid.Custom(func(t *rapid.T) Key {
		return Key{Dialled: rapid.StringMatching(`[12]{1,3}|[12]{0,2}\*`).Draw(t, "dialled"), Trunk: trunk.Draw(t, "trunk")}
	})
	rapid.Check(t, func(t *rapid.T) {
		p, m := &Plan{}, model{}
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				k := key.Draw(t, "key")
				n := Number{Dialled: k.Dialled, Trunk: k.Trunk, Room: fmt.Sprint(rapid.IntRange(0, 9).Draw(t, "room"))}
				p.Put(n)
				m[k] = n
			},
			"remove": func(t *rapid.T) {
				k := key.Draw(t, "key")
				p.Remove(k)
				delete(m, k)
			},
			"": func(t *rapid.T) {
				number, by := dialled.Draw(t, "number"), trunk.Draw(t, "by")
				if got, want := p.Find(number, by), m.find(number, by); got != want {
					t.Errorf("%q by %q: got %+v, want %+v", number, by, got, want)
				}
				k := key.Draw(t, "looked up")
				want, there := m[k]
				if got, ok := p.Number(k); got != want || ok != there {
					t.Errorf("%v: got %+v, %t, want %+v, %t", k, got, ok, want, there)
				}
				led := m.fitting(number)
				if !slices.ContainsFunc(led, func(n Number) bool { return n.Trunk == "" }) {
					led = append(led, Number{Dialled: number, Room: number})
				}
				if got := p.Leads(number); len(got) != len(led) || slices.ContainsFunc(led, func(n Number) bool { return !slices.Contains(got, n) }) {
					t.Errorf("%q leads to %+v, want %+v in any order", number, got, led)
				}
				var paged []Number
				for after := ""; ; after = paged[len(paged)-1].Key().ID() {
					page := p.List(after, 2)
					if len(page) == 0 {
						break
					}
					paged = append(paged, page...)
				}
				if diff := gocmp.Diff(m.sorted(), paged); diff != "" || p.Len() != len(m) {
					t.Errorf("has %d (-want +got):\n%s", p.Len(), diff)
				}
			},
		})
	})
}

func TestAnIDIsWrittenInOneWay(t *testing.T) {
	for id, want := range map[string]Key{
		"+4930123400":         {Dialled: "+4930123400"},
		"+49301234*@carrier":  {Dialled: "+49301234*", Trunk: "carrier"},
		"*":                   {Dialled: "*"},
		"sales%40home%2F1%25": {Dialled: "sales@home/1%"},
	} {
		got, err := ParseID(id)
		if got != want || err != nil || want.ID() != id {
			t.Errorf("%s: got %+v, %v, written again %q", id, got, err, want.ID())
		}
	}
	for _, id := range []string{"", "@a", "1@", "1@a@b", "1@a b", "1/2", "%31", "%2f", "%4", "%", "ä", "1**", strings.Repeat("%2F", maxDialled+1)} {
		if k, err := ParseID(id); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: got %+v, %v, want ErrInvalid", id, k, err)
		}
	}
}

func FuzzParseID(f *testing.F) {
	for _, id := range []string{"+4930123400", "+49*@carrier", "a%40b%2F", "%", "%2", "1@", "@", "*@anonymous"} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		k, err := ParseID(id)
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Errorf("got %v, want ErrInvalid", err)
			}
			return
		}
		if k.ID() != id || k.Check() != nil {
			t.Errorf("%q: got %+v, written again %q, %v", id, k, k.ID(), k.Check())
		}
	})
}

func BenchmarkFind(b *testing.B) {
	p := &Plan{}
	for i := range MaxNumbers {
		p.Put(Number{Dialled: fmt.Sprintf("+4930%05d*", i), Room: "1"})
	}
	for b.Loop() {
		if p.Find("+4940123456", "carrier").Room == "" {
			b.Fatal("leads nowhere")
		}
	}
}
