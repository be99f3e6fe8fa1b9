package main

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
)

type participantsCmd struct {
	List    participantsListCmd    `cmd:"" help:"List who is in a room."`
	Show    participantsShowCmd    `cmd:"" help:"Show one participant."`
	Mute    participantsMuteCmd    `cmd:"" help:"Let nobody hear a participant."`
	Unmute  participantsUnmuteCmd  `cmd:"" help:"Let everybody hear a participant again."`
	Deaf    participantsDeafCmd    `cmd:"" help:"Let a participant hear nobody."`
	Undeaf  participantsUndeafCmd  `cmd:"" help:"Let a participant hear everybody again."`
	Gain    participantsGainCmd    `cmd:"" help:"Make a participant louder or quieter for the others."`
	Hearing participantsHearingCmd `cmd:"" help:"Make the others louder or quieter for a participant."`
	Whisper participantsWhisperCmd `cmd:"" help:"Let one other participant, and nobody else, hear a participant."`
	Role    participantsRoleCmd    `cmd:"" help:"Make a participant a speaker, a moderator or a listener."`
	Kick    participantsKickCmd    `cmd:"" help:"Hang up on a participant, or stop calling one."`
	Dial    participantsDialCmd    `cmd:"" help:"Call somebody into a room."`
	Dials   participantsDialsCmd   `cmd:"" help:"List who is being called into a room."`
	Dtmf    participantsDtmfCmd    `cmd:"" help:"Press keys at a participant's telephone."`
	meetingCmds
}

// participantArg is a command's participant.
type participantArg struct {
	Room string `arg:"" help:"Number of the room, as 1000."`
	ID   string `arg:"" help:"The participant's id, as the list has it."`
}

func (a participantArg) name() string { return roomName(a.Room) + "/participants/" + a.ID }

