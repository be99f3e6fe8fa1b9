package sdp

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
)

// townHall is a session as it is described to players: source-specific, of Opus.
const townHall = "v=0\r\no=- 7 3 IN IP6 2001:db8::1\r\ns=Town hall\r\nc=IN IP6 ff35::4321\r\nt=0 0\r\n" +
	"a=source-filter: incl IN IP6 ff35::4321 2001:db8::1\r\nm=audio 5004 RTP/AVP 96\r\na=rtpmap:96 opus/48000/2\r\n" +
	"a=fmtp:96 sprop-stereo=0\r\na=ptime:20\r\na=recvonly\r\n"

// groupOffer offers the group of townHall.
func groupOffer(formats string, more ...string) string {
	return "v=0\r\no=alice 1 1 IN IP6 2001:db8::2\r\ns=-\r\nc=IN IP6 ff35::4321\r\nt=0 0\r\nm=audio 5004 RTP/AVP " + formats + "\r\n" + strings.Join(append(more, ""), "\r\n")
}

func TestASessionIsOfferedAsItIsDescribed(t *testing.T) {
	body, err := OfferGroup([]byte(townHall), nil)
	if err != nil || string(body) != townHall {
		t.Errorf("got %q, %v", body, err)
	}
	again, err := OfferGroup([]byte(townHall), body)
	if err != nil || string(again) != townHall {
		t.Errorf("the same again: got %q, %v", again, err)
	}
	if at, ok := Group(body); !ok || at != netip.MustParseAddrPort("[ff35::4321]:5004") {
		t.Errorf("got %v, %v", at, ok)
	}
	if at, ok := Group([]byte(offered("0"))); ok {
		t.Errorf("a unicast offer has the group %v", at)
	}
}

func TestAMulticastStreamIsAnsweredAsItIsOffered(t *testing.T) {
	for _, row := range []struct {
		name, offer string
		want        []string
		err         error
	}{
		{"as it is", groupOffer("96", "a=rtpmap:96 opus/48000/2", "a=recvonly"), []string{"RTP/AVP 96\r\n", "a=recvonly\r\n", "a=ptime:20\r\n", "c=IN IP6 ff35::4321\r\n", "a=source-filter: incl "}, nil},
		{"written in full", strings.Replace(groupOffer("96"), "ff35::4321", "FF35:0::4321", 1), []string{"c=IN IP6 ff35::4321\r\n"}, nil},
		{"among other formats", groupOffer("0 96 8", "a=rtpmap:96 opus/48000/2"), []string{"RTP/AVP 96\r\n", "a=sendrecv\r\n"}, nil},
		{"with another packet time", groupOffer("96", "a=ptime:60"), []string{"a=ptime:60\r\n"}, nil},
		{"inactive for all", strings.Replace(groupOffer("96"), "t=0 0\r\n", "t=0 0\r\na=inactive\r\n", 1), []string{"a=inactive\r\n"}, nil},
		{"what is no description", "a=inactive\r\n", nil, ErrMalformed},
		{"beside video", groupOffer("96", "m=video 6000 RTP/AVP 31"), []string{"m=video 0 RTP/AVP 31\r\n"}, nil},
		{"another format", groupOffer("0"), nil, ErrNoCodec},
		{"its number for another codec", groupOffer("96", "a=rtpmap:96 L16/48000"), nil, ErrNoCodec},
		{"encrypted", strings.Replace(groupOffer("96"), "RTP/AVP", "RTP/SAVP", 1), nil, ErrTransport},
		{"only to send", groupOffer("96", "a=sendonly"), nil, ErrMulticast},
		{"another port", strings.Replace(groupOffer("96"), "5004", "5006", 1), nil, ErrMulticast},
		{"another group", strings.Replace(groupOffer("96"), "ff35::4321", "ff35::4322", 1), nil, ErrMulticast},
		{"no group", strings.Replace(groupOffer("96"), "ff35::4321", "2001:db8::2", 1), nil, ErrMulticast},
		{"no address", strings.Replace(groupOffer("96"), "c=IN IP6 ff35::4321\r\n", "", 1), nil, ErrMulticast},
		{"disabled", strings.Replace(groupOffer("96"), "5004", "0", 1), nil, ErrMulticast},
	} {
		body, err := AnswerGroup([]byte(row.offer), []byte(townHall), nil)
		if !errors.Is(err, row.err) || (row.err == nil) != (err == nil) {
			t.Errorf("%s: got %v, want %v", row.name, err, row.err)
		}
		for _, want := range row.want {
			if !strings.Contains(string(body), want) {
				t.Errorf("%s: got %q, want %q in it", row.name, body, want)
			}
		}
	}
}

func TestTheAnswerToASessionTakesItOrIsOfNoUse(t *testing.T) {
	for _, row := range []struct {
		name, answer string
		err          error
	}{
		{"taken", groupOffer("96", "a=rtpmap:96 opus/48000/2", "a=recvonly"), nil},
		{"none", "", ErrMalformed},
		{"declined", strings.Replace(groupOffer("96"), "5004", "0", 1), ErrNoAudio},
		{"another group", strings.Replace(groupOffer("96"), "ff35::4321", "ff35::1", 1), ErrMulticast},
		{"unicast", strings.Replace(groupOffer("96"), "ff35::4321", "2001:db8::2", 1), ErrMulticast},
		{"another codec", groupOffer("0"), ErrNoCodec},
		{"two streams", groupOffer("96", "m=video 0 RTP/AVP 31"), ErrMalformed},
	} {
		if err := AcceptGroup([]byte(townHall), []byte(row.answer)); !errors.Is(err, row.err) || (row.err == nil) != (err == nil) {
			t.Errorf("%s: got %v, want %v", row.name, err, row.err)
		}
	}
}

func TestTheVersionOfASessionGrowsWithWhatIsSaid(t *testing.T) {
	offer, err := OfferGroup([]byte(townHall), nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := AnswerGroup([]byte(groupOffer("96", "a=inactive")), []byte(townHall), offer)
	if err != nil || !strings.Contains(string(answer), "o=- 7 4 ") {
		t.Errorf("got %q, %v", answer, err)
	}
	later, err := OfferGroup([]byte(strings.Replace(townHall, "o=- 7 3 ", "o=- 7 90 ", 1)), answer)
	if err != nil || !strings.Contains(string(later), "o=- 7 90 ") {
		t.Errorf("got %q, %v", later, err)
	}
}

func FuzzAnswerGroup(f *testing.F) {
	f.Add([]byte(groupOffer("96", "a=rtpmap:96 opus/48000/2", "a=recvonly")))
	f.Add([]byte(groupOffer("0 96", "a=ptime:60", "a=inactive", "m=video 6000 RTP/AVP 31")))
	f.Add([]byte(strings.Replace(groupOffer("96"), "ff35::4321", "ff35::4321/127/3", 1)))
	f.Fuzz(func(t *testing.T, offer []byte) {
		body, err := AnswerGroup(offer, []byte(townHall), nil)
		if err != nil {
			return
		}
		want, there := Group(offer)
		if got, ok := Group(body); !there || !ok || got != want || want != netip.MustParseAddrPort("[ff35::4321]:5004") {
			t.Errorf("answered with %v, offered %v", got, want)
		}
		theirs, err := parse(offer)
		if err != nil {
			t.Fatal(err)
		}
		ours, err := parse(body)
		if err != nil || len(ours.MediaDescriptions) != len(theirs.MediaDescriptions) {
			t.Errorf("answered %q with %q, %v", offer, body, err)
		}
	})
}
