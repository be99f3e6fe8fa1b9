package transport

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/transport/sctp"
)

// sctpPair is two managers of which the second dials the first.
func sctpPair(t *testing.T, url string) (server, client *Manager, heard, answers *ear) {
	t.Helper()
	server, heard = openSCTP(t, Config{Listen: []string{url}})
	end, ok := server.streams[0].ln.(*sctp.Endpoint)
	if !ok {
		t.Fatalf("the listener is a %T", server.streams[0].ln)
	}
	client, answers = openSCTP(t, Config{Listen: []string{url}, SCTP: sctp.Config{PeerUDPPort: end.UDPPort()}})
	return server, client, heard, answers
}

func openSCTP(t *testing.T, cfg Config) (*Manager, *ear) {
	t.Helper()
	if m, err := Listen(t.Context(), cfg); errors.Is(err, syscall.EPERM) || errors.Is(err, sctp.ErrKernel) {
		t.Skipf("SCTP over IP cannot be opened here: %v", err)
	} else if errors.Is(err, syscall.EADDRNOTAVAIL) && strings.Contains(cfg.Listen[0], "[::1]") {
		t.Skipf("there is no IPv6 loopback here: %v", err)
	} else if err != nil {
		t.Fatal(err)
	} else {
		_ = m.Close()
	}
	return open(t, cfg)
}

func TestSCTP(t *testing.T) {
	for _, url := range []string{"sctp://127.0.0.1:0", "sctp+udp://127.0.0.1:0", "sctp://[::1]:0", "sctp+udp://[::1]:0"} {
		t.Run(url, func(t *testing.T) {
			server, client, heard, answers := sctpPair(t, url)
			flow, err := client.Open(server.Addrs()[0])
			if err != nil {
				t.Fatal(err)
			}
			if flow.Transport != "SCTP" || !flow.Reliable() {
				t.Errorf("flow %+v", flow)
			}
			body := strings.Repeat("x", 30000)
			for _, text := range []string{options("SCTP a.example", 1) + "\n", options("SCTP a.example", 2) + "\n" + body} {
				if err := client.Send(flow, []byte(strings.ReplaceAll(text, "\n", "\r\n"))); err != nil {
					t.Fatal(err)
				}
				got := heard.next(t)
				if got.flow.Transport != "SCTP" {
					t.Errorf("it came by %s", got.flow.Transport)
				}
				via := got.msg.Via[0]
				if received, _ := via.Params.Find("received"); received != got.flow.Remote.Addr().String() {
					t.Errorf("received=%s", received)
				}
				if err := server.Respond(got.flow, via, message.NewResponse(got.msg, 200, "OK").Bytes()); err != nil {
					t.Fatal(err)
				}
				if res := answers.next(t); res.msg.StatusCode != 200 || res.msg.CSeq != got.msg.CSeq {
					t.Errorf("got %d, %v", res.msg.StatusCode, res.msg.CSeq)
				}
			}
			if n := server.Stats().Accepted; n != 1 {
				t.Errorf("%d associations for two requests", n)
			}
			if err := client.Close(); err != nil {
				t.Fatal(err)
			}
			if err := <-heard.closed; !errors.Is(err, ErrFlowGone) {
				t.Errorf("the association ended by %v", err)
			}
		})
	}
}

func TestSCTPWithoutAListenerHasNoWay(t *testing.T) {
	m, _ := open(t, Config{Listen: []string{"udp://127.0.0.1:0"}})
	if _, err := m.Open(Target{Transport: "SCTP", Addr: m.Addrs()[0].Addr}); !errors.Is(err, ErrNoListener) {
		t.Errorf("got %v", err)
	}
}

func TestASCTPPortIsTakenOnce(t *testing.T) {
	m, _ := openSCTP(t, Config{Listen: []string{"sctp://127.0.0.1:0"}})
	again, err := Listen(t.Context(), Config{Listen: []string{m.Addrs()[0].String()}})
	if !errors.Is(err, ErrAddressUsed) {
		t.Errorf("got %v", err)
	}
	if err == nil {
		_ = again.Close()
	}
}
