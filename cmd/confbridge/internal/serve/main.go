// Package serve is the running bridge: it makes the parts, opens them from the rooms up to the telephones, and closes
// them the other way round.
package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/confbridge/confbridge/api"
	"github.com/confbridge/confbridge/cmd/confbridge/internal/config"
	"github.com/confbridge/confbridge/media"
	"github.com/confbridge/confbridge/media/sap"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/cdr"
	"github.com/confbridge/confbridge/rooms/distributor"
	"github.com/confbridge/confbridge/rooms/entry"
	"github.com/confbridge/confbridge/rooms/receiver"
	"github.com/confbridge/confbridge/rooms/recorder"
	"github.com/confbridge/confbridge/rooms/sounds"
	"github.com/confbridge/confbridge/rooms/store"
	"github.com/confbridge/confbridge/sipua"
	"github.com/confbridge/confbridge/sipua/trace"
)

// What the bridge needs to be ready, as /readyz calls it.
const (
	partSIP  = "sip"
	partGRPC = "grpc"
	partHTTP = "http"
	draining = "draining" // not a part: what stands in their place once Close has begun
)

// byeTime is how long telephones have to answer their BYE; it leaves the rest of Close's time to the others.
const byeTime = 3 * time.Second

// Main is one bridge. New, Run, Wait and Close are called in this order, by one goroutine; Addrs at any time after Run.
type Main struct {
	cfg    config.Config
	log    *slog.Logger
	rooms  *rooms.Registry
	tapes  *recorder.Recorder
	desk   *entry.Desk
	spread *distributor.Distributor
	taker  *receiver.Receiver
	radio  *sap.Announcer
	around *sap.Neighbourhood // nil before Run
	sounds *sounds.Library    // nil before Run
	book   *cdr.Book          // nil: no call records are kept
	store  *store.Store       // nil until Run has opened it
	engine *media.Engine
	sip    *sipua.Server
	trace  *trace.Recorder // nil: no messages are kept
	grpc   *api.Server
	http   *api.HTTPServer
	ready  *api.Readiness

	grpcListener, httpListener net.Listener
	serving                    sync.WaitGroup // the two accept loops, and the watch over memory
	stopTide                   func()
	failed                     chan error // what ended one of them
}

// Addrs is where the bridge listens, with the ports that were really taken.
type Addrs struct {
	SIP        []string // URLs: "udp://0.0.0.0:5060"
	GRPC, HTTP string   // host:port
}

// New makes a bridge of cfg that has opened nothing.
func New(cfg config.Config, log *slog.Logger) (*Main, error) {
	m := &Main{cfg: cfg, log: log, failed: make(chan error, 2), stopTide: func() {}}
	m.radio = sap.NewAnnouncer(sap.AnnouncerConfig{Least: cfg.Distributions.AnnounceInterval, Others: m.others, Log: log})
	if err := m.assemble(cfg, log); err != nil {
		m.radio.Close() // it has a goroutine
		if m.engine != nil {
			err = errors.Join(err, m.engine.Close())
		}
		return nil, err
	}
	return m, nil
}

