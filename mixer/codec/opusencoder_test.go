package codec

import (
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer/measure"
)

// hiss is speech's harder half: a voice, and noise as of s and sh, in turns of 100 ms.
func hiss(rateHz, samples int) []int16 {
	out, noise := voice(rateHz, samples), whiteNoise(3000, samples)
	for i := range out {
		if i/(rateHz/10)%2 == 1 {
			out[i] = noise[i]
		}
	}
	return out
}

// band is the level of what pcm has around a frequency, in dBFS: two band passes in a row, of a quarter of it in width.
func band(pcm []int16, rateHz int, hz float64) float64 {
	w := 2 * math.Pi * hz / float64(rateHz)
	alpha := math.Sin(w) / 8
	pass := func() func(float64) float64 {
		var x1, x2, y1, y2 float64
		return func(x float64) float64 {
			y := (alpha*(x-x2) + 2*math.Cos(w)*y1 - (1-alpha)*y2) / (1 + alpha)
			x1, x2, y1, y2 = x, x1, y, y1
			return y
		}
	}
	first, second := pass(), pass()
	energy := 0.0
	for _, s := range pcm {
		v := second(first(float64(s) / -math.MinInt16))
		energy += v * v
	}
	return 10 * math.Log10(energy/float64(len(pcm)))
}

func TestCleanOpusIsFlatAtEveryPacketTime(t *testing.T) {
	for rate, frequencies := range map[int][]float64{
		8000: {300, 1000, 2000, 3000}, 16000: {300, 1000, 2500, 4500, 5500, 6500}, 48000: {300, 1000, 2500, 4500, 5500, 6500, 7500, 9000, 12000},
	} {
		in := hiss(rate, 2*rate)
		for _, packet := range packetTimes {
			p := Profile{Format: opusAt(rate), Packet: packet, Opus: OpusSettings{Clean: true}}
			heard, _ := through(t, p, in)
			for _, hz := range frequencies {
				if got := band(heard[rate/5:], rate, hz) - band(in[rate/5:], rate, hz); math.Abs(got) > 0.5 {
					t.Errorf("%d Hz, %v, at %.0f Hz: got %.2f dB of change, want within 0.5", rate, packet, hz, got)
				}
			}
		}
	}
}

func TestOpusWithCopiesLosesLittleLevel(t *testing.T) {
	for _, rate := range []int{8000, 16000, 48000} {
		in := voice(rate, 2*rate)
		for _, packet := range packetTimes {
			heard, _ := through(t, Profile{Format: opusAt(rate), Packet: packet}, in)
			// SILK is a little quiet whatever it may spend.
			if got := measure.RMSDBFS(heard[rate/5:]) - measure.RMSDBFS(in[rate/5:]); math.Abs(got) > 0.6 {
				t.Errorf("%d Hz, %v: got %.2f dB of change, want within 0.6", rate, packet, got)
			}
		}
	}
}

func bitrate(packets [][]byte, packet time.Duration) int {
	bytes := 0
	for _, p := range packets {
		bytes += len(p)
	}
	return int(float64(bytes*8) / (time.Duration(len(packets)) * packet).Seconds())
}

func TestOpusKeepsToTheBitrateOfItsReceiver(t *testing.T) {
	in := hiss(48000, 48000)
	for _, most := range []int{6000, 12000, 20000, 30000, 510000} {
		for _, packet := range packetTimes[1:] { // at 10 ms libopus needs more than 6 kbit/s for the headers alone
			for name, o := range map[string]OpusSettings{"with copies": {}, "clean": {Clean: true}} {
				o.MaxBitrateBps = most
				_, packets := through(t, Profile{Format: opusAt(48000), Packet: packet, Opus: o}, in)
				if got, want := bitrate(packets, packet), min(most, opusBitrate(48000, packet == 30*time.Millisecond)); got > want*12/10+1000 {
					t.Errorf("%s, %v, at most %d: got %d bit/s", name, packet, want, got)
				}
			}
		}
	}
}

func TestOpusSendsNothingInSilenceWhereThatIsWanted(t *testing.T) {
	in := append(voice(48000, 48000), make([]int16, 3*48000)...)
	for _, packet := range packetTimes {
		for _, dtx := range []bool{false, true} {
			_, packets := through(t, Profile{Format: opusAt(48000), Packet: packet, Opus: OpusSettings{DTX: dtx, Clean: true}}, in)
			none, speech := 0, len(packets)/4
			for i, b := range packets {
				if len(b) > 0 {
					continue
				}
				none++
				if i < speech {
					t.Errorf("%v: packet %d of speech was not sent", packet, i)
				}
			}
			if !dtx && none > 0 {
				t.Errorf("%v: %d packets were not sent that nobody wanted left out", packet, none)
			}
			// Before it falls silent, and then every 400 ms, libopus sends some.
			if silence := len(packets) - speech; dtx && none < silence*7/10 {
				t.Errorf("%v: got %d of %d packets of silence left out, want most", packet, none, silence)
			}
		}
	}
}

