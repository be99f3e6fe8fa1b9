package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// session is one connection to a server, and what is kept there.
type session struct {
	server  *server.Server // nil where it is elsewhere
	conn    *nats.Conn
	js      jetstream.JetStream
	rooms   jetstream.Stream
	numbers jetstream.Stream
	bans    jetstream.Stream
	events  jetstream.Stream
}

// connect connects to the server elsewhere.
func (s *Store) connect(ctx context.Context) (*session, error) {
	n := &session{}
	var err error
	if n.conn, err = nats.Connect(s.cfg.URL, s.options()...); err == nil {
		err = n.bind(ctx, s.cfg.EventsKept)
	}
	if err != nil {
		n.stop()
		return nil, fmt.Errorf("%s: %w: %w", s.cfg.URL, ErrUnavailable, err)
	}
	return n, nil
}

// within starts a server within the process, with its files below dir.
//
// JetStream keeps an index of each stream beside its messages, and believes it: what the index promises and the messages' file cannot deliver is
// waited for without end, and cannot be replaced. So the indexes are removed; the server then reads and checks each message, and makes them anew.
func (s *Store) within(ctx context.Context, dir string) (*session, error) {
	for _, stream := range streams {
		if err := os.Remove(filepath.Join(messages(dir, stream), "index.db")); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, dirError(dir, err)
		}
	}
	srv, err := server.NewServer(&server.Options{
		ServerName: "confbridge", DontListen: true, NoSigs: true,
		JetStream: true, StoreDir: dir, SyncAlways: true,
		JetStreamMaxMemory: 64 << 20, JetStreamMaxStore: 16 * maxEventsBytes,
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	srv.SetLoggerV2(serverLog{s.cfg.Log}, false, false, false)
	n := &session{server: srv}
	srv.Start()
	if !srv.ReadyForConnections(10*time.Second) || !srv.JetStreamEnabled() {
		n.stop()
		return nil, fmt.Errorf("%s: %w: the server did not start", dir, ErrUnavailable)
	}
	if n.conn, err = nats.Connect("", append(s.options(), nats.InProcessServer(srv))...); err == nil {
		err = n.bind(ctx, s.cfg.EventsKept)
	}
	if err != nil {
		n.stop()
		return nil, fmt.Errorf("%s: %w: %w", dir, ErrUnavailable, err)
	}
	return n, nil
}

// options are those of the connection, to whichever server.
func (s *Store) options() []nats.Option {
	log := s.cfg.Log
	opts := []nats.Option{
		nats.Name("confbridge"), nats.MaxReconnects(-1), nats.ReconnectWait(time.Second),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn("store is away", "err", err)
			}
		}),
		nats.ReconnectHandler(func(c *nats.Conn) { log.Info("store is back", "url", c.ConnectedUrlRedacted()) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { log.Warn("store", "err", err) }),
	}
	if s.cfg.CredentialsFile != "" {
		opts = append(opts, nats.UserCredentials(s.cfg.CredentialsFile))
	}
	return opts
}

// bind makes the bucket and the streams where they are not there yet.
func (n *session) bind(ctx context.Context, eventsKept int) error {
	var err error
	if n.js, err = jetstream.New(n.conn); err != nil {
		return err
	}
	_, err = n.js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket: roomsBucket, Description: "rooms of confbridge", Storage: jetstream.FileStorage, History: 1,
	})
	if err == nil {
		n.rooms, err = n.js.Stream(ctx, roomsStream)
	}
	if err != nil {
		return fmt.Errorf("bucket %s: %w", roomsBucket, err)
	}
	n.numbers, err = n.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: numbersStream, Description: "numbers of events that have been given", Subjects: []string{numbersSubject + "*"},
		Storage: jetstream.FileStorage, MaxMsgsPerSubject: 1, MaxMsgs: maxNumbers, Discard: jetstream.DiscardOld, AllowDirect: true,
	})
	if err != nil {
		return fmt.Errorf("stream %s: %w", numbersStream, err)
	}
	n.bans, err = n.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: bansStream, Description: "who is kept out of rooms", Subjects: []string{bansSubject + "*"},
		Storage: jetstream.FileStorage, MaxMsgsPerSubject: 1, MaxMsgs: 2 * maxBanRecords, MaxAge: maxBanAge, Discard: jetstream.DiscardOld,
	})
	if err != nil {
		return fmt.Errorf("stream %s: %w", bansStream, err)
	}
	n.events, err = n.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: eventsStream, Description: "events of rooms", Subjects: []string{eventsSubject + "*"},
		Storage: jetstream.FileStorage, MaxMsgsPerSubject: int64(eventsKept), MaxAge: maxEventsAge, MaxBytes: maxEventsBytes,
		Discard: jetstream.DiscardOld, AllowDirect: true, PersistMode: jetstream.AsyncPersistMode,
	})
	if err != nil {
		return fmt.Errorf("stream %s: %w", eventsStream, err)
	}
	return nil
}

// publish writes messages, and waits until all are acknowledged. The error is that of those that were not.
func (n *session) publish(ctx context.Context, all []*nats.Msg) error {
	var errs []error
	acks := make([]jetstream.PubAckFuture, 0, min(len(all), maxUnacknowledged))
	wait := func() error {
		for _, ack := range acks {
			select {
			case <-ack.Ok():
			case err := <-ack.Err():
				errs = append(errs, err)
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		acks = acks[:0]
		return nil
	}
	for _, m := range all {
		ack, err := n.js.PublishMsgAsync(m)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if acks = append(acks, ack); len(acks) == maxUnacknowledged {
			if err := wait(); err != nil {
				return err
			}
		}
	}
	if err := wait(); err != nil {
		return err
	}
	return errors.Join(errs...)
}

// stop ends the connection, and the server within the process.
func (n *session) stop() {
	if n.conn != nil {
		n.conn.Close()
	}
	if n.server != nil {
		n.server.Shutdown()
		n.server.WaitForShutdown()
	}
}
