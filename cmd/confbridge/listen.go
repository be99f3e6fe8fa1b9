package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/confbridge/confbridge/media"
	"github.com/confbridge/confbridge/media/session"
	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/mixer/jitter"
	"github.com/confbridge/confbridge/sipua/phone"
)

type listenCmd struct {
	Session string `arg:"" optional:"" placeholder:"SDP" help:"Description of the session: a file, or where to fetch it (http://, https://)."`

	Group       netip.AddrPort `placeholder:"ADDRESS:PORT" help:"In place of a description: the group, as 239.1.2.3:5004."`
	Codec       string         `placeholder:"NAME" default:"pcmu" enum:"pcmu,pcma,g722,opus,l16" help:"With --group: pcmu, pcma, g722, opus or l16 of 16 kHz (pcmu)."`
	PayloadType uint8          `name:"payload-type" placeholder:"N" help:"With --group: the payload type; without it that of the codec, or 96."`
	Source      []netip.Addr   `placeholder:"ADDRESS" help:"With --group: whom to hear; can be given more than once. Without it: anybody."`
	Interface   string         `placeholder:"NAME" help:"Interface to join on; without it that of the route."`

	secretFlags

	Record string        `placeholder:"WAV" help:"Write what is heard into this file."`
	For    time.Duration `placeholder:"TIME" default:"10s" help:"How long to listen (10s)."`
	JSON   bool          `name:"json" help:"Print the result as JSON."`
}

// Validate is called by the parser: a fault is one of usage.
func (cmd *listenCmd) Validate() error {
	switch {
	case (cmd.Session == "") == !cmd.Group.IsValid():
		return errors.New("what to listen to? A description, or --group")
	case cmd.Session != "" && (len(cmd.Source) > 0 || cmd.PayloadType != 0):
		return errors.New("--source and --payload-type: the description says them")
	case cmd.PayloadType > 127:
		return fmt.Errorf("--payload-type: %d is not 0 to 127", cmd.PayloadType)
	case cmd.For <= 0:
		return fmt.Errorf("--for: %v is not a time to listen", cmd.For)
	}
	return nil
}

// fetchTimeout bounds how long a description is waited for.
const fetchTimeout = 10 * time.Second

// firstDynamic is the payload type of codecs that have none of their own, where nothing is said.
const firstDynamic = 96

// Run joins the session and listens for cmd.For, or until ctx is done (Ctrl-C, no error). It is an error when nothing is heard.
func (cmd *listenCmd) Run(ctx context.Context, c *console) (err error) {
	s, err := cmd.session(ctx)
	if err != nil {
		return err
	}
	if err := cmd.unlock(&s); err != nil {
		return err
	}
	eng, err := media.NewEngine(media.Config{Timeout: cmd.For + time.Minute}) // silence is an answer too
	if err != nil {
		return err
	}
	leg, err := eng.Join(media.Membership{
		Group: s.Group, RTCPPort: s.RTCP().Port(), Interface: cmd.Interface, Sources: s.Sources, TTL: s.TTL, Key: s.Key,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, leg.Close()) }()
	if err := leg.Configure(media.Stream{Receive: true, Payloads: []media.Payload{{
		ReceiveType: s.Stream.PayloadType, SendType: s.Stream.PayloadType,
		Profile: codec.Profile{Format: s.Stream.Format},
	}}}); err != nil {
		return err
	}
	report, err := cmd.listen(ctx, leg, s)
	if err != nil {
		return err
	}
	return report.print(c, cmd.JSON)
}

// session is what to listen to: described, or put together of the flags.
func (cmd *listenCmd) session(ctx context.Context) (session.Session, error) {
	if cmd.Session == "" {
		s := session.Session{Group: cmd.Group, Sources: cmd.Source}
		s.Stream.Format = callFormats[cmd.Codec]
		s.Stream.Format.ClockRateHz = s.Stream.Format.SampleRateHz
		if cmd.Codec == "g722" {
			s.Stream.Format.ClockRateHz = 8000 // RFC 3551 §4.5.2
		}
		s.Stream.PayloadType = cmd.PayloadType
		if n, ok := staticTypes[cmd.Codec]; s.Stream.PayloadType == 0 {
			s.Stream.PayloadType = firstDynamic
			if ok {
				s.Stream.PayloadType = n
			}
		}
		return s, nil
	}
	text, err := cmd.fetch(ctx)
	if err != nil {
		return session.Session{}, err
	}
	s, err := session.Parse(text)
	if err != nil {
		return session.Session{}, fmt.Errorf("%s: %w", cmd.Session, err)
	}
	return s, nil
}

// unlock gives an encrypted session the key that it is decrypted by: that of the flags, or of its description.
func (cmd *listenCmd) unlock(s *session.Session) error {
	key, err := cmd.key()
	if err != nil {
		return err
	}
	if !key.IsZero() {
		s.Key = key
	}
	if s.Encrypted() && s.Key.IsZero() {
		return fmt.Errorf("%s: the session is encrypted, and its description has no key: give it by --key-file", cmd.Session)
	}
	return nil
}

// staticTypes are the payload types of RFC 3551 §6.
var staticTypes = map[string]uint8{"pcmu": 0, "pcma": 8, "g722": 9}