// assemble makes the parts, each of what those before it are.
func (m *Main) assemble(cfg config.Config, log *slog.Logger) error {
	m.ready = api.NewReadiness(partSIP, partGRPC, partHTTP)
	modes, err := roomModes(cfg.Rooms.Modes)
	if err != nil {
		return fmt.Errorf("rooms: %w", err)
	}
	speech, err := roomSpeech(cfg.Rooms.Speech)
	if err != nil {
		return fmt.Errorf("rooms: %w", err)
	}
	m.tapes = recorder.New(recorderConfig(cfg, log))
	m.engine, err = media.NewEngine(media.Config{
		PortMin: cfg.Media.Ports.First, PortMax: cfg.Media.Ports.Last, Timeout: cfg.Media.Timeout, Log: log,
		Exchanges: exchangesOf(cfg.Media),
	})
	if err != nil {
		return fmt.Errorf("media: %w", err)
	}
	m.rooms = rooms.NewRegistry(rooms.Config{
		Recorder: m.tapes, Sounds: library{m},
		MovesTo: cfg.Rooms.MoveTo, Dialer: keyDialer(m),
		OnDemand: cfg.Rooms.OnDemand, EmptyGrace: cfg.Rooms.EmptyGrace, ExactTicks: true, Exchanges: exchanges{m.engine}, Log: log,
		Defaults: rooms.Settings{
			MaxTalkers: cfg.Rooms.MaxTalkers, AGC: cfg.Rooms.AGC, NoiseSuppression: cfg.Rooms.NoiseSuppression, Opus: cfg.Rooms.Opus,
			Recording: recordingSettings(cfg.Recording), Modes: modes, Speech: speech,
		},
	})
	spread := distributorConfig(cfg, library{m}, m.radio, log)
	m.spread = distributor.New(spread, m.rooms)
	if m.desk, err = entry.New(entryConfig(cfg, library{m}, log), m.rooms); err != nil {
		return fmt.Errorf("numbers: %w", err)
	}
	sip, err := sipConfig(cfg, log)
	if err != nil {
		return fmt.Errorf("sip: %w", err)
	}
	sip.Overload.Late = m.rooms.Overruns
	if m.trace, err = newTrace(cfg.Trace, log); err != nil {
		return fmt.Errorf("trace: %w", err)
	}
	var traced api.Tracer
	if m.trace != nil { // an interface that holds a nil pointer would not be nil
		sip.Transport.Tap, traced = m.trace, tracer{m.trace}
	}
	shown := &trunks{changed: make(chan struct{})}
	sip.Upstream.Changed = shown.tell
	var kept api.CallRecords
	if cfg.CDR.Enabled {
		m.book = cdr.NewBook(cdr.Config{
			Dir: filepath.Join(cfg.DataDir, "cdr"), Keep: cfg.CDR.Keep, MaxSize: cfg.CDR.MaxSize, Log: log,
		})
		sip.Records, kept = m.book, m.book
	}
	sip.Sessions = sessions{m.spread}
	m.taker = receiver.New(receiver.Config{Policy: spread.Policy, Own: m.spread, Log: log}, m.rooms, m.engine)
	m.sip, err = sipua.New(sip, m.desk, m.engine)
	if err != nil {
		return fmt.Errorf("sip: %w", err)
	}
	shown.sip = m.sip
	metrics, err := m.metrics()
	if err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	m.grpc = api.New(api.Config{
		Trunks: shown, Tracer: traced, Recordings: m.tapes, CallRecords: kept, Sounds: library{m}, Dialer: dialer{m.sip}, Desk: m.desk, Distributor: m.spread, Receiver: m.taker, Log: log,
	}, m.rooms)
	m.http = api.NewHTTP(api.HTTPConfig{Gatherer: metrics, Ready: m.ready, Sessions: m.spread, Profiles: cfg.API.Pprof, Log: log})
	return nil
}

// metrics collects what the parts count, and what Go and the kernel know of the process.
func (m *Main) metrics() (*prometheus.Registry, error) {
	reg := prometheus.NewRegistry()
	var errs []error
	all := []prometheus.Collector{
		m.rooms, m.desk, m.engine, m.sip, m.spread.Collector(),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewBuildInfoCollector(),
	}
	all = append(all, radioMetrics(m.radio)...)
	if m.trace != nil {
		all = append(all, m.trace)
	}
	if m.book != nil {
		all = append(all, m.book)
	}
	for _, c := range all {
		errs = append(errs, reg.Register(c))
	}
	return reg, errors.Join(errs...)
}

