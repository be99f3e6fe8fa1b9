package playout

import (
	"slices"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/codec"
)

// burstly is a network that loses packets in bursts and holds back what is sent for a while now and then.
type burstly struct {
	name   string
	lost   [][2]int // the first and the last packet of each burst
	stalls []stall
	hole   time.Duration // the longest time for which nothing can be had
}

// stall lets what is sent from..to come at to.
type stall struct{ from, to time.Duration }

func (b burstly) arrives(i int, t time.Duration) []time.Duration {
	for _, l := range b.lost {
		if i >= l[0] && i <= l[1] {
			return nil
		}
	}
	for _, s := range b.stalls {
		if t >= s.from && t < s.to {
			return []time.Duration{s.to}
		}
	}
	return []time.Duration{t}
}

// burstlies are two runs of one model that loses 5 % in bursts of 3 on average, with a stall of 100 to 250 ms each 3 s. Chance
// makes them very different: a codec must not be judged by the one and another by the other.
var burstlies = []burstly{
	{
		name: "5 %, at most 7 in a row",
		lost: [][2]int{
			{34, 34},
			{68, 72},
			{116, 117},
			{161, 166},
			{204, 207},
			{240, 241},
			{268, 268},
			{374, 375},
			{464, 465},
			{481, 481},
			{487, 487},
			{504, 504},
			{545, 547},
			{731, 733},
			{765, 765},
			{849, 851},
			{880, 886},
		},
		stalls: []stall{{3160 * ms, 3274 * ms}, {7040 * ms, 7234 * ms}, {10640 * ms, 10870 * ms}, {13360 * ms, 13543 * ms}, {17740 * ms, 17775 * ms}},
		hole:   220 * ms, // a stall that nothing has announced
	},
	{
		name: "7 %, at most 13 in a row",
		lost: [][2]int{
			{119, 119},
			{149, 152},
			{171, 171},
			{213, 218},
			{261, 261},
			{313, 313},
			{329, 331},
			{357, 360},
			{395, 399},
			{413, 413},
			{468, 471},
			{524, 524},
			{538, 540},
			{557, 562},
			{612, 624},
			{640, 644},
			{776, 777},
			{788, 791},
			{823, 823},
		},
		stalls: []stall{
			{2780 * ms, 2947 * ms}, {6080 * ms, 6166 * ms}, {8300 * ms, 8536 * ms}, {11260 * ms, 11366 * ms}, {14400 * ms, 14630 * ms}, {16480 * ms, 16635 * ms},
		},
		hole: 260 * ms, // the longest burst
	},
}

// TestBurstsAreNoWorseInOpusThanInPCMU: on the same network there is the same delay but for the one packet that copies are waited
// for, and what they bring need not be made up.
func TestBurstsAreNoWorseInOpusThanInPCMU(t *testing.T) {
	const copied = 200 * ms // that at least can be had in copies
	for _, b := range burstlies {
		runs := map[codec.Format]*hearing{}
		for _, f := range []codec.Format{pcmu, opus} {
			r := network{format: f, phase: 10 * ms, say: speech(f.SampleRateHz, false), arrives: b.arrives}.run(t, 18*time.Second)
			runs[f] = r
			name := b.name + ", " + string(f.Name)
			heardOf(t, name, r)
			gap := r.longestGap(time.Second, 18*time.Second)
			t.Logf("%s: dropped %d, longest gap %v, median delay %v", name, r.dropped, gap, r.median())
			if gap > b.hole-fadeOutMS*ms+ms {
				t.Errorf("%s: a gap of %v, where nothing can be had for %v", name, gap, b.hole)
			}
			if s := r.stats; s.PacketsLate+s.PacketsDiscarded > 0 || int(s.PacketsLost) != r.dropped {
				t.Errorf("%s: dropped %d, %+v", name, r.dropped, s)
			}
		}
		p, o := runs[pcmu], runs[opus]
		if o.stats.Recovered < copied || o.stats.Concealed+copied-20*ms > p.stats.Concealed {
			t.Errorf("%s: concealed %v and recovered %v in Opus, concealed %v in PCMU", b.name, o.stats.Concealed, o.stats.Recovered, p.stats.Concealed)
		}
		if o.median() > p.median()+20*ms || o.most(time.Second, time.Minute) > p.most(time.Second, time.Minute)+20*ms {
			t.Errorf("%s: median delay %v in Opus, %v in PCMU", b.name, o.median(), p.median())
		}
	}
}

// median is that of BufferDelay from the first second on.
func (r *hearing) median() time.Duration {
	from := int(time.Second / mixer.FrameDuration)
	sorted := slices.Sorted(slices.Values(r.delay[from:]))
	return sorted[len(sorted)/2]
}

// TestTheCopyBehindALongBurstIsHeard: bursts of 140 ms are taken for silence, and still what comes behind each of them holds the last
// packet that was lost.
func TestTheCopyBehindALongBurstIsHeard(t *testing.T) {
	const from, every, burst, packets = 100, 25, 7, 1000
	r := network{format: opus, phase: 7 * ms, say: speech(48000, false), arrives: func(i int, t time.Duration) []time.Duration {
		if i >= from && i%every < burst {
			return nil
		}
		return []time.Duration{t}
	}}.run(t, packets*20*ms)
	heardOf(t, "long bursts", r)
	bursts := (packets - from) / every
	if got, want := r.stats.Recovered, time.Duration(bursts)*10*ms; got < want { // one packet in five has no copy, by libopus's choice
		t.Errorf("recovered %v behind %d bursts, want %v", got, bursts, want)
	}
	if most := r.most(time.Second, packets*20*ms); most > 15*ms+27*ms {
		t.Errorf("delay %v, want that of one packet", most)
	}
}
