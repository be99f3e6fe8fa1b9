package entry

import (
	"context"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/jitter"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/access"
	"github.com/confbridge/confbridge/rooms/dialplan"
	"github.com/confbridge/confbridge/rooms/sounds"
)

// talker is a telephone whose user says something for two seconds once the tone has been heard, or nothing.
type talker struct {
	fakeLeg
	talks bool

	encoder codec.Encoder
	seq     uint16
	at      int // samples since it was connected
}

func (l *talker) Receive(now time.Time, in rooms.Inlet) error {
	if err := l.fakeLeg.Receive(now, in); err != nil {
		return err
	}
	if l.seq == 0 {
		in.Restart(l.Profile().Format, 1)
	}
	var pcm [160]int16
	for i := range pcm {
		l.at++
		if syllable := l.at / 1600 % 3; l.talks && syllable < 2 {
			pcm[i] = int16(6000 * math.Sin(math.Pi*float64(l.at%1600)/1600) * math.Sin(2*math.Pi*float64(150+50*syllable)*float64(l.at)/8000))
		}
	}
	var payload [160]byte
	n, err := l.encoder.Encode(payload[:], pcm[:])
	if err != nil {
		return err
	}
	in.Audio(jitter.Packet{Sequence: l.seq, Timestamp: uint32(l.seq) * 160, Samples: 160, Arrival: now.Add(-5 * time.Millisecond), Payload: payload[:n]})
	l.seq++
	return nil
}

// roomWords is what rooms say, by name.
type roomWords struct {
	roomVoice
	mu   sync.Mutex
	said []string
}

func (v *roomWords) has(name string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Contains(v.said, name)
}

func (v *roomWords) Prompt(voice, name string) *mixer.Clip {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.said = append(v.said, name)
	return v.roomVoice.Prompt(voice, name)
}

func (v *roomWords) Clip(_ context.Context, voice, name string) (*mixer.Clip, error) {
	return v.Prompt(voice, name), nil
}

// callTalking is a call to a number by a talker.
func (b *bridge) callTalking(number string, talks bool) (caller, *talker) {
	b.Helper()
	p, err := b.desk.Admit(b.ctx, number, rooms.Caller{DisplayName: "Ann"})
	if err != nil {
		b.Fatal(err)
	}
	leg := &talker{talks: talks}
	if leg.encoder, err = codec.NewEncoder(leg.Profile()); err != nil {
		b.Fatal(err)
	}
	if err := p.Join(b.ctx, leg); err != nil {
		b.Fatal(err)
	}
	return caller{p, &leg.fakeLeg}, leg
}

// atNames runs f on a bridge whose rooms ask for names.
func atNames(t *testing.T, speech rooms.Speech, f func(b *bridge, said *roomWords)) {
	t.Helper()
	said := &roomWords{}
	of := rooms.Config{OnDemand: true, Sounds: said, Defaults: rooms.Settings{
		Modes: rooms.Modes{RecordNames: true}, Speech: speech,
	}}
	cfg := Config{Numbers: []dialplan.Number{{Dialled: "7", Room: "7000"}}}
	inBubbleOf(t, cfg, of, func(b *bridge) {
		yes := true
		for _, number := range []string{"1000", "3000", "4000"} {
			if _, err := b.rooms.Update(b.ctx, number, rooms.SettingsPatch{ModesPatch: rooms.ModesPatch{RecordNames: &yes}}); err != nil {
				t.Fatal(err)
			}
		}
		f(b, said)
	})
}