// Run opens every listener and returns when the bridge takes calls; ctx bounds the opening. After an error Close is
// still to be called.
func (m *Main) Run(ctx context.Context) error {
	if err := m.remember(ctx); err != nil {
		return err
	}
	if err := m.tapes.Start(); err != nil {
		m.log.Error("rooms cannot be recorded", "err", err) // calls can be taken all the same
	}
	if m.trace != nil {
		m.trace.Start(ctx)
	}
	if m.book != nil {
		m.book.Start()
	}
	library, err := soundsConfig(m.cfg.Sounds, m.log)
	if err != nil {
		return err
	}
	if m.sounds, err = sounds.Open(library); err != nil {
		return err
	}
	m.around = sap.NewNeighbourhood(ctx, m.log) // before anything is announced
	if err := m.spread.Start(ctx); err != nil {
		return fmt.Errorf("distributions: %w", err)
	}
	if err := m.taker.Start(ctx); err != nil { // behind what is sent, which must not be taken in
		return fmt.Errorf("sources: %w", err)
	}
	if m.httpListener, err = listen(ctx, "api.http", m.cfg.API.HTTP); err != nil {
		return err
	}
	m.serve(partHTTP, m.httpListener, m.http.Serve)
	if m.grpcListener, err = listen(ctx, "api.grpc", m.cfg.API.GRPC); err != nil {
		return err
	}
	m.serve(partGRPC, m.grpcListener, m.grpc.Serve)
	if err := m.sip.Listen(ctx); err != nil {
		return fmt.Errorf("%w (sip.listen or CONFBRIDGE_SIP_LISTEN)", err)
	}
	m.ready.Set(partSIP, true)
	m.grpc.SetReady(true)
	watching, stop := context.WithCancel(context.WithoutCancel(ctx))
	m.stopTide = stop
	m.serving.Go(func() { newTide(m.sip.Load).run(watching) })
	return nil
}

// serve runs an accept loop until the server it belongs to is shut down.
func (m *Main) serve(part string, ln net.Listener, loop func(net.Listener) error) {
	m.ready.Set(part, true)
	m.serving.Go(func() {
		if err := loop(ln); err != nil {
			m.ready.Set(part, false)
			m.failed <- err
		}
	})
}

// Wait returns nil when ctx is done, or what broke the bridge before that.
func (m *Main) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-m.failed:
		return err
	}
}

// Close drains the bridge: not ready, no new calls, BYE to everybody, rooms, API. It returns when all goroutines have
// ended or ctx is done; the error says what has not. Calls that did not answer their BYE are logged and no error.
func (m *Main) Close(ctx context.Context) error {
	m.ready.Set(draining, false)
	m.grpc.SetReady(false)
	m.rooms.Drain()
	m.log.Info("draining") // and it is: who reads this may count on it
	m.taker.Close()
	bye, cancel := context.WithTimeout(ctx, byeTime)
	defer cancel()
	if err := m.sip.Shutdown(bye); err != nil {
		m.log.Warn("calls were broken off", "err", err)
	}
	if m.trace != nil {
		m.trace.Close() // behind the last BYE
	}
	err := errors.Join(m.desk.Close(ctx), m.spread.Close(ctx)) // while rooms still say goodbye to whom they send
	m.radio.Close()
	if m.around != nil {
		m.around.Close()
	}
	err = errors.Join(err, m.rooms.Close(ctx), m.tapes.Close(ctx))
	if m.book != nil { // behind the last call
		err = errors.Join(err, m.book.Close(ctx))
	}
	if m.store != nil {
		err = errors.Join(err, m.store.Close())
	}
	m.stopTide()
	m.grpc.Shutdown(ctx)
	m.http.Shutdown(ctx)
	m.serving.Wait()
	err = errors.Join(err, m.engine.Close())
	if m.sounds != nil {
		err = errors.Join(err, m.sounds.Close())
	}
	return err
}

// Addrs is where the bridge listens.
func (m *Main) Addrs() Addrs {
	return Addrs{
		SIP: m.sip.Addrs(), GRPC: m.grpcListener.Addr().String(), HTTP: m.httpListener.Addr().String(),
	}
}
