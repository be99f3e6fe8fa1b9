package proc_test

import (
	"net"
	"os"
	"testing"
	"time"

	"github.com/confbridge/confbridge/bench/proc"
)

func TestThisProcess(t *testing.T) {
	pid := os.Getpid()
	begun, err := proc.CPU(pid)
	if err != nil {
		t.Fatal(err)
	}
	for used := begun; used < begun+30*time.Millisecond; { // it ends because this loop is what uses it
		if used, err = proc.CPU(pid); err != nil {
			t.Fatal(err)
		}
	}
	if rss, err := proc.RSS(pid); err != nil || rss < 1<<20 || rss > 1<<32 {
		t.Errorf("got %d bytes of memory, error %v", rss, err)
	}
	before, err := proc.UDPSockets(pid)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if after, err := proc.UDPSockets(pid); err != nil || after != before+1 {
		t.Errorf("got %d sockets with one more than %d, error %v", after, before, err)
	}
}

func TestNoSuchProcess(t *testing.T) {
	if _, err := proc.CPU(-1); err == nil {
		t.Error("it has used CPU")
	}
	if _, err := proc.RSS(-1); err == nil {
		t.Error("it has memory")
	}
	if _, err := proc.UDPSockets(-1); err == nil {
		t.Error("it has sockets")
	}
}