// fetch reads the description.
func (cmd *listenCmd) fetch(ctx context.Context) ([]byte, error) {
	if !strings.HasPrefix(cmd.Session, "http://") && !strings.HasPrefix(cmd.Session, "https://") {
		f, err := os.Open(cmd.Session)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return io.ReadAll(io.LimitReader(f, session.MaxBytes+1))
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, cmd.Session, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", session.ContentType)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", cmd.Session, resp.Status)
	}
	return io.ReadAll(io.LimitReader(resp.Body, session.MaxBytes+1))
}

// listen plays what comes into the file.
func (cmd *listenCmd) listen(ctx context.Context, leg *media.Leg, s session.Session) (report *listenReport, err error) {
	rateHz := s.Stream.Format.SampleRateHz
	hs := phone.Config{PlayRateHz: rateHz, HeardRateHz: rateHz}
	if cmd.Record != "" {
		rec, err := phone.CreateWAV(cmd.Record, rateHz)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, rec.Close()) }()
		hs.Heard = rec.Write
	}
	t := &tap{Leg: leg}
	p, err := phone.New(t, hs)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	listening, stop := context.WithTimeout(ctx, cmd.For)
	defer stop()
	if err := p.Run(listening); err != nil {
		return nil, err
	}
	stats := leg.Stats()
	if !t.heard {
		return nil, fmt.Errorf("nothing was heard from %s in %.1f s (%d packets were not of it)", s.Group, time.Since(start).Seconds(), stats.PacketsRejected)
	}
	slices.Sort(t.contributors)
	return &listenReport{
		Group: s.Group.String(), Name: s.Name, Codec: string(s.Stream.Format.Name), Seconds: time.Since(start).Seconds(),
		Source: stats.Source.Addr().String(), SSRC: t.ssrc, Contributors: t.contributors,
		Received: stats.PacketsReceived, Rejected: stats.PacketsRejected, Lost: stats.PacketsLost, Late: p.Stats().PacketsLate,
		JitterMS: float64(stats.Jitter) / float64(time.Millisecond), First: t.first, Last: t.last, Bye: stats.PeerBye,
	}, nil
}

// maxContributors bounds how many are told of.
const maxContributors = 1000

// tap is a leg that notes what comes through it.
type tap struct {
	*media.Leg
	heard        bool
	ssrc         uint32
	first, last  uint16
	contributors []uint32
}

// Receive is that of the leg, by way of the tap.
func (t *tap) Receive(now time.Time, in media.Inlet) error {
	return t.Leg.Receive(now, inletTap{in, t})
}

// inletTap is where the packets pass.
type inletTap struct {
	media.Inlet
	tap *tap
}

// Restart notes whose sound begins.
func (i inletTap) Restart(f codec.Format, source uint32) {
	t := i.tap
	t.ssrc, t.heard = source, false
	i.Inlet.Restart(f, source)
}

// Audio notes a packet.
func (i inletTap) Audio(p jitter.Packet) jitter.Verdict {
	t := i.tap
	if !t.heard {
		t.heard, t.first, t.last = true, p.Sequence, p.Sequence
	}
	if p.Sequence-t.last < 1<<15 {
		t.last = p.Sequence
	}
	for _, c := range t.Contributors() {
		if len(t.contributors) < maxContributors && !slices.Contains(t.contributors, c) {
			t.contributors = append(t.contributors, c)
		}
	}
	return i.Inlet.Audio(p)
}

// listenReport is what was heard, of the source that was heard last.
type listenReport struct {
	Group        string   `json:"group"`
	Name         string   `json:"name,omitempty"`
	Codec        string   `json:"codec"`
	Seconds      float64  `json:"seconds"`
	Source       string   `json:"source"`
	SSRC         uint32   `json:"ssrc"`
	Contributors []uint32 `json:"contributors,omitempty"` // who was mixed
	Received     uint64   `json:"packets_received"`
	Rejected     uint64   `json:"packets_rejected"` // of others, and what is no sound
	Lost         int64    `json:"packets_lost"`
	Late         uint64   `json:"packets_late"`
	JitterMS     float64  `json:"jitter_ms"`
	First        uint16   `json:"first_sequence"`
	Last         uint16   `json:"last_sequence"`
	Bye          bool     `json:"bye"` // the source has said goodbye
}

func (r *listenReport) print(c *console, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(c.stdout).Encode(r)
	}
	fmt.Fprintf(c.stdout, "%s: %s from %s, SSRC %08x, %.1f s\n", r.Group, r.Codec, r.Source, r.SSRC, r.Seconds)
	fmt.Fprintf(c.stdout, "heard %d packets, %d to %d, %d lost, %d late, jitter %.1f ms, %d of others\n",
		r.Received, r.First, r.Last, r.Lost, r.Late, r.JitterMS, r.Rejected)
	if len(r.Contributors) > 0 {
		names := make([]string, len(r.Contributors))
		for i, n := range r.Contributors {
			names[i] = fmt.Sprintf("%08x", n)
		}
		fmt.Fprintf(c.stdout, "mixed of %s\n", strings.Join(names, " "))
	}
	if r.Bye {
		fmt.Fprintln(c.stdout, "the source has said goodbye")
	}
	return nil
}
