package distribution

import "testing"

func TestNumbersOfADeclaredDistributionFollowFromWhatIsDeclared(t *testing.T) {
	declare := func(d Distribution, room, title string) Distribution {
		t.Helper()
		got, err := d.Declared(room, title)
		if err != nil {
			t.Fatal(err)
		}
		if got.SSRC == 0 || got.Session == 0 || got.Version == 0 || got.Session>>62 != 0 || got.Version>>62 != 0 || !got.Created.IsZero() {
			t.Errorf("got %+v", got)
		}
		return got
	}
	first := declare(good(), "1000", "Sales")
	if again := declare(first, "1000", "Sales"); !again.Equal(first) {
		t.Errorf("declared again: got %+v, want %+v", again, first)
	}
	other := good()
	other.TTL = 4
	for name, got := range map[string]Distribution{"another TTL": declare(other, "1000", "Sales"), "another name of the room": declare(good(), "1000", "Board")} {
		if got.SSRC != first.SSRC || got.Session != first.Session || got.Version == first.Version {
			t.Errorf("%s: got %+v, was %+v", name, got, first)
		}
	}
	renamed := good()
	renamed.ID = "attic"
	for name, got := range map[string]Distribution{"another room": declare(good(), "1001", "Sales"), "another ID": declare(renamed, "1000", "Sales")} {
		if got.SSRC == first.SSRC || got.Session == first.Session || got.Version == first.Version {
			t.Errorf("%s: got %+v, was %+v", name, got, first)
		}
	}
}
