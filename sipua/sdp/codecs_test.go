package sdp

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/confbridge/confbridge/mixer/codec"
)

// offered is an offer of the formats of an m= line and attributes.
func offered(formats string, attributes ...string) string {
	head := "v=0\r\no=a 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 5004 RTP/AVP "
	return head + formats + "\r\n" + strings.Join(append(attributes, ""), "\r\n")
}

func names(a Agreed) string {
	var all []string
	for _, p := range a.Payloads {
		all = append(all, string(p.Name)+"/"+strconv.Itoa(p.ClockRateHz))
	}
	return strings.Join(all, " ")
}

func TestAnswersAreInOurOrderOfPreference(t *testing.T) {
	offer := offered("0 96 8 9 97 98", "a=rtpmap:96 opus/48000/2", "a=rtpmap:97 L16/48000", "a=rtpmap:98 L16/16000")
	for _, row := range []struct {
		name   string
		codecs []codec.Name
		linear bool
		want   string
	}{
		{"the default", nil, false, "opus/48000 G722/8000 PCMU/8000 PCMA/8000"},
		{"another", []codec.Name{codec.PCMA, codec.G722}, false, "PCMA/8000 G722/8000"},
		{"L16 of several rates as offered", []codec.Name{codec.L16, codec.PCMU}, true, "L16/48000 L16/16000 PCMU/8000"},
		{"L16 that is not preferred", []codec.Name{codec.PCMU}, true, "PCMU/8000 L16/48000 L16/16000"},
	} {
		l := local(nil)
		l.Codecs, l.Linear = row.codecs, row.linear
		body, agreed := answer(t, offer, l)
		if got := names(agreed); got != row.want {
			t.Errorf("%s: agreed on %s, want %s", row.name, got, row.want)
		}
		var numbers []string
		for _, p := range agreed.Payloads {
			numbers = append(numbers, strconv.Itoa(int(p.SendType)))
		}
		if want := "m=audio 20000 RTP/AVP " + strings.Join(numbers, " ") + "\r\n"; !strings.Contains(body, want) {
			t.Errorf("%s: got %q, want %q in it", row.name, body, want)
		}
	}
}

