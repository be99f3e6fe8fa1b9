package main

import (
	"math"
	"testing"
	"time"

	"github.com/confbridge/confbridge/bench/gen"
	"github.com/confbridge/confbridge/bench/load/speech"
)

func TestEachRoomHasItsTalkers(t *testing.T) {
	for _, o := range []options{{legs: 300, rooms: 1, talkers: 3}, {legs: 10, rooms: 3, talkers: 2}, {legs: 5, rooms: 5, talkers: 1}} {
		l := &load{options: o}
		got := map[[2]int]int{}
		for i := range o.legs {
			if k, ok := l.talker(i); ok {
				got[[2]int{l.room(i), k}]++
			}
		}
		for room := range o.rooms {
			for k := range o.talkers {
				if n := got[[2]int{room, k}]; n != 1 {
					t.Errorf("%+v: room %d has %d talkers of number %d", o, room, n, k)
				}
			}
		}
	}
}

func TestTheDelayOfAChirpIsFoundToTheSample(t *testing.T) {
	chirp := speech.Chirp(gen.PacketSamples)
	for _, want := range []float64{3.25, 20, 33.5, 99.875} { // ms
		const sent = int64(1e18)
		// Packets arrive every 20 ms from 1 ms after the sending; the chirp begins where its delay says.
		pcm := make([]float64, 400*8)
		copy(pcm[int((want-1)*8):], chirp)
		var heard []gen.Packet
		for i := 0; i < len(pcm); i += gen.PacketSamples {
			heard = append(heard, gen.Packet{
				Arrival: sent + 1e6 + int64(i)*125_000, Payload: speech.Encode(pcm[i : i+gen.PacketSamples]),
			})
		}
		got, ok := find(heard, sent, speech.Decode(speech.Encode(chirp)))
		if !ok || math.Abs(got-want) > 0.001 {
			t.Errorf("got %v, %v, want %v", got, ok, want)
		}
	}
	if _, ok := find(nil, 0, chirp); ok {
		t.Error("found in nothing")
	}
}

func TestOptions(t *testing.T) {
	good := options{legs: 300, rooms: 1, talkers: 3, steady: 20 * time.Second, rate: 100, server: "confbridge"}
	if err := good.check(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*options){
		"no legs":             func(o *options) { o.legs = 0 },
		"more rooms":          func(o *options) { o.rooms = 301 },
		"too many talkers":    func(o *options) { o.talkers = 301 },
		"too short":           func(o *options) { o.steady = time.Second },
		"no rate":             func(o *options) { o.rate = 0 },
		"no server":           func(o *options) { o.server = "" },
		"server and target":   func(o *options) { o.target = "127.0.0.1:5060" },
		"target of no sense":  func(o *options) { o.server, o.target = "", "there" },
		"negative many rooms": func(o *options) { o.rooms = -1 },
	} {
		o := good
		change(&o)
		if o.check() == nil {
			t.Errorf("%s passes", name)
		}
	}
}
