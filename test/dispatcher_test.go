package test

import (
	"fmt"
	"testing"

	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/test/bridge"
)

// A proxy that pings the bridge calls it, calls it no more as soon as it drains, and calls it again when it is back.
func TestAProxyPingsTheBridge(t *testing.T) {
	t.Parallel()
	listen := []string{fmt.Sprintf("udp://127.0.0.1:%d", freePort(t))}
	b := startBridge(t, bridge.Config{Listen: listen})
	p := startKamailio(t, kamailioConfig{sets: map[int]string{1: "sip:" + b.UDP}})
	eventually(t, "pings are answered", func() bool {
		n, _ := b.metric(t, "confbridge_sip_requests_total", `method="OPTIONS"`, `code="200"`)
		return n >= 2
	})
	g := invite(t, newClient(t), p.uri("1000", "udp", 1), codec.PCMU, nil)
	b.present(t, "1000", 1)
	g.end()
	// Somebody who takes their time to answer the BYE keeps the bridge draining.
	slow := b.openWire(t, "udp").dial("1000", plainSDP)
	if err := b.Terminate(); err != nil {
		t.Fatal(err)
	}
	bye := slow.await(message.Bye)
	eventually(t, "the proxy knows that the bridge drains", func() bool { return p.knowsOfNone(t) })
	select {
	case <-b.Ended():
		t.Error("the bridge has ended: it is not the pings that have told the proxy")
	default:
	}
	slow.answer(bye)
	b.stop(t)
	b = startBridge(t, bridge.Config{Listen: listen})
	eventually(t, "the proxy knows that the bridge is back", func() bool { return !p.knowsOfNone(t) })
	g = invite(t, newClient(t), p.uri("2000", "udp", 1), codec.PCMU, nil)
	b.present(t, "2000", 1)
	g.end()
}

// knowsOfNone asks the proxy for a room in a way that no bridge takes, and says whether it has a bridge to ask.
func (p *proxy) knowsOfNone(t *testing.T) bool {
	t.Helper()
	w := dialWire(t, "udp", fmt.Sprintf("127.0.0.1:%d", p.port))
	d := &dialogue{wire: w, room: "1000", id: fmt.Sprintf("ask-%d@test", serial.Add(1)), cseq: 1}
	d.sendWith("OPTIONS", "Proxy-Require: nothing", "")
	res := d.response(1, message.Options)
	return res.StatusCode == 503 && res.Reason == "No bridge answers"
}