func TestAnAnswerIsTakenInItsOrder(t *testing.T) {
	l := local(nil)
	agreed, err := AcceptAnswer(Offer(l), []byte(offered("8 9 0")), l)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := names(agreed), "PCMA/8000 G722/8000 PCMU/8000"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestPacketTimesAreThePeersWhereTheyCanBe(t *testing.T) {
	for _, row := range []struct {
		name       string
		attributes []string
		ours       time.Duration
		want       time.Duration
		asked      int
	}{
		{"none", nil, 0, 20 * time.Millisecond, 0},
		{"none, and a wish of ours", nil, 40 * time.Millisecond, 40 * time.Millisecond, 0},
		{"10", []string{"a=ptime:10"}, 40 * time.Millisecond, 10 * time.Millisecond, 10},
		{"30", []string{"a=ptime:30"}, 0, 30 * time.Millisecond, 30},
		{"60", []string{"a=ptime:60"}, 0, 60 * time.Millisecond, 60},
		{"a fraction", []string{"a=ptime:22.5"}, 0, 20 * time.Millisecond, 22},
		{"between two, the shorter", []string{"a=ptime:50"}, 0, 40 * time.Millisecond, 50},
		{"short", []string{"a=ptime:2.5"}, 0, 10 * time.Millisecond, 2},
		{"long", []string{"a=ptime:120"}, 0, 60 * time.Millisecond, 120},
		{"above the maximum", []string{"a=ptime:60", "a=maxptime:30"}, 0, 30 * time.Millisecond, 60},
		{"a maximum between", []string{"a=ptime:60", "a=maxptime:39"}, 0, 30 * time.Millisecond, 60},
		{"a maximum alone", []string{"a=maxptime:10"}, 0, 10 * time.Millisecond, 0},
		{"a maximum below all", []string{"a=maxptime:5"}, 0, 10 * time.Millisecond, 0},
		{"0", []string{"a=ptime:0"}, 0, 20 * time.Millisecond, 0},
		{"negative", []string{"a=ptime:-20", "a=maxptime:-1"}, 0, 20 * time.Millisecond, 0},
		{"100000", []string{"a=ptime:100000", "a=maxptime:0"}, 0, 20 * time.Millisecond, 0},
		{"no number", []string{"a=ptime:NaN", "a=maxptime:Inf"}, 0, 20 * time.Millisecond, 0},
		{"the first of two that make sense", []string{"a=ptime:0", "a=ptime:30", "a=ptime:40"}, 0, 30 * time.Millisecond, 30},
	} {
		t.Run(row.name, func(t *testing.T) {
			l := local(nil)
			l.Packet = row.ours
			body, agreed := answer(t, offered("0 9", row.attributes...), l)
			for _, p := range agreed.Payloads {
				if p.Packet != row.want {
					t.Errorf("%s: got %v, want %v", p.Name, p.Packet, row.want)
				}
			}
			if agreed.PtimeMilliseconds != row.asked {
				t.Errorf("asked: got %d ms, want %d", agreed.PtimeMilliseconds, row.asked)
			}
			if want := "a=ptime:" + milliseconds(row.want) + "\r\n"; !strings.Contains(body, want) {
				t.Errorf("got %q, want %q in it", body, want)
			}
		})
	}
}

func TestL16HasPacketsThatFit(t *testing.T) {
	for _, row := range []struct {
		clock, asked string
		want         time.Duration
	}{
		{"48000", "20", 10 * time.Millisecond},
		{"48000", "60", 10 * time.Millisecond},
		{"16000", "40", 40 * time.Millisecond},
		{"16000", "60", 40 * time.Millisecond},
		{"8000", "60", 60 * time.Millisecond},
	} {
		l := local(nil)
		l.Codecs = []codec.Name{codec.L16}
		_, agreed := answer(t, offered("100", "a=rtpmap:100 L16/"+row.clock+"/1", "a=ptime:"+row.asked), l)
		if got := agreed.Payloads[0].Packet; got != row.want {
			t.Errorf("L16/%s, ptime %s: got %v, want %v", row.clock, row.asked, got, row.want)
		}
	}
}

func TestAnOfferAsksForThePacketTimeThatIsWanted(t *testing.T) {
	for _, row := range []struct {
		codecs []codec.Name
		packet time.Duration
		want   string
	}{
		{nil, 0, "a=ptime:20\r\n"},
		{nil, 60 * time.Millisecond, "a=ptime:60\r\n"},
		{[]codec.Name{codec.L16}, 60 * time.Millisecond, "a=ptime:40\r\n"},
	} {
		a, b := local(nil), local(nil)
		a.Codecs, a.Packet, b.Codecs = row.codecs, row.packet, row.codecs
		offer := Offer(a)
		if !strings.Contains(string(offer), row.want) {
			t.Errorf("got %q, want %q in it", offer, row.want)
		}
		reply, theirs, err := Answer(offer, b)
		if err != nil {
			t.Fatal(err)
		}
		ours, err := AcceptAnswer(offer, reply, a)
		if err != nil {
			t.Fatal(err)
		}
		if ours.Payloads[0].Profile != theirs.Payloads[0].Profile || !strings.Contains(string(reply), row.want) {
			t.Errorf("got %v and %v, answer %q, want %q on both sides", ours.Payloads[0], theirs.Payloads[0], reply, row.want)
		}
	}
}

func TestL16IsOfferedWhereItIsConfigured(t *testing.T) {
	l := local(nil)
	l.Linear = true
	if got := string(Offer(l)); strings.Contains(got, "L16") || strings.Contains(got, "CN/") || strings.Contains(got, "extmap") {
		t.Errorf("an offer without L16: got %q", got)
	}
	l.Codecs = []codec.Name{codec.L16, codec.G722}
	got := string(Offer(l))
	for _, want := range []string{
		"m=audio 20000 RTP/AVP 97 98 99 9 100 101 102\r\n", "a=rtpmap:97 L16/16000\r\n", "a=rtpmap:98 L16/48000\r\n",
		"a=rtpmap:99 L16/8000\r\n", "a=rtpmap:9 G722/8000\r\n", "a=rtpmap:100 telephone-event/48000\r\n",
		"a=rtpmap:101 telephone-event/8000\r\n", "a=rtpmap:102 telephone-event/16000\r\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got %q, want %q in it", got, want)
		}
	}
}

