package flame_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/pprof/profile"

	"github.com/confbridge/confbridge/bench/profile/flame"
)

// made is a profile of two stacks: main calls a<b> for 30 ms, which calls c for 10 of them, and d for 10 ms.
func made() *profile.Profile {
	p := &profile.Profile{SampleType: []*profile.ValueType{{Type: "samples", Unit: "count"}, {Type: "cpu", Unit: "nanoseconds"}}}
	at := map[string]*profile.Location{}
	for i, name := range []string{"main", "a<b>", "c", "d"} {
		f := &profile.Function{ID: uint64(i + 1), Name: name}
		at[name] = &profile.Location{ID: uint64(i + 1), Line: []profile.Line{{Function: f}}}
	}
	for _, s := range []struct {
		nanos int64
		stack []string
	}{{20e6, []string{"a<b>", "main"}}, {10e6, []string{"c", "a<b>", "main"}}, {10e6, []string{"d", "main"}}, {0, []string{"main"}}} {
		sample := &profile.Sample{Value: []int64{s.nanos / 10e6, s.nanos}}
		for _, name := range s.stack {
			sample.Location = append(sample.Location, at[name])
		}
		p.Sample = append(p.Sample, sample)
	}
	return p
}

func TestBoxesAreAsWideAsWhatTheyTook(t *testing.T) {
	var out bytes.Buffer
	if err := flame.Write(&out, made(), "cpu", "a & b"); err != nil {
		t.Fatal(err)
	}
	type svg struct {
		Boxes []struct {
			Title string `xml:"title"`
			Rect  struct {
				Width, X string
				W        string `xml:"width,attr"`
				At       string `xml:"x,attr"`
			} `xml:"rect"`
		} `xml:"g"`
	}
	var got svg
	if err := xml.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatalf("no XML: %v", err)
	}
	want := map[string][2]float64{"main: 40 ms, 100.0 %": {0, 1400}, "a<b>: 30 ms, 75.0 %": {0, 1050}, "c: 10 ms, 25.0 %": {0, 350}, "d: 10 ms, 25.0 %": {1050, 350}}
	for _, b := range got.Boxes {
		title, _, _ := strings.Cut(b.Title, " %")
		x, _ := strconv.ParseFloat(b.Rect.At, 64)
		w, _ := strconv.ParseFloat(b.Rect.W, 64)
		place, ok := want[title+" %"]
		if !ok || math.Abs(place[0]-x) > 0.1 || math.Abs(place[1]-w) > 0.1 {
			t.Errorf("%q is at %v, %v wide; want %v", b.Title, x, w, place)
		}
		delete(want, title+" %")
	}
	if len(want) > 0 {
		t.Errorf("not drawn: %v", want)
	}
	if !strings.Contains(out.String(), "a &amp; b: 40 ms") || strings.Contains(out.String(), "<script") {
		t.Error("no title, or a script")
	}
}

func TestAPictureOfARealProfileIsXML(t *testing.T) {
	text, err := os.ReadFile("../stage/testdata/pcmu.pb.gz")
	if err != nil {
		t.Fatal(err)
	}
	p, err := profile.ParseData(text)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := flame.Write(&out, p, "cpu", "300 legs"); err != nil {
		t.Fatal(err)
	}
	for d := xml.NewDecoder(&out); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhatIsNotInTheProfileIsSaid(t *testing.T) {
	if err := flame.Write(io.Discard, made(), "delay", ""); err == nil {
		t.Error("a CPU profile has delays")
	}
	if err := flame.Write(full{}, made(), "cpu", ""); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("a disk that is full: got %v", err)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, io.ErrShortWrite }