func TestOpusOfOneBitrateHasPacketsOfOneLength(t *testing.T) {
	in := hiss(48000, 48000)
	for _, packet := range packetTimes {
		for name, o := range map[string]OpusSettings{"with copies": {CBR: true}, "clean": {CBR: true, Clean: true}} {
			_, packets := through(t, Profile{Format: opusAt(48000), Packet: packet, Opus: o}, in)
			for i, b := range packets {
				if len(b) != len(packets[0]) {
					t.Errorf("%s, %v: packet %d: got %d bytes, want %d as all", name, packet, i, len(b), len(packets[0]))
					break
				}
			}
		}
	}
}

func TestOpusCopiesGoToThoseWhoLosePacketsOnly(t *testing.T) {
	in := voice(48000, 2*48000)
	for _, packet := range packetTimes {
		for _, row := range []struct {
			name string
			o    OpusSettings
			want bool
		}{{"lossy", OpusSettings{}, true}, {"clean", OpusSettings{Clean: true}, false}, {"of no use", OpusSettings{NoFEC: true}, false}} {
			_, packets := through(t, Profile{Format: opusAt(48000), Packet: packet, Opus: row.o}, in)
			copies := 0
			for _, b := range packets {
				if opusCarriesFEC(b) {
					copies++
				}
			}
			if got := copies > len(packets)/2; got != row.want || !row.want && copies > 0 {
				t.Errorf("%s, %v: got %d of %d packets with copies, want %v", row.name, packet, copies, len(packets), row.want)
			}
		}
	}
}

func TestThreeFramesInOnePacket(t *testing.T) {
	set := func(f *opusFrames, i int, packet ...byte) { f[i].length = copy(f[i].memory[:], packet) }
	long := make([]byte, 1+300)
	long[0] = 0x70
	for _, row := range []struct {
		name    string
		packets [3][]byte
		want    string // of the first bytes
		length  int
	}{
		{"equal lengths", [3][]byte{{0x70, 1, 2}, {0x70, 3, 4}, {0x70, 5, 6}}, "73 03 01 02 03 04 05 06", 8},
		{"different lengths", [3][]byte{{0x70, 1}, {0x70, 3, 4}, {0x70, 5, 6, 7}}, "73 83 01 02 01 03 04 05 06 07", 10},
		{"a length of two bytes", [3][]byte{long, {0x70, 9}, {0x70, 8}}, "73 83 fc 0c 01", 5 + 302},
		{"one without sound", [3][]byte{{0x70, 1, 2}, {0x70}, {0x70, 5}}, "73 83 02 00 01 02 05", 7},
		{"the last changes", [3][]byte{{0x70, 1}, {0x70, 2}, {0xf0, 3}}, "73 83 01 01 01 02", 6},
		{"the first was another", [3][]byte{{0x70, 1}, {0xf0, 2}, {0xf0, 3}}, "f3 83 00 01 02 03", 6},
		{"all are others", [3][]byte{{0x70, 1}, {0x60, 2}, {0xf0, 3}}, "f3 83 00 00 03", 5},
	} {
		var f opusFrames
		for i, p := range row.packets {
			set(&f, i, p...)
		}
		dst := make([]byte, MaxPayloadBytes)
		n := f.join(dst)
		if got := fmt.Sprintf("% x", dst[:min(n, (len(row.want)+1)/3)]); got != row.want || n != row.length {
			t.Errorf("%s: got %s, %d bytes; want %s, %d", row.name, got, n, row.want, row.length)
		}
		if got, err := opusSamples(dst[:n]); got != 1440 || err != nil {
			t.Errorf("%s: got %d samples, %v, want 30 ms", row.name, got, err)
		}
		if _, err := mustDecoder(t, opusAt(48000)).Decode(make([]int16, 1440), dst[:n]); err != nil && row.name == "one without sound" {
			t.Errorf("%s: libopus refuses it: %v", row.name, err)
		}
	}
}

func TestALostPacketOfSeveralFramesIsRecoveredInPart(t *testing.T) {
	for _, packet := range packetTimes {
		p := Profile{Format: opusAt(48000), Packet: packet}
		n := p.PacketSamples()
		_, packets := through(t, p, voice(48000, 4*48000))
		d := mustDecoder(t, p.Format)
		pcm, recovered, wanted := make([]int16, n), 0, 0
		for i, b := range packets {
			if i > 10 && i%5 == 0 && i+1 < len(packets) {
				wanted++
				if d.(Recoverer).Recover(pcm, packets[i+1]) {
					recovered++
					if measure.RMSDBFS(pcm[n-480:]) == measure.Silence {
						t.Errorf("%v: packet %d was recovered as silence", packet, i)
					}
				} else {
					d.Conceal(pcm)
				}
				continue
			}
			if _, err := d.Decode(pcm, b); err != nil {
				t.Fatal(err)
			}
		}
		if recovered*10 < wanted*6 {
			t.Errorf("%v: got %d of %d recovered, want 6 of 10", packet, recovered, wanted)
		}
	}
}