func TestOpusIsSentAsItsReceiverAsks(t *testing.T) {
	for _, row := range []struct {
		fmtp   string
		rateHz int
		want   codec.OpusSettings
	}{
		{"", 48000, codec.OpusSettings{NoFEC: true}},
		{"useinbandfec=1", 48000, codec.OpusSettings{}},
		{"useinbandfec=0;maxplaybackrate=8000", 8000, codec.OpusSettings{NoFEC: true}},
		{"maxplaybackrate=12000 ; useinbandfec=1", 16000, codec.OpusSettings{PlaybackHz: 12000}},
		{"maxplaybackrate=24000;useinbandfec=1;sprop-maxcapturerate=8000", 48000, codec.OpusSettings{PlaybackHz: 24000}},
		{"USEINBANDFEC=1;UseDTX=1;CBR=1", 48000, codec.OpusSettings{DTX: true, CBR: true}},
		{"maxaveragebitrate=6000;useinbandfec=1", 48000, codec.OpusSettings{MaxBitrateBps: 6000}},
		{"maxaveragebitrate=510000;useinbandfec=1", 48000, codec.OpusSettings{MaxBitrateBps: 510000}},
		{"maxaveragebitrate=5999;useinbandfec=1", 48000, codec.OpusSettings{}},
		{"maxaveragebitrate=510001;useinbandfec=1", 48000, codec.OpusSettings{}},
		{"maxaveragebitrate=99999999999;useinbandfec=1;cbr=2;usedtx=-1", 48000, codec.OpusSettings{}},
		{"useinbandfec=1;useinbandfec=0;stereo=1;;=;x", 48000, codec.OpusSettings{}},
	} {
		body, agreed := answer(t, offered("96", "a=rtpmap:96 opus/48000/2", "a=fmtp:96 "+row.fmtp), local(nil))
		row.want.Clean = true
		if got := agreed.Payloads[0]; got.SampleRateHz != row.rateHz || got.Opus != row.want {
			t.Errorf("%q: got %d Hz, %+v, want %d Hz, %+v", row.fmtp, got.SampleRateHz, got.Opus, row.rateHz, row.want)
		}
		if !strings.Contains(body, "a=fmtp:96 stereo=0;useinbandfec=1\r\n") {
			t.Errorf("%q: got %q, want mono in it", row.fmtp, body)
		}
	}
}

func TestOpusHasTheBandThatIsPlayedOneWayAndThatIsCapturedTheOther(t *testing.T) {
	for _, row := range []struct {
		rate                     string
		sendHz, bandHz, decodeHz int
	}{
		{"0", 48000, 0, 48000},
		{"7999", 48000, 0, 48000},
		{"8000", 8000, 0, 8000},
		{"8001", 8000, 0, 16000},
		{"11025", 8000, 0, 16000},
		{"12000", 16000, 12000, 16000},
		{"15999", 16000, 12000, 16000},
		{"16000", 16000, 0, 16000},
		{"16001", 16000, 0, 48000},
		{"22050", 16000, 0, 48000},
		{"24000", 48000, 24000, 48000},
		{"44100", 48000, 24000, 48000},
		{"48000", 48000, 0, 48000},
		{"96000", 48000, 0, 48000},
		{"4294967296", 48000, 0, 48000},
		{"-8000", 48000, 0, 48000},
		{"wide", 48000, 0, 48000},
	} {
		for _, side := range []struct {
			fmtp                     string
			sendHz, bandHz, decodeHz int
		}{
			{"maxplaybackrate=" + row.rate, row.sendHz, row.bandHz, 48000},
			{"sprop-maxcapturerate=" + row.rate, 48000, 0, row.decodeHz},
			{"sprop-maxcapturerate=" + row.rate + "; maxplaybackrate=" + row.rate, row.sendHz, row.bandHz, row.decodeHz},
		} {
			_, agreed := answer(t, offered("96", "a=rtpmap:96 opus/48000/2", "a=fmtp:96 "+side.fmtp), local(nil))
			p := agreed.Payloads[0]
			if p.SampleRateHz != side.sendHz || p.Opus.PlaybackHz != side.bandHz || p.ReceiveRateHz != side.decodeHz {
				t.Errorf("%s: got %d Hz with the band of %d, decoded at %d, want %d with %d, at %d", side.fmtp,
					p.SampleRateHz, p.Opus.PlaybackHz, p.ReceiveRateHz, side.sendHz, side.bandHz, side.decodeHz)
			}
			if err := p.Valid(); err != nil {
				t.Errorf("%s: %v", side.fmtp, err)
			}
		}
	}
}

func TestOtherCodecsAreDecodedAtTheirRate(t *testing.T) {
	l := local(nil)
	l.Codecs = []codec.Name{codec.G722, codec.PCMU, codec.L16}
	_, agreed := answer(t, offered("9 0 97", "a=rtpmap:97 L16/48000", "a=fmtp:9 sprop-maxcapturerate=8000"), l)
	for _, p := range agreed.Payloads {
		if p.ReceiveRateHz != p.SampleRateHz {
			t.Errorf("%s: got %d Hz, want %d", p.Name, p.ReceiveRateHz, p.SampleRateHz)
		}
	}
}