// id is a participant's id, off the name.
func id(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

type participantsListCmd struct {
	apiFlags
	roomArg
}

func (cmd *participantsListCmd) Run(ctx context.Context, c *console) error {
	return cmd.call(ctx, func(ctx context.Context, api client) error {
		all, err := listParticipants(ctx, api, cmd.Room)
		if err != nil {
			return err
		}
		if cmd.JSON {
			return printJSON(c.stdout, all, true)
		}
		return participantTable(all.GetParticipants(), c.now()).print(c.stdout)
	})
}

// listParticipants is all pages of a room.
func listParticipants(ctx context.Context, api client, room string) (*confbridgev1.ListParticipantsResponse, error) {
	all := &confbridgev1.ListParticipantsResponse{}
	for token := ""; ; {
		page, err := api.participants.ListParticipants(ctx, &confbridgev1.ListParticipantsRequest{
			Parent: roomName(room), PageSize: 1000, PageToken: token,
		})
		if err != nil {
			return nil, err
		}
		all.Participants = append(all.Participants, page.GetParticipants()...)
		if token = page.GetNextPageToken(); token == "" {
			return all, nil
		}
	}
}

func participantTable(participants []*confbridgev1.Participant, now time.Time) *table {
	t := &table{
		first:  2,
		typed:  true,
		header: []string{"ID", "NO", "NAME", "ROLE", "STATE", "DBFS", "GAIN", "CODEC", "LOST", "FOR"},
		right:  []bool{false, true, false, false, false, true, true, false, true, true},
	}
	for _, p := range participants {
		t.add(id(p.GetName()), strconv.Itoa(int(p.GetNumber())), called(p), role(p), state(p), level(p), decibels(p.GetGainDb()), codecOf(p), lost(p.GetMedia()),
			span(now.Sub(p.GetJoinTime().AsTime())))
	}
	return t
}

// called is what to call a participant: the name, or else the address.
func called(p *confbridgev1.Participant) string {
	if p.GetDisplayName() != "" {
		return p.GetDisplayName()
	}
	return p.GetAddress()
}

func role(p *confbridgev1.Participant) string {
	return strings.ToLower(strings.TrimPrefix(p.GetRole().String(), "ROLE_"))
}

// level is how loud a participant is at the moment, in the few columns of a list.
func level(p *confbridgev1.Participant) string {
	return strings.TrimSuffix(dbfs(p.GetLevelDbfs()), " dBFS")
}

// state is what a participant does and what is done to it. Who leads, of those who talk, is the one whom the conference listens to.
func state(p *confbridgev1.Participant) string {
	all := standing(p)
	for _, s := range []struct {
		is   bool
		name string
	}{{p.GetKind() == confbridgev1.ParticipantKind_PARTICIPANT_KIND_SESSION, "session"}, {p.GetDominant(), "leads"}, {p.GetTalking() && !p.GetDominant(), "talking"}, {p.GetMuted(), "muted"}, {p.GetDeaf(), "deaf"}, {p.GetWhisperTo() != "", "whispering"}} {
		if s.is {
			all = append(all, s.name)
		}
	}
	if len(all) == 0 {
		return "-"
	}
	return strings.Join(all, ",")
}

func decibels(db float64) string {
	if db == 0 {
		return "0 dB"
	}
	return fmt.Sprintf("%+.3g dB", db)
}

// codecOf is what a participant speaks, in the few columns of a list: all else in the list is about what comes in as well. Before
// anything has come it is what the participant is sent.
func codecOf(p *confbridgev1.Participant) string {
	return codecName(cmp.Or(p.GetReceivedFormat(), p.GetFormat()))
}

func codecName(f *confbridgev1.AudioFormat) string {
	return fmt.Sprintf("%s/%g", f.GetCodec(), float64(f.GetSampleRateHz())/1000)
}

// codecFields are what the two ways of a call are coded with: one line where they are the same, as in most calls.
func codecFields(p *confbridgev1.Participant) [][2]string {
	of := func(f *confbridgev1.AudioFormat) string {
		return fmt.Sprintf("%s, packets of %s", codecName(f), milliseconds(f.GetPacketTime()))
	}
	sent, received := p.GetFormat(), p.GetReceivedFormat()
	switch {
	case received == nil:
		return [][2]string{{"codec", of(sent) + "; nothing has come in yet"}}
	case of(sent) == of(received):
		return [][2]string{{"codec", of(sent)}}
	}
	return [][2]string{{"codec received", of(received)}, {"codec sent", of(sent)}}
}

// lost is the share of packets that were not there when they were needed.
func lost(m *confbridgev1.MediaStats) string {
	missing := m.GetPacketsLost() + m.GetPacketsLate() + m.GetPacketsDiscarded()
	all := m.GetPacketsReceived() + m.GetPacketsLost()
	if all == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f%%", 100*float64(missing)/float64(all))
}

type participantsShowCmd struct {
	apiFlags
	participantArg
}

func (cmd *participantsShowCmd) Run(ctx context.Context, c *console) error {
	return cmd.call(ctx, func(ctx context.Context, api client) error {
		p, err := api.participants.GetParticipant(ctx, &confbridgev1.GetParticipantRequest{Name: cmd.name()})
		if err != nil {
			return err
		}
		if cmd.JSON {
			return printJSON(c.stdout, p, true)
		}
		return c.showParticipant(p)
	})
}

func (c *console) showParticipant(p *confbridgev1.Participant) error {
	all := append(c.personFields(p), mediaFields(p.GetMedia())...)
	all = append(all, heardFields(p.GetQuality().GetHeard())...)
	return fields(c.stdout, append(all, hearsFields(p.GetQuality().GetHears(), c.now())...)...)
}

// personFields are who the participant is and what it does.
func (c *console) personFields(p *confbridgev1.Participant) [][2]string {
	return append([][2]string{
		{"name", p.GetName()},
		{"display name", p.GetDisplayName()},
		{"number", strconv.Itoa(int(p.GetNumber()))},
		{"address", p.GetAddress()},
		{"call id", p.GetCallId()},
		{"role", role(p)},
		{"talking", yesNo(p.GetTalking())},
		{"dominant", yesNo(p.GetDominant())},
		{"place", words(p.GetPlace().String(), "PLACE_")},
		{"hand", handOf(p)},
		{"has the floor", yesNo(p.GetHasFloor())},
		{"level", dbfs(p.GetLevelDbfs())},
		{"muted", mutedOf(p)},
		{"deaf", yesNo(p.GetDeaf())},
		{"gain", decibels(p.GetGainDb())},
		{"hearing gain", decibels(p.GetHearingGainDb())},
		{"whispers to", cmp.Or(p.GetWhisperTo(), "nobody in particular")},
		{"joined", c.stamp(p.GetJoinTime().AsTime())},
	}, codecFields(p)...)
}

// mediaFields are what became of the packets that came in.
func mediaFields(m *confbridgev1.MediaStats) [][2]string {
	count := func(n uint64) string { return strconv.FormatUint(n, 10) }
	rounded := func(d *durationpb.Duration) string { return d.AsDuration().Round(time.Millisecond).String() }
	return [][2]string{
		{"packets received", count(m.GetPacketsReceived())},
		{"packets lost", count(m.GetPacketsLost())},
		{"packets late", count(m.GetPacketsLate())},
		{"packets discarded", count(m.GetPacketsDiscarded())},
		{"concealed", rounded(m.GetConcealed())},
		{"recovered", rounded(m.GetRecovered())},
		{"stretched", rounded(m.GetStretched())},
		{"cut", rounded(m.GetCut())},
		{"buffer delay", rounded(m.GetBufferDelay())},
	}
}

// set changes what the mask names of a participant and says that it is done.
func (f apiFlags) set(
	ctx context.Context, c *console, who participantArg, p *confbridgev1.Participant, mask *fieldmaskpb.FieldMask, done string,
) error {
	p.Name = who.name()
	return f.call(ctx, func(ctx context.Context, api client) error {
		got, err := api.participants.UpdateParticipant(ctx, &confbridgev1.UpdateParticipantRequest{
			Participant: p, UpdateMask: mask,
		})
		if err != nil {
			return err
		}
		return f.print(c.stdout, got, "%s: %s", got.GetName(), done)
	})
}

type participantsMuteCmd struct {
	apiFlags
	participantArg
}

func (cmd *participantsMuteCmd) Run(ctx context.Context, c *console) error {
	return cmd.set(ctx, c, cmd.participantArg, &confbridgev1.Participant{Muted: true}, paths("muted"), "muted")
}

type participantsUnmuteCmd struct {
	apiFlags
	participantArg
}

func (cmd *participantsUnmuteCmd) Run(ctx context.Context, c *console) error {
	return cmd.set(ctx, c, cmd.participantArg, &confbridgev1.Participant{}, paths("muted"), "unmuted")
}

type participantsDeafCmd struct {
	apiFlags
	participantArg
}

func (cmd *participantsDeafCmd) Run(ctx context.Context, c *console) error {
	return cmd.set(ctx, c, cmd.participantArg, &confbridgev1.Participant{Deaf: true}, paths("deaf"), "deaf")
}

type participantsUndeafCmd struct {
	apiFlags
	participantArg
}

func (cmd *participantsUndeafCmd) Run(ctx context.Context, c *console) error {
	return cmd.set(ctx, c, cmd.participantArg, &confbridgev1.Participant{}, paths("deaf"), "hears again")
}

type participantsGainCmd struct {
	apiFlags
	participantArg
	DB float64 `arg:"" name:"db" help:"Decibels, -30 to 30; 0 leaves it as it is."`
}

func (cmd *participantsGainCmd) Run(ctx context.Context, c *console) error {
	return cmd.set(ctx, c, cmd.participantArg, &confbridgev1.Participant{GainDb: cmd.DB}, paths("gain_db"),
		"gain "+decibels(cmd.DB))
}

type participantsHearingCmd struct {
	apiFlags
	participantArg
	DB float64 `arg:"" name:"db" help:"Decibels, -30 to 30; 0 leaves it as it is."`
}

func (cmd *participantsHearingCmd) Run(ctx context.Context, c *console) error {
	return cmd.set(ctx, c, cmd.participantArg, &confbridgev1.Participant{HearingGainDb: cmd.DB}, paths("hearing_gain_db"),
		"hears others by "+decibels(cmd.DB))
}

type participantsWhisperCmd struct {
	apiFlags
	participantArg
	To string `arg:"" optional:"" help:"Id of who is to hear; none: everybody hears the participant again."`
}

func (cmd *participantsWhisperCmd) Run(ctx context.Context, c *console) error {
	done := "heard by everybody"
	if cmd.To != "" {
		done = "heard by " + cmd.To + " alone"
	}
	return cmd.set(ctx, c, cmd.participantArg, &confbridgev1.Participant{WhisperTo: cmd.To}, paths("whisper_to"), done)
}

type participantsRoleCmd struct {
	apiFlags
	participantArg
	Role string `arg:"" enum:"speaker,moderator,listener" help:"speaker, moderator or listener."`
}

func (cmd *participantsRoleCmd) Run(ctx context.Context, c *console) error {
	r := confbridgev1.Role(confbridgev1.Role_value["ROLE_"+strings.ToUpper(cmd.Role)])
	return cmd.set(ctx, c, cmd.participantArg, &confbridgev1.Participant{Role: r}, paths("role"), "is a "+cmd.Role)
}
