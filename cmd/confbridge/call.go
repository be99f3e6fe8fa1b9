package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/confbridge/confbridge/media"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/sipua"
	"github.com/confbridge/confbridge/sipua/phone"
)

type callCmd struct {
	URI    string        `arg:"" name:"uri" help:"Whom to call, as sip:1000@127.0.0.1:5060."`
	Play   string        `placeholder:"WAV" help:"Sound to say; without it the call is silent."`
	Record string        `placeholder:"WAV" help:"Write what is heard into this file."`
	Codec  string        `placeholder:"NAME" default:"pcmu" enum:"pcmu,pcma,g722,opus,l16" help:"pcmu, pcma, g722, opus or l16 (pcmu)."`
	Ptime  int           `placeholder:"MS" default:"20" help:"Milliseconds of sound in a packet, both ways: 10, 20, 30, 40 or 60 (20)."`
	For    time.Duration `placeholder:"TIME" default:"10s" help:"How long to stay (10s)."`
	Name   string        `placeholder:"NAME" help:"Who calls; shown in the room."`
	DTMF   string        `name:"dtmf" placeholder:"KEYS" help:"Keys to press, as 12#; a comma waits for a second."`
	JSON   bool          `name:"json" help:"Print the result as JSON."`

	User     string `placeholder:"NAME" help:"Name for a bridge that asks for a password."`
	Password string `placeholder:"SECRET" help:"Password to that name (CONFBRIDGE_CALL_PASSWORD)."`
	Insecure bool   `help:"Take any certificate: of a bridge that has made its own."`
	SCTPUDP  uint16 `name:"sctp-udp" placeholder:"PORT" help:"Send SCTP inside UDP, to that port of the bridge (RFC 6951)."`
}

// maxKeys bounds --dtmf.
const maxKeys = 64

// Validate is called by the parser: a fault is one of usage.
func (cmd *callCmd) Validate() error {
	if !strings.HasPrefix(cmd.URI, "sip:") && !strings.HasPrefix(cmd.URI, "sips:") {
		return fmt.Errorf("%q is not of the form sip:1000@127.0.0.1:5060", cmd.URI)
	}
	if cmd.Password != "" && cmd.User == "" {
		return errors.New("--password: whose? --user is missing")
	}
	if !slices.Contains([]int{10, 20, 30, 40, 60}, cmd.Ptime) {
		return fmt.Errorf("--ptime: %d is not 10, 20, 30, 40 or 60", cmd.Ptime)
	}
	if cmd.For <= 0 {
		return fmt.Errorf("--for: %v is not a time to stay", cmd.For)
	}
	if len(cmd.DTMF) > maxKeys {
		return fmt.Errorf("--dtmf: more than %d keys", maxKeys)
	}
	if i := strings.IndexFunc(cmd.DTMF, func(r rune) bool { return !strings.ContainsRune("0123456789*#ABCD,", r) }); i >= 0 {
		return fmt.Errorf("--dtmf: %q is no key; 0 to 9, *, #, A to D are", cmd.DTMF[i:i+1])
	}
	if need := phone.KeyTime(cmd.DTMF); need > cmd.For {
		return fmt.Errorf("--dtmf: %d keys take %v, which is longer than --for %v", len(cmd.DTMF), need, cmd.For)
	}
	return nil
}

// Run places the call and stays for cmd.For, or until the other end hangs up or ctx is done (Ctrl-C: hang up, no error).
func (cmd *callCmd) Run(ctx context.Context, c *console) error {
	return placeCall(ctx, c, cmd)
}

// hangupTimeout bounds how long the BYE's answer is waited for.
const hangupTimeout = 5 * time.Second

// callReport is what a call came to.
type callReport struct {
	URI     string  `json:"uri"`
	CallID  string  `json:"call_id"`
	Codec   string  `json:"codec"`
	Ptime   int     `json:"ptime"` // milliseconds of sound in a packet of ours
	Seconds float64 `json:"seconds"`
	// EndedBy is "us" or "them"; Reason is what they gave for it.
	EndedBy string `json:"ended_by"`
	Reason  string `json:"reason,omitempty"`
	// What was heard, in RTP packets.
	Received uint64 `json:"packets_received"`
	Lost     uint64 `json:"packets_lost"`
	Late     uint64 `json:"packets_late"`
}

// callFormats are the values of --codec: what is offered, and the rate that sound is played and recorded at.
var callFormats = map[string]codec.Format{
	"pcmu": {Name: codec.PCMU, SampleRateHz: 8000},
	"pcma": {Name: codec.PCMA, SampleRateHz: 8000},
	"g722": {Name: codec.G722, SampleRateHz: 16000},
	"opus": {Name: codec.Opus, SampleRateHz: 48000},
	"l16":  {Name: codec.L16, SampleRateHz: 16000},
}

