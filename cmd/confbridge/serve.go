package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/confbridge/confbridge/cmd/confbridge/internal/config"
	"github.com/confbridge/confbridge/cmd/confbridge/internal/heap"
	"github.com/confbridge/confbridge/cmd/confbridge/internal/serve"
)

// drainTime is how long the bridge takes at most to say goodbye.
const drainTime = 4500 * time.Millisecond

type serveCmd struct {
	configFlag
}

// Run runs the bridge until ctx is done, and drains it.
func (cmd *serveCmd) Run(ctx context.Context, c *console) error {
	cfg, err := cmd.load(c)
	if err != nil {
		return err
	}
	memory := heap.Choose(c.getenv, os.DirFS("/"))
	memory.Apply()
	log := c.logger(cfg.Log)
	log.Info("memory", memory.Attrs()...)
	m, err := serve.New(cfg, log)
	if err != nil {
		return err
	}
	err = m.Run(ctx)
	if err == nil {
		c.greet(cfg, m.Addrs())
		log.Info("ready", "sip", m.Addrs().SIP, "grpc", m.Addrs().GRPC, "http", m.Addrs().HTTP)
		err = m.Wait(ctx)
	}
	// ctx is done by now: going down has a time of its own.
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	err = errors.Join(err, m.Close(closing))
	if err == nil {
		log.Info("ended")
	}
	return err
}

func (c *console) logger(cfg config.Log) *slog.Logger {
	opts := &slog.HandlerOptions{Level: cfg.Level}
	if cfg.Format == "json" {
		return slog.New(slog.NewJSONHandler(c.stderr, opts))
	}
	return slog.New(slog.NewTextHandler(c.stderr, opts))
}

// greet tells a person what to do next.
func (c *console) greet(cfg config.Config, addrs serve.Addrs) {
	first := addrs.SIP[0]
	room := "1000"
	var hint string
	if !cfg.Rooms.OnDemand {
		hint = fmt.Sprintf(" (after: %s rooms create %s)", c.program, room)
	}
	fmt.Fprintf(c.stdout, "confbridge is ready.\n\n")
	fmt.Fprintf(c.stdout, "  dial   sip:%s@%s%s\n", room, dialled(first, cfg.SIP.Advertise, outwardAddr), hint)
	fmt.Fprintf(c.stdout, "  SIP    %s\n", strings.Join(addrs.SIP, " "))
	fmt.Fprintf(c.stdout, "  gRPC   %s\n", addrs.GRPC)
	fmt.Fprintf(c.stdout, "  HTTP   http://%s\n\n", addrs.HTTP)
	fmt.Fprintf(c.stdout, "Place a test call:\n  %s call sip:%s@%s\n", c.program, room, dialled(first, "", loopbackAddr))
}

// dialled is host:port to dial for a listener's URL; anywhere stands in for an unspecified address.
func dialled(listener, advertise string, anywhere func(v6 bool) netip.Addr) string {
	_, hostPort, _ := strings.Cut(listener, "://")
	addr, err := netip.ParseAddrPort(hostPort)
	if err != nil {
		return hostPort
	}
	port := fmt.Sprint(addr.Port())
	switch {
	case advertise != "":
		return net.JoinHostPort(strings.Trim(advertise, "[]"), port)
	case addr.Addr().IsUnspecified():
		return net.JoinHostPort(anywhere(addr.Addr().Is6()).String(), port)
	}
	return hostPort
}

func loopbackAddr(v6 bool) netip.Addr {
	if v6 {
		return netip.IPv6Loopback()
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, 1})
}

// outwardAddr is an address of this machine that others can probably dial; the loopback's where there is none.
func outwardAddr(v6 bool) netip.Addr {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return loopbackAddr(v6)
	}
	for _, a := range addrs {
		prefix, err := netip.ParsePrefix(a.String())
		if err == nil && prefix.Addr().IsGlobalUnicast() && prefix.Addr().Is6() == v6 {
			return prefix.Addr()
		}
	}
	return loopbackAddr(v6)
}
