package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/confbridge/confbridge/bench/proc"
	"github.com/confbridge/confbridge/bench/sound/page"
	"github.com/confbridge/confbridge/bench/sound/phone"
	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/test/bridge"
)

// scene is one room, or a few, in which something is measured.
type scene interface {
	// title is what the scene is found by.
	title() string
	// begins is when in the run the scene begins: not all at once, so that the processor is never half taken.
	begins() time.Duration
	// prepare makes all sound that will be needed, before anything runs.
	prepare() error
	// live places the calls, plays, and hangs up, beginning at a time.
	live(ctx context.Context, b *bench, at time.Time) error
	// judge says what was heard, when all is over.
	judge(f *page.File) error
}

const (
	longest    = 4 * time.Minute
	apiTime    = 5 * time.Second
	mediaPorts = "28000-28999"
)

// bench is a running bridge, and the telephones that call it.
type bench struct {
	bridge       *bridge.Bridge
	lab          *phone.Lab
	conn         *grpc.ClientConn
	rooms        confbridgev1.RoomServiceClient
	participants confbridgev1.ParticipantServiceClient
}

// start runs a bridge of its own, on free ports of the loopback. Where they may, the bridge and the telephones go before all
// other work on the machine until stop: what is measured is the bridge, not its neighbours.
func start(ctx context.Context, binary, dir string) (*bench, error) {
	if !proc.Realtime(true) {
		fmt.Fprintln(os.Stderr, "no precedence is to be had: other work on this machine will be heard")
	}
	b := &bench{}
	var err error
	if b.bridge, err = bridge.Start(ctx, bridge.Config{Binary: binary, Dir: dir, MediaPorts: mediaPorts, MediaTimeout: 2 * longest}); err != nil {
		proc.Realtime(false)
		return nil, fmt.Errorf("bridge: %w", err)
	}
	if err = b.connect(); err != nil {
		return nil, errors.Join(err, b.stop())
	}
	return b, nil
}

func (b *bench) connect() error {
	server, err := netip.ParseAddrPort(b.bridge.UDP)
	if err != nil {
		return fmt.Errorf("bridge: %w", err)
	}
	if b.lab, err = phone.Open(server, longest); err != nil {
		return err
	}
	b.conn, err = grpc.NewClient("passthrough:///"+b.bridge.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy())
	if err != nil {
		return fmt.Errorf("API: %w", err)
	}
	b.rooms, b.participants = confbridgev1.NewRoomServiceClient(b.conn), confbridgev1.NewParticipantServiceClient(b.conn)
	return nil
}

// stop ends the bridge and the telephones.
func (b *bench) stop() error {
	var errs []error
	if b.conn != nil {
		errs = append(errs, b.conn.Close())
	}
	if b.lab != nil {
		errs = append(errs, b.lab.Close())
	}
	log, err := b.bridge.Stop()
	proc.Realtime(false)
	if err != nil {
		errs = append(errs, fmt.Errorf("bridge: %w\n%s", err, log))
	}
	for line := range strings.Lines(log) {
		fmt.Fprint(os.Stderr, "the bridge logs ", line)
	}
	return errors.Join(errs...)
}

// room makes a room. Its sound is not brought to a common level, unless leveled; talkers is how many are mixed, 0 for the
// bridge's own choice.
func (b *bench) room(ctx context.Context, number string, leveled bool, talkers int32) error {
	room := &confbridgev1.Room{Name: "rooms/" + number}
	room.MaxTalkers = talkers
	if !leveled {
		room.Agc = new(bool)
	}
	ctx, cancel := context.WithTimeout(ctx, apiTime)
	defer cancel()
	if _, err := b.rooms.CreateRoom(ctx, &confbridgev1.CreateRoomRequest{RoomId: number, Room: room}); err != nil {
		return fmt.Errorf("room %s: %w", number, err)
	}
	return nil
}

// in waits until a participant of that display name is in a room, and returns it.
func (b *bench) in(ctx context.Context, room, name string) (*confbridgev1.Participant, error) {
	ctx, cancel := context.WithTimeout(ctx, apiTime)
	defer cancel()
	for {
		resp, err := b.participants.ListParticipants(ctx, &confbridgev1.ListParticipantsRequest{Parent: "rooms/" + room, PageSize: 100})
		if err != nil {
			return nil, fmt.Errorf("participants of %s: %w", room, err)
		}
		for _, p := range resp.GetParticipants() {
			if p.GetDisplayName() == name {
				return p, nil
			}
		}
		if err := phone.Wait(ctx, time.Now().Add(20*time.Millisecond)); err != nil {
			return nil, fmt.Errorf("%s is not in %s: %w", name, room, err)
		}
	}
}

// play runs all scenes, each from its own time on, and says which failed.
func (b *bench) play(ctx context.Context, scenes []scene) map[string]error {
	runtime.GC()
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection now would be heard
	begun := time.Now().Add(200 * time.Millisecond)
	errs := make([]error, len(scenes))
	var all sync.WaitGroup
	for i, s := range scenes {
		all.Go(func() {
			if errs[i] = phone.Wait(ctx, begun.Add(s.begins())); errs[i] == nil {
				errs[i] = s.live(ctx, b, begun.Add(s.begins()+leadIn))
			}
		})
	}
	all.Wait()
	failed := map[string]error{}
	for i, s := range scenes {
		if errs[i] != nil {
			failed[s.title()] = errs[i]
		}
	}
	return failed
}

// leadIn is how long a scene has to place its calls.
const leadIn = 1500 * time.Millisecond

// header says what is measured, and on what.
func header(ctx context.Context, commit string) page.File {
	f := page.File{Date: time.Now().UTC().Truncate(time.Second), Commit: commit, Cores: runtime.NumCPU(), Go: runtime.Version()}
	f.CPU, f.Kernel = proc.Machine()
	if f.Commit != "" {
		return f
	}
	f.Commit = "unknown"
	if out, err := exec.CommandContext(ctx, "git", "rev-parse", "--short", "HEAD").Output(); err == nil {
		f.Commit = strings.TrimSpace(string(out))
		if exec.CommandContext(ctx, "git", "diff", "--quiet", "HEAD", "--", "*.go", "go.mod").Run() != nil {
			f.Commit += "+"
		}
	}
	return f
}