func TestNamesAreAskedForBehindThePIN(t *testing.T) {
	words := rooms.Speech{Announce: rooms.AnnounceWords}
	small := rooms.Speech{Announce: rooms.AnnounceWords, AnnounceLimit: 1}
	for _, row := range []struct {
		name     string
		number   string
		announce rooms.Speech
		talks    bool
		steps    []step
		want     outcome
		told     string // of who comes
	}{
		{
			"said, and the pound key", "1000", words, true,
			[]step{{3 * time.Second, "1357#"}, {3500 * time.Millisecond, "#"}},
			outcome{room: "1000", said: asked + " record-name entering"},
			sounds.HasJoined,
		},
		{
			"said, and other keys, and no more", "1000", words, true,
			[]step{{3 * time.Second, "1357#"}, {2 * time.Second, "12*"}, {4 * time.Second, ""}},
			outcome{room: "1000", said: asked + " record-name entering"},
			sounds.HasJoined,
		},
		{
			"nothing said", "1000", words, false,
			[]step{{3 * time.Second, "1357#"}, {6 * time.Second, ""}},
			outcome{room: "1000", said: asked + " record-name entering"},
			sounds.SomebodyJoined,
		},
		{
			"the pound key before the tone is for who will not", "1000", words, true,
			[]step{{3 * time.Second, "1357#"}, {500 * time.Millisecond, "#"}, {100 * time.Millisecond, ""}},
			outcome{room: "1000", said: asked + " record-name entering"},
			sounds.SomebodyJoined,
		},
		{
			"the pound key right behind the tone", "1000", words, true,
			[]step{{3 * time.Second, "1357#"}, {1350 * time.Millisecond, "#"}},
			outcome{room: "1000", said: asked + " record-name entering"},
			sounds.SomebodyJoined,
		},
		{
			"a room without a PIN", "3000", words, true,
			[]step{{3 * time.Second, ""}, {4 * time.Second, ""}},
			outcome{room: "3000", said: "welcome record-name entering"},
			sounds.HasJoined,
		},
		{
			"a room on demand", "7", words, true,
			[]step{{3 * time.Second, ""}, {4 * time.Second, ""}},
			outcome{room: "7000", said: "welcome record-name entering"},
			sounds.HasJoined,
		},
		{
			"a room that is locked says so behind it", "4000", words, true,
			[]step{{3 * time.Second, "1357#"}, {8 * time.Second, ""}},
			outcome{why: rooms.ReasonRoomLocked, said: asked + " record-name conference-locked goodbye"},
			"",
		},
		{
			"nobody is asked where names are not said", "1000",
			rooms.Speech{Announce: rooms.AnnounceTone},
			true,
			[]step{{3 * time.Second, "1357#"}},
			outcome{room: "1000", said: asked + " entering"},
			"",
		},
		{
			"nobody is asked where so many are there that none is said", "1000", small, true,
			[]step{{3 * time.Second, "1357#"}},
			outcome{room: "1000", said: asked + " entering"},
			"",
		},
		{
			"the last of whom the name is said is asked", "1000",
			rooms.Speech{Announce: rooms.AnnounceWords, AnnounceLimit: 2},
			true,
			[]step{{3 * time.Second, "1357#"}, {3500 * time.Millisecond, "#"}},
			outcome{room: "1000", said: asked + " record-name entering"},
			sounds.HasJoined,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			atNames(t, row.announce, func(b *bridge, said *roomWords) {
				for _, number := range []string{"1000", "3000", "7000"} { // somebody is there who is told
					p, err := b.rooms.Admit(b.ctx, number, rooms.Caller{DisplayName: "Zoe"})
					if err != nil {
						t.Fatal(err)
					}
					if err := p.Join(b.ctx, &fakeLeg{}); err != nil {
						t.Fatal(err)
					}
					defer p.Leave(rooms.ReasonHangup)
				}
				c, _ := b.callTalking(row.number, row.talks)
				for _, s := range row.steps {
					time.Sleep(s.after)
					c.leg.press(s.keys)
				}
				time.Sleep(time.Second)
				want := row.want
				if want.room != "" {
					want.name = "Ann"
				}
				if got := b.of(c); got != want {
					t.Errorf("got %+v, want %+v", got, want)
				}
				for _, name := range []string{sounds.HasJoined, sounds.SomebodyJoined} {
					if said.has(name) != (name == row.told) {
						t.Errorf("%q is said: %v, want %q", name, said.has(name), row.told)
					}
				}
				c.Leave(rooms.ReasonHangup)
			})
		})
	}
}

func TestWhoHangsUpWhileSayingANameIsNowhere(t *testing.T) {
	for _, after := range []time.Duration{500 * time.Millisecond, 2 * time.Second} { // as it is asked, and behind the tone
		t.Run(after.String(), func(t *testing.T) {
			atNames(t, rooms.Speech{Announce: rooms.AnnounceWords}, func(b *bridge, _ *roomWords) {
				guest, pin, err := b.desk.Invite(b.ctx, "1000", access.Invitation{Name: "Zoe"}, 8)
				if err != nil {
					t.Fatal(err)
				}
				c, _ := b.callTalking("1000", true)
				time.Sleep(3 * time.Second)
				c.leg.press(pin.Reveal() + "#")
				time.Sleep(200*time.Millisecond + after)
				if got := b.of(c).said; !strings.HasSuffix(got, sounds.RecordName) {
					t.Fatalf("what is said is %q", got)
				}
				c.Leave(rooms.ReasonHangup)
				if got := b.of(c); got.why != rooms.ReasonHangup {
					t.Errorf("got %+v", got)
				}
				info, err := b.rooms.Info(b.ctx, "1000")
				if err != nil || info.Participants != 0 {
					t.Errorf("%d are there, %v", info.Participants, err)
				}
				_, _, invited := info.PINs.Kept()
				for _, i := range invited {
					if i.ID == guest.ID && !i.Used.IsZero() {
						t.Error("the invitation is used up, and nobody has come")
					}
				}
			})
		})
	}
}
