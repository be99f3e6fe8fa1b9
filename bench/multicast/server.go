package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
)

// The addresses of the bridge.
const (
	sipAddress  = bridgeAddress + ":5060"
	grpcAddress = bridgeAddress + ":50051"
)

const serverConfig = `sip:
  listen: ["udp://` + sipAddress + `"]
  anonymous: allow
api:
  grpc: ` + grpcAddress + `
data_dir: %s
log: {level: warn}
`

// room is the one that is measured.
const room = "1000"

// server is the bridge.
type server struct {
	dir           string
	cmd           *exec.Cmd
	conn          *grpc.ClientConn
	distributions confbridgev1.DistributionServiceClient
	groups        int
}

// startServer starts the bridge, with a room.
func startServer(ctx context.Context, o options) (*server, error) {
	dir, err := os.MkdirTemp("", "confbridge-multicast-")
	if err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	s := &server{dir: dir}
	file := filepath.Join(dir, "confbridge.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, serverConfig, filepath.Join(dir, "data")), 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("server: %w", err), s.stop())
	}
	s.cmd = on(ctx, o.host, serverCPU, o.server, "serve", "--config", file)
	s.cmd.Stderr = os.Stderr
	s.cmd.Cancel = func() error { return s.cmd.Process.Signal(syscall.SIGTERM) }
	if err := s.cmd.Start(); err != nil {
		s.cmd = nil
		return nil, errors.Join(fmt.Errorf("server: %w", err), s.stop())
	}
	if s.conn, err = grpc.NewClient("passthrough:///"+grpcAddress, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy()); err != nil {
		return nil, errors.Join(fmt.Errorf("server: %w", err), s.stop())
	}
	s.distributions = confbridgev1.NewDistributionServiceClient(s.conn)
	ready, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	_, err = confbridgev1.NewRoomServiceClient(s.conn).CreateRoom(ready, &confbridgev1.CreateRoomRequest{RoomId: room, Room: &confbridgev1.Room{}}, grpc.WaitForReady(true))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("server: %w", err), s.stop())
	}
	return s, nil
}

// stop ends it.
func (s *server) stop() error {
	var err error
	if s.conn != nil {
		err = s.conn.Close()
	}
	if s.cmd != nil {
		err = errors.Join(err, s.cmd.Process.Signal(syscall.SIGTERM), s.cmd.Wait())
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}

// send has the room sent to n groups.
func (s *server) send(ctx context.Context, n int) error {
	for ; s.groups < n; s.groups++ {
		_, err := s.distributions.CreateDistribution(ctx, &confbridgev1.CreateDistributionRequest{
			Parent: "rooms/" + room, DistributionId: groupID(s.groups),
			Distribution: &confbridgev1.Distribution{Destinations: []string{group(s.groups).String()}, Interface: "eth0"},
		})
		if err != nil {
			return fmt.Errorf("group %d: %w", s.groups, err)
		}
	}
	for ; s.groups > n; s.groups-- {
		name := "rooms/" + room + "/distributions/" + groupID(s.groups-1)
		if _, err := s.distributions.DeleteDistribution(ctx, &confbridgev1.DeleteDistributionRequest{Name: name}); err != nil {
			return fmt.Errorf("group %d: %w", s.groups-1, err)
		}
	}
	return nil
}

func groupID(n int) string { return fmt.Sprintf("g%d", n) }

// packets is how many have been sent to all groups, and how many could not be.
func (s *server) packets(ctx context.Context) (sent, failed int64, err error) {
	for token := ""; ; {
		page, err := s.distributions.ListDistributions(ctx, &confbridgev1.ListDistributionsRequest{Parent: "rooms/" + room, PageToken: token})
		if err != nil {
			return 0, 0, fmt.Errorf("packets: %w", err)
		}
		for _, d := range page.GetDistributions() {
			sent += d.GetStatus().GetPackets()
			failed += d.GetStatus().GetSendErrors()
		}
		if token = page.GetNextPageToken(); token == "" {
			return sent, failed, nil
		}
	}
}

// cost is how many µs of CPU the bridge takes in a second, over a time.
func (s *server) cost(ctx context.Context, lasts time.Duration) (float64, error) {
	before, err := runTime(s.cmd.Process.Pid)
	if err != nil {
		return 0, err
	}
	from := time.Now()
	if err := pause(ctx, lasts); err != nil {
		return 0, err
	}
	after, err := runTime(s.cmd.Process.Pid)
	return float64((after - before).Microseconds()) / time.Since(from).Seconds(), err
}

// pause waits.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// runTime is how long the threads of a process have run, in the kernel's nanoseconds: the ticks of /proc/PID/stat are too coarse.
func runTime(pid int) (sum time.Duration, err error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(threads) == 0 {
		return 0, fmt.Errorf("run time of %d: no threads: %w", pid, err)
	}
	for _, file := range threads {
		text, err := os.ReadFile(file)
		if err != nil {
			return 0, fmt.Errorf("run time of %d: %w", pid, err)
		}
		ran, _, _ := strings.Cut(string(text), " ")
		n, err := strconv.ParseInt(ran, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("run time of %d: %w", pid, err)
		}
		sum += time.Duration(n)
	}
	return sum, nil
}