// placeCall calls, talks and listens, hangs up and tells how it went. Everything that can fail without a call is done
// before it.
func placeCall(ctx context.Context, c *console, cmd *callCmd) (err error) {
	rateHz := callFormats[cmd.Codec].SampleRateHz
	hs := phone.Config{PlayRateHz: rateHz, HeardRateHz: rateHz, Digits: cmd.DTMF}
	if cmd.Play != "" {
		if hs.Play, err = phone.LoadWAV(cmd.Play, rateHz); err != nil {
			return err
		}
	}
	if cmd.Record != "" {
		rec, err := phone.CreateWAV(cmd.Record, rateHz)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, rec.Close()) }()
		hs.Heard = rec.Write
	}
	// Ports other than the bridge's defaults: both may run on one machine.
	eng, err := media.NewEngine(media.Config{PortMin: 10000, PortMax: 19999})
	if err != nil {
		return err
	}
	if cmd.User != "" && cmd.Password == "" {
		cmd.Password = c.getenv("CONFBRIDGE_CALL_PASSWORD")
	}
	client, err := sipua.NewClient(ctx, cmd.client(), eng)
	if err != nil {
		return err
	}
	report, err := talk(ctx, client, cmd, hs)
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), hangupTimeout)
	defer cancel()
	if err = errors.Join(err, client.Close(closing)); err != nil {
		return err
	}
	return report.print(c, cmd.JSON)
}

// client is how the call goes out. A transport that can be dialled from a listener's socket only gets one.
func (cmd *callCmd) client() sipua.ClientConfig {
	var cfg sipua.ClientConfig
	cfg.Transport.TLS.Insecure = cmd.Insecure
	switch {
	case cmd.SCTPUDP != 0:
		cfg.Listen = []string{"udp://0.0.0.0:0", "sctp+udp://0.0.0.0:0"}
		cfg.Transport.SCTP.PeerUDPPort = cmd.SCTPUDP
	case strings.Contains(strings.ToLower(cmd.URI), ";transport=sctp"):
		cfg.Listen = []string{"udp://0.0.0.0:0", "sctp://0.0.0.0:0"}
	}
	return cfg
}

// talk is the call itself, from dialling to hanging up.
func talk(ctx context.Context, client *sipua.Client, cmd *callCmd, hs phone.Config) (*callReport, error) {
	call, err := client.Dial(ctx, sipua.DialConfig{
		URI: cmd.URI, DisplayName: cmd.Name, Codecs: []codec.Name{callFormats[cmd.Codec].Name},
		Packet: time.Duration(cmd.Ptime) * time.Millisecond,
		User:   cmd.User, Password: cmd.Password,
	})
	if err != nil {
		return nil, err // it names the call
	}
	defer func() { _ = call.Leg().Close() }() // sockets of a call that is over
	report, err := converse(ctx, cmd, hs, call)
	if err != nil {
		return nil, fmt.Errorf("call %q: %w", cmd.URI, err)
	}
	return report, nil
}

// converse is the call from its answer on.
func converse(ctx context.Context, cmd *callCmd, hs phone.Config, call *sipua.OutCall) (*callReport, error) {
	p, err := phone.New(call.Leg(), hs)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	runErr := talkUntilDone(ctx, cmd.For, call, p)

	report := &callReport{
		URI: cmd.URI, CallID: call.CallID(), Codec: string(call.Leg().Format().Name),
		Ptime: int(call.Leg().Profile().PacketTime().Milliseconds()), EndedBy: "us",
		Seconds: time.Since(start).Seconds(),
	}
	select {
	case <-call.Done():
		report.EndedBy = "them"
	default:
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), hangupTimeout)
	defer cancel()
	if err := errors.Join(runErr, call.Hangup(closing)); err != nil {
		return nil, err
	}
	for _, r := range call.Reasons() {
		report.Reason = r.Text
	}
	stats := p.Stats()
	report.Received, report.Lost, report.Late = stats.PacketsReceived, stats.PacketsLost, stats.PacketsLate
	if report.Received == 0 && report.Seconds > 1 {
		return nil, errors.New("was answered, but no sound came from there")
	}
	return report, nil
}

// talkUntilDone runs the handset for d, until the other end hangs up, or until ctx is done.
func talkUntilDone(ctx context.Context, d time.Duration, call *sipua.OutCall, p *phone.Phone) error {
	talking, stop := context.WithTimeout(ctx, d)
	var watcher sync.WaitGroup
	defer watcher.Wait()
	defer stop()
	watcher.Go(func() {
		select {
		case <-call.Done():
			stop()
		case <-talking.Done():
		}
	})
	return p.Run(talking)
}

func (r *callReport) print(c *console, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(c.stdout).Encode(r)
	}
	end := "hung up"
	if r.EndedBy == "them" {
		end = "the other end hung up"
		if r.Reason != "" {
			end += ": " + r.Reason
		}
	}
	fmt.Fprintf(c.stdout, "%s: %s, %.1f s, heard %d packets, %d lost, %d late; %s\n",
		r.URI, r.Codec, r.Seconds, r.Received, r.Lost, r.Late, end)
	return nil
}