// bandOf is the audio bandwidth of an Opus packet by its first byte (RFC 6716 §3.1, table 2), in Hz.
func bandOf(packet []byte) int {
	switch config := packet[0] >> 3; {
	case config < 12:
		return [3]int{4000, 6000, 8000}[config/4]
	case config < 16:
		return [2]int{12000, 20000}[config%4/2]
	default:
		return [4]int{4000, 8000, 12000, 20000}[(config-16)/4]
	}
}

func TestOpusHasNoMoreBandThanItsReceiverPlays(t *testing.T) {
	for _, row := range []struct{ rateHz, playbackHz, want int }{
		{8000, 0, 4000}, {16000, OpusMediumbandHz, 6000}, {16000, 0, 8000}, {48000, OpusSuperWidebandHz, 12000}, {48000, 0, 20000},
	} {
		in := hiss(row.rateHz, row.rateHz)
		for _, packet := range packetTimes {
			for name, o := range map[string]OpusSettings{"with copies": {}, "clean": {Clean: true}, "DTX": {DTX: true}} {
				o.PlaybackHz = row.playbackHz
				_, packets := through(t, Profile{Format: opusAt(row.rateHz), Packet: packet, Opus: o}, in)
				widest := 0
				for _, b := range packets {
					if len(b) > 0 {
						widest = max(widest, bandOf(b))
					}
				}
				if widest != row.want {
					t.Errorf("%d Hz for %d, %v, %s: got a band of %d Hz, want %d", row.rateHz, row.playbackHz, packet, name, widest, row.want)
				}
			}
		}
	}
}

// TestOpusIsDecodedAtAnyRate: the rate that a peer says it captures at is a hint, and it may send more (RFC 7587 §6.1).
func TestOpusIsDecodedAtAnyRate(t *testing.T) {
	for _, sent := range []int{8000, 16000, 48000} {
		in := sine(440, 8000, sent, 0, sent)
		_, packets := through(t, Profile{Format: opusAt(sent)}, in)
		want := measure.ToneDBFS(in, sent, 440)
		for _, rate := range []int{8000, 16000, 48000} {
			d := mustDecoder(t, opusAt(rate))
			var heard []int16
			for _, b := range packets {
				frame := make([]int16, rate/50)
				if n, err := d.Decode(frame, b); n != len(frame) || err != nil {
					t.Fatalf("%d at %d Hz: got %d samples, %v, want %d", sent, rate, n, err, len(frame))
				}
				heard = append(heard, frame...)
			}
			if got := measure.ToneDBFS(heard[rate/5:], rate, 440); math.Abs(got-want) > 0.6 {
				t.Errorf("%d at %d Hz: got %.2f dBFS, want %.2f within 0.6", sent, rate, got, want)
			}
		}
	}
}

// A decoder that has heard another encoder understands what begins anew: neither louder nor quieter than it is.
func TestAPacketThatBeginsIsUnderstoodByWhoHasHeardAnother(t *testing.T) {
	for _, rates := range [][2]int{{8000, 48000}, {16000, 48000}, {48000, 8000}, {48000, 48000}} {
		first, then := plainEncoder(t, rates[0]), plainEncoder(t, rates[1])
		d := mustDecoder(t, opusAt(48000))
		pcm, packet := make([]int16, 960), make([]byte, MaxPayloadBytes)
		for i := range 30 {
			n, err := first.Encode(packet, sine(300, 12000, rates[0], i*rates[0]/50, rates[0]/50))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := d.Decode(pcm, packet[:n]); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 10 { // 20 dB quieter from here on
			encode := then.Encode
			if i == 0 {
				encode = then.(Beginner).Begin
			}
			n, err := encode(packet, sine(300, 1200, rates[1], i*rates[1]/50, rates[1]/50))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := d.Decode(pcm, packet[:n]); err != nil {
				t.Fatal(err)
			}
			want := measure.RMSDBFS(sine(300, 1200, 48000, 0, 960))
			if got := measure.RMSDBFS(pcm[240:]); math.Abs(got-want) > 2 {
				t.Errorf("%d to %d Hz: packet %d has %.1f dBFS, want %.1f within 2", rates[0], rates[1], i, got, want)
			}
		}
	}
	e := plainEncoder(t, 8000).(Beginner)
	if _, err := e.Begin(nil, make([]int16, 160)); !errors.Is(err, ErrBuffer) {
		t.Errorf("Begin to nothing: got %v, want ErrBuffer", err)
	}
	if _, err := e.Begin(make([]byte, 100), make([]int16, 159)); err == nil {
		t.Error("Begin of a part of a frame: got no error")
	}
}

func plainEncoder(t *testing.T, rateHz int) Encoder {
	t.Helper()
	e, err := NewEncoder(Profile{Format: opusAt(rateHz), Opus: OpusSettings{NoFEC: true, Thrifty: true}})
	if err != nil {
		t.Fatal(err)
	}
	return e
}
