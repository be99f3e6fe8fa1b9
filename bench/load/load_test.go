package main

import (
	"math"
	"testing"
	"time"

	"github.com/confbridge/confbridge/bench/gen"
	"github.com/confbridge/confbridge/bench/load/speech"
	"github.com/confbridge/confbridge/mixer/codec"
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
		var heard []packet
		for i := 0; i < len(pcm); i += gen.PacketSamples {
			heard = append(heard, packet{sent + 1e6 + int64(i)*125_000, pcm[i : i+gen.PacketSamples]})
		}
		got, ok := find(heard, sent, chirp)
		if !ok || math.Abs(got-want) > 0.001 {
			t.Errorf("got %v, %v, want %v", got, ok, want)
		}
	}
	if _, ok := find(nil, 0, chirp); ok {
		t.Error("found in nothing")
	}
}

// TestEachCodecIsHeardAsItWasSaid encodes talk and a chirp as the load does, and decodes them as it does with what it heard.
func TestEachCodecIsHeardAsItWasSaid(t *testing.T) {
	for _, s := range spoken {
		v, err := newVoice(string(s.name))
		if err != nil {
			t.Fatal(err)
		}
		// A telephone's own delay: none of G.711, the filters of G.722, and what Opus looks ahead.
		if most := map[codec.Name]float64{codec.G722: 3, codec.Opus: 10}[s.name]; v.heldMs < 0 || v.heldMs > most {
			t.Errorf("%s: holds back %.2f ms, want at most %.0f", s.name, v.heldMs, most)
		}
		talk, _, err := say(t.Context(), 1, v)
		if err != nil {
			t.Fatal(err)
		}
		if len(talk.sound) < 100 || len(talk.last) != 50 || len(v.Silence) != restPackets {
			t.Fatalf("%s: %d packets of talk, %d of the tone, %d of silence", s.name, len(talk.sound), len(talk.last), len(v.Silence))
		}
		heard := v.decode(append(append([][]byte{}, talk.last...), talk.last...))
		if len(heard) != 100*gen.PacketSamples {
			t.Fatalf("%s: 100 packets are %d samples", s.name, len(heard))
		}
		heard = heard[settlePackets*gen.PacketSamples:]
		for k := range speech.Tones {
			level := speech.Level(heard, speech.Tone(k)) - speech.ToneDB
			if k == 1 && math.Abs(level) > 1 || k != 1 && level > ownToneGoal {
				t.Errorf("%s: tone 1 is said, and tone %d is heard at %+.1f dB", s.name, k, level)
			}
		}
		quiet := v.decode(v.Silence)
		for k := range speech.Tones {
			if level := speech.Level(quiet, speech.Tone(k)); level > -80 {
				t.Errorf("%s: silence has tone %d at %.1f dB", s.name, k, level)
			}
		}
		// A chirp in the middle of that, below a talker; one packet of those behind it is lost.
		stream := append(append([][]byte{}, v.Silence...), v.Chirp...)
		stream = append(append(stream, v.Silence...), nil)
		pcm := v.decode(stream)
		at, sure := speech.Find(pcm, v.pattern)
		if want := float64(len(v.Silence)*gen.PacketSamples) + v.heldMs*speech.Rate/1000; math.Abs(float64(at)-want) > 1 || sure < sureChirp {
			t.Errorf("%s: the chirp is at sample %d, sure %.2f, want %.0f", s.name, at, sure, want)
		}
	}
}

func TestOfMixedLegsThereAreAsManyOfEachCodec(t *testing.T) {
	all, err := voices(mixed, 40)
	if err != nil {
		t.Fatal(err)
	}
	count := map[codec.Name]int{}
	for _, v := range all {
		count[v.format.Name]++
	}
	for _, s := range spoken {
		if count[s.name] != 10 {
			t.Errorf("got %v", count)
		}
	}
	if _, err := voices("GSM", 1); err == nil {
		t.Error("there is a voice in a codec that nobody speaks")
	}
}

func TestOptions(t *testing.T) {
	good := options{legs: 300, rooms: 1, talkers: 3, steady: 20 * time.Second, rate: 100, server: "confbridge", codec: "opus"}
	if err := good.check(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*options){
		"no legs":             func(o *options) { o.legs = 0 },
		"more rooms":          func(o *options) { o.rooms = 301 },
		"an unknown format":   func(o *options) { o.recordTurns, o.format = 1, "wav,mp3" },
		"formats at once":     func(o *options) { o.record, o.format = true, "wav,opus" },
		"too many talkers":    func(o *options) { o.talkers = 301 },
		"too short":           func(o *options) { o.steady = time.Second },
		"no rate":             func(o *options) { o.rate = 0 },
		"no server":           func(o *options) { o.server = "" },
		"server and target":   func(o *options) { o.target = "127.0.0.1:5060" },
		"target of no sense":  func(o *options) { o.server, o.target = "", "there" },
		"no such codec":       func(o *options) { o.codec = "GSM" },
		"too much churn":      func(o *options) { o.churn = 101 },
		"procs of a target":   func(o *options) { o.server, o.target, o.procs = "", "127.0.0.1:5060", 1 },
		"negative many rooms": func(o *options) { o.rooms = -1 },
	} {
		o := good
		change(&o)
		if o.check() == nil {
			t.Errorf("%s passes", name)
		}
	}
}