func TestEventsComeAtTheClocksOfTheCodecs(t *testing.T) {
	l := local(nil)
	l.Codecs = []codec.Name{codec.Opus, codec.L16, codec.G722, codec.PCMU}
	_, agreed := answer(t, offered("96 97 9 0 101 102 103 104",
		"a=rtpmap:96 opus/48000/2", "a=rtpmap:97 L16/16000", "a=rtpmap:101 telephone-event/48000", "a=rtpmap:102 telephone-event/16000",
		"a=rtpmap:103 telephone-event/8000", "a=rtpmap:104 telephone-event/32000"), l)
	want := []EventPayload{{101, 101, 48000}, {102, 102, 16000}, {103, 103, 8000}}
	if diff := cmp.Diff(want, agreed.Events); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestComfortNoiseIsTakenAndKeptButNeverAskedFor(t *testing.T) {
	l := local(nil)
	body, agreed := answer(t, offered("0 13 9"), l)
	if agreed.Noise != 13 || !strings.Contains(body, "m=audio 20000 RTP/AVP 9 0 13\r\n") {
		t.Errorf("got noise %d in %q, want 13", agreed.Noise, body)
	}
	l.Previous = []byte(body)
	offer := Offer(l)
	if !strings.Contains(string(offer), " 9 0 8 13 ") {
		t.Errorf("a new offer: got %q, want 13 in it", offer)
	}
	if agreed, err := AcceptAnswer(offer, []byte(offered("0 13")), l); err != nil || agreed.Noise != 13 {
		t.Errorf("its answer: got noise %d, %v, want 13", agreed.Noise, err)
	}
	if agreed, err := AcceptAnswer(offer, []byte(offered("9 13")), l); err != nil || agreed.Noise != 0 {
		t.Errorf("an answer without G.711: got noise %d, %v, want none", agreed.Noise, err)
	}
}

func TestHeaderExtensionsAreKeptInANewOffer(t *testing.T) {
	const level, mix = "a=extmap:3/sendonly " + clientLevel + " vad=off", "a=extmap:4 " + mixLevels
	l := local(nil)
	body, agreed := answer(t, offered("0", level, mix), l)
	if agreed.LevelID != 3 || agreed.MixID != 4 {
		t.Errorf("got level %d, mix %d, want 3 and 4", agreed.LevelID, agreed.MixID)
	}
	l.Previous = []byte(body)
	offer := Offer(l)
	for _, want := range []string{"a=extmap:3/recvonly " + clientLevel + " vad=off\r\n", "a=extmap:4/sendonly " + mixLevels + "\r\n"} {
		if !slices.Contains(strings.SplitAfter(string(offer), "\n"), want) {
			t.Errorf("a new offer: got %q, want %q in it", offer, want)
		}
	}
	for _, row := range []struct {
		name       string
		attributes []string
		level, mix uint8
	}{
		{"both", []string{level, "a=extmap:4/recvonly " + mixLevels}, 3, 4},
		{"none", nil, 0, 0},
		{"another number", []string{"a=extmap:5/sendonly " + clientLevel}, 0, 0},
		{"the wrong way", []string{"a=extmap:3/recvonly " + clientLevel, "a=extmap:4/sendonly " + mixLevels}, 0, 0},
	} {
		agreed, err := AcceptAnswer(offer, []byte(offered("0", row.attributes...)), l)
		if err != nil || agreed.LevelID != row.level || agreed.MixID != row.mix {
			t.Errorf("%s: got level %d, mix %d, %v, want %d and %d", row.name, agreed.LevelID, agreed.MixID, err, row.level, row.mix)
		}
	}
}

func TestNumbersOfANewOfferAreNeverTakenTwice(t *testing.T) {
	l := local(nil)
	l.Codecs = []codec.Name{codec.Opus, codec.G722, codec.L16, codec.PCMU, codec.PCMA}
	body, _ := answer(t, offered("0 8 9 126 127", "a=rtpmap:0 opus/48000/2", "a=rtpmap:8 L16/16000", "a=rtpmap:9 telephone-event/48000",
		"a=rtpmap:127 PCMU/8000", "a=rtpmap:126 telephone-event/8000"), l)
	l.Previous = []byte(body)
	d, err := parse(Offer(l))
	if err != nil {
		t.Fatal(err)
	}
	numbers := slices.Sorted(slices.Values(d.MediaDescriptions[0].MediaName.Formats))
	if want := len(numbers); len(slices.Compact(numbers)) != want || want != 10 {
		t.Errorf("got %v, want 10 different ones", d.MediaDescriptions[0].MediaName.Formats)
	}
}
