package sctp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// rig is an endpoint on a carrier of channels, with a peer at the other end that the test is.
type rig struct {
	t    *testing.T
	e    *Endpoint
	in   chan []byte // to the endpoint
	out  chan []byte // from it
	over chan struct{}
}

func (r *rig) read(b []byte) (int, path, error) {
	select {
	case p := <-r.in:
		return copy(b, p), path{peer: testPeer}, nil
	case <-r.over:
		return 0, path{}, net.ErrClosed
	}
}

func (r *rig) write(b []byte, _ path) error {
	r.out <- bytes.Clone(b)
	return nil
}

func (r *rig) close() error { close(r.over); return nil }

var (
	testPeer = netip.MustParseAddrPort("192.0.2.1:9899")
	testAddr = netip.MustParseAddrPort("192.0.2.2:5060")
	there    = header{src: 40000, dst: 5060}
)

func newRig(t *testing.T, cfg Config) *rig {
	r := &rig{t: t, in: make(chan []byte, 100), out: make(chan []byte, 1000), over: make(chan struct{})}
	r.e = newEndpoint(cfg.withDefaults(), r, testAddr)
	r.e.start()
	t.Cleanup(func() { _ = r.e.Close() })
	return r
}

// say sends a packet of some chunks.
func (r *rig) say(h header, chunks ...chunk) {
	b := newPacket(h)
	for _, c := range chunks {
		b = appendChunk(b, c)
	}
	r.in <- seal(b)
}

// hear returns the first chunk of the next packet, and its header; ok is false where none comes.
func (r *rig) hear() (header, chunk, bool) {
	r.t.Helper()
	synctest.Wait()
	select {
	case b := <-r.out:
		h, chunks, ok := parsePacket(b)
		if !ok {
			r.t.Fatalf("the endpoint sent what is no packet: %x", b)
		}
		c, _, _ := nextChunk(chunks)
		return h, c, true
	default:
		return header{}, chunk{}, false
	}
}

// want is hear for a chunk of that type.
func (r *rig) want(kind byte) (header, chunk) {
	r.t.Helper()
	h, c, ok := r.hear()
	if !ok || c.kind != kind {
		r.t.Fatalf("got chunk %d (%v), want %d", c.kind, ok, kind)
	}
	return h, c
}

func (r *rig) silence() {
	r.t.Helper()
	if _, c, ok := r.hear(); ok {
		r.t.Fatalf("got chunk %d, want nothing", c.kind)
	}
}

var theirs = initiation{tag: 77, window: 1 << 16, out: 5, in: 5, tsn: 1000}

// cookie asks for an association and returns our tag and the cookie.
func (r *rig) cookie(mine initiation) (uint32, []byte) {
	r.t.Helper()
	r.say(there, chunk{kind: chunkInit, value: mine.fixed()})
	h, c := r.want(chunkInitAck)
	i, ok := parseInit(c.value)
	if !ok || h.tag != mine.tag || len(i.cookie) != cookieLen || !i.usable() {
		r.t.Fatalf("INIT ACK %+v with %+v", h, i)
	}
	return i.tag, bytes.Clone(i.cookie)
}

func to5060(tag uint32) header { return header{there.src, there.dst, tag} }

// establish opens an association and returns it with our tag.
func (r *rig) establish(mine initiation) (*Conn, uint32) {
	r.t.Helper()
	tag, cookie := r.cookie(mine)
	r.say(to5060(tag), chunk{kind: chunkCookieEcho, value: cookie})
	r.want(chunkCookieAck)
	c, err := r.e.Accept()
	if err != nil {
		r.t.Fatal(err)
	}
	return c.(*Conn), tag
}

func data(tsn uint32, stream uint16, text string) chunk {
	v := binary.BigEndian.AppendUint32(nil, tsn)
	v = binary.BigEndian.AppendUint16(v, stream)
	v = append(v, 0, 0, 0, 0, 0, 0)
	return chunk{kind: chunkData, flags: 7, value: append(v, text...)} // unordered, whole
}

func TestAnINITCostsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{})
		for i := range uint32(1000) {
			mine := theirs
			mine.tag += i
			r.cookie(mine)
		}
		if n := len(r.e.table) + len(r.e.dialling); n != 0 {
			t.Errorf("%d entries after 1000 INITs", n)
		}
	})
}

func TestWhatAnINITIsAnsweredBy(t *testing.T) {
	with := func(change func(*initiation)) []byte {
		i := theirs
		change(&i)
		return i.fixed()
	}
	for _, row := range []struct {
		name  string
		h     header
		value []byte
		want  int // chunk type; -1 nothing
	}{
		{"one as it should be", there, theirs.fixed(), chunkInitAck},
		{"one to a port that nobody listens on", header{40000, 5061, 0}, theirs.fixed(), -1},
		{"one with a verification tag", header{40000, 5060, 9}, theirs.fixed(), -1},
		{"one without a tag of its own", there, with(func(i *initiation) { i.tag = 0 }), -1},
		{"one without streams out", there, with(func(i *initiation) { i.out = 0 }), chunkAbort},
		{"one without streams in", there, with(func(i *initiation) { i.in = 0 }), chunkAbort},
		{"one with a window below 1500", there, with(func(i *initiation) { i.window = 1499 }), chunkAbort},
		{"one with a host name", there, append(theirs.fixed(), cause(paramHostName, []byte("a.example"))...), chunkAbort},
		{"one with a parameter of a wrong length", there, append(theirs.fixed(), 0, 5, 0, 90), chunkAbort},
		{"one that is too short", there, theirs.fixed()[:15], -1},
		{"one with an unknown parameter to skip", there, append(theirs.fixed(), cause(0x8123, nil)...), chunkInitAck},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, Config{})
				r.say(row.h, chunk{kind: chunkInit, value: row.value})
				if row.want < 0 {
					r.silence()
				} else {
					r.want(byte(row.want))
				}
			})
		})
	}
}

func TestAnUnknownParameterIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{})
		unknown := cause(0xc123, []byte{1, 2, 3, 4})
		r.say(there, chunk{kind: chunkInit, value: append(theirs.fixed(), unknown...)})
		_, c := r.want(chunkInitAck)
		if !bytes.Contains(c.value, cause(paramUnrecognized, unknown)) {
			t.Errorf("INIT ACK says %x", c.value)
		}
	})
}

func TestACookieThatIsNotOurs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{})
		tag, cookie := r.cookie(theirs)
		for i := range cookie {
			forged := bytes.Clone(cookie)
			forged[i] ^= 1
			r.say(to5060(tag), chunk{kind: chunkCookieEcho, value: forged})
		}
		r.say(header{40001, 5060, tag}, chunk{kind: chunkCookieEcho, value: cookie}) // from another port
		r.say(to5060(tag+1), chunk{kind: chunkCookieEcho, value: cookie})            // with another tag
		r.silence()
		time.Sleep(cookieLife + time.Second)
		r.say(to5060(tag), chunk{kind: chunkCookieEcho, value: cookie})
		if _, c := r.want(chunkError); binary.BigEndian.Uint16(c.value) != causeStaleCookie {
			t.Errorf("an old cookie gets %x", c.value)
		}
		if len(r.e.table) != 0 {
			t.Error("there is an association")
		}
	})
}

func TestARepeatedCookieIsAcknowledged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{})
		tag, cookie := r.cookie(theirs)
		for range 3 {
			r.say(to5060(tag), chunk{kind: chunkCookieEcho, value: cookie})
			r.want(chunkCookieAck)
		}
		if r.e.Stats().Associations != 1 {
			t.Errorf("%+v", r.e.Stats())
		}
		hang(r)
	})
}

// hang ends all associations of a rig.
func hang(r *rig) {
	for _, a := range r.e.all() {
		a.abort(net.ErrClosed, causeUserAbort, "")
	}
	synctest.Wait()
}

func TestAPeerThatRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{})
		first, _ := r.establish(theirs)
		again := theirs
		again.tag = 78
		second, _ := r.establish(again)
		if _, err := first.Read(make([]byte, 9)); !errors.Is(err, ErrRestarted) {
			t.Errorf("the first ended by %v", err)
		}
		if second == first || r.e.Stats().Associations != 1 {
			t.Errorf("%+v", r.e.Stats())
		}
		hang(r)
	})
}

func TestAPacketWithAWrongTagChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{})
		c, tag := r.establish(theirs)
		for _, kind := range []byte{chunkAbort, chunkShutdown, chunkShutdownAck, chunkShutdownComplete, chunkHeartbeat, chunkData} {
			r.say(to5060(tag+1), chunk{kind: kind})
		}
		r.say(to5060(tag), chunk{kind: chunkAbort, flags: flagT}) // with T it must be the peer's tag
		r.silence()
		r.say(to5060(tag), data(theirs.tsn, 0, "still here"))
		b := make([]byte, 99)
		if n, err := c.Read(b); err != nil || string(b[:n]) != "still here" {
			t.Errorf("got %q, %v", b[:n], err)
		}
		if r.e.Stats().Dropped != 7 {
			t.Errorf("%+v", r.e.Stats())
		}
		r.say(header{there.src, there.dst, theirs.tag}, chunk{kind: chunkAbort, flags: flagT})
		if _, err := c.Read(b); !errors.Is(err, ErrAborted) {
			t.Errorf("ABORT with T ends it by %v", err)
		}
		synctest.Wait()
	})
}

func TestWhatBelongsToNoAssociation(t *testing.T) {
	for _, row := range []struct {
		name        string
		port        uint16
		kind        byte
		want, flags int
	}{
		{"DATA is answered by ABORT", 5060, chunkData, chunkAbort, flagT},
		{"HEARTBEAT is answered by ABORT", 5060, chunkHeartbeat, chunkAbort, flagT},
		{"SHUTDOWN ACK is answered by SHUTDOWN COMPLETE", 5060, chunkShutdownAck, chunkShutdownComplete, flagT},
		{"ABORT is not answered", 5060, chunkAbort, -1, 0},
		{"SHUTDOWN COMPLETE is not answered", 5060, chunkShutdownComplete, -1, 0},
		{"ERROR is not answered", 5060, chunkError, -1, 0},
		{"COOKIE ACK is not answered", 5060, chunkCookieAck, -1, 0},
		{"INIT ACK is not answered", 5060, chunkInitAck, -1, 0},
		{"what is for another's port is not answered", 5070, chunkData, -1, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, Config{})
				r.say(header{40000, row.port, 99}, chunk{kind: row.kind})
				if row.want < 0 {
					r.silence()
					return
				}
				if h, c := r.want(byte(row.want)); h != (header{5060, 40000, 99}) || int(c.flags) != row.flags {
					t.Errorf("got %+v, flags %d", h, c.flags)
				}
			})
		})
	}
}

func TestViolationsEndTheAssociation(t *testing.T) {
	for _, row := range []struct {
		name string
		c    chunk
	}{
		{"DATA without data", data(1000, 0, "")},
		{"DATA on a stream that was not agreed", data(1000, 5, "x")},
		{"DATA in a chunk that nobody can read", data(1000, 0, string(make([]byte, pionPacket)))},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, Config{})
				c, tag := r.establish(theirs)
				r.say(to5060(tag), row.c)
				if h, c := r.want(chunkAbort); h.tag != theirs.tag || binary.BigEndian.Uint16(c.value) != causeViolation {
					t.Errorf("got %+v %x", h, c.value)
				}
				if _, err := c.Read(make([]byte, 9)); !errors.Is(err, ErrProtocol) {
					t.Errorf("got %v", err)
				}
				synctest.Wait()
			})
		})
	}
}

func TestUnknownChunks(t *testing.T) {
	for _, row := range []struct {
		name           string
		kind           byte
		report, behind bool
	}{
		{"00: stop", 0x3e, false, false},
		{"01: stop and report", 0x7e, true, false},
		{"10: skip", 0xbe, false, true},
		{"11: skip and report", 0xfe, true, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, Config{})
				_, tag := r.establish(theirs)
				r.say(to5060(tag), chunk{kind: row.kind, value: []byte{1, 2, 3}}, chunk{kind: chunkHeartbeat, value: cause(1, []byte("abc"))})
				if row.report {
					r.want(chunkError)
				}
				if row.behind {
					if _, c := r.want(chunkHeartbeatAck); !bytes.Contains(c.value, []byte("abc")) {
						t.Errorf("HEARTBEAT ACK of %x", c.value)
					}
				}
				r.silence()
				hang(r)
			})
		})
	}
}

func TestAPeerThatIsGoneIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{Heartbeat: 10 * time.Second})
		c, tag := r.establish(theirs)
		start := time.Now()
		time.Sleep(21 * time.Second)
		_, hb := r.want(chunkHeartbeat)
		r.say(to5060(tag), chunk{kind: chunkHeartbeatAck, value: hb.value})
		synctest.Wait()
		if _, err := c.Read(make([]byte, 9)); !errors.Is(err, ErrPeerGone) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(start); took < 71*time.Second || took > 77*time.Second {
			t.Errorf("found after %v, want 50 s after the last packet", took)
		}
		synctest.Wait()
	})
}

func TestAssociationsAreLimited(t *testing.T) {
	for name, cfg := range map[string]Config{"in all": {MaxAssociations: 1}, "of a source": {MaxPerSource: 1}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, cfg)
				other := header{40001, 5060, 0}
				r.say(other, chunk{kind: chunkInit, value: theirs.fixed()})
				_, c := r.want(chunkInitAck)
				i, _ := parseInit(c.value)
				r.establish(theirs)
				r.say(header{40001, 5060, i.tag}, chunk{kind: chunkCookieEcho, value: i.cookie}) // answered while there was room
				if _, c := r.want(chunkAbort); binary.BigEndian.Uint16(c.value) != causeOutOfResource {
					t.Errorf("COOKIE ECHO: got %x", c.value)
				}
				r.say(other, chunk{kind: chunkInit, value: theirs.fixed()})
				if _, c := r.want(chunkAbort); binary.BigEndian.Uint16(c.value) != causeOutOfResource {
					t.Errorf("INIT: got %x", c.value)
				}
				if s := r.e.Stats(); s.Associations != 1 || s.Refused != 2 {
					t.Errorf("%+v", s)
				}
				hang(r)
			})
		})
	}
}

// FuzzPacket gives an endpoint with one association any packets of a peer that has seen our tag.
func FuzzPacket(f *testing.F) {
	seed := func(chunks ...chunk) {
		var b []byte
		for _, c := range chunks {
			b = appendChunk(b, c)
		}
		f.Add(b, true)
		f.Add(b, false)
	}
	seed(data(1000, 0, "x"))
	seed(data(1001, 3, "x"), chunk{kind: chunkSack, value: make([]byte, 12)})
	seed(chunk{kind: chunkInit, value: append(theirs.fixed(), cause(0xc123, []byte("x"))...)})
	seed(chunk{kind: chunkInitAck, value: append(theirs.fixed(), cause(paramStateCookie, []byte("x"))...)})
	seed(chunk{kind: chunkCookieEcho, value: make([]byte, cookieLen)}, data(1000, 0, "x"))
	seed(chunk{kind: chunkShutdown, value: make([]byte, 4)}, chunk{kind: chunkShutdownAck}, chunk{kind: chunkShutdownComplete})
	seed(chunk{kind: chunkAbort, flags: 1, value: cause(12, []byte("why"))})
	seed(chunk{kind: chunkError, value: cause(3, []byte("why"))}, chunk{kind: chunkHeartbeat, value: cause(1, []byte("x"))})
	seed(chunk{kind: 0xc0, value: make([]byte, 12)}, chunk{kind: 130}, chunk{kind: 64}, chunk{kind: chunkCookieAck})
	f.Fuzz(func(t *testing.T, chunks []byte, known bool) {
		e := newEndpoint(Config{}.withDefaults(), sink{}, testAddr)
		k := key{testPeer.Addr(), there.src, there.dst}
		ours := initiation{tag: 5, window: receiveWindow, out: 5, in: 5, tsn: 1}
		a := newAssoc(e, k, path{peer: testPeer}, ours, theirs)
		a.inbound = true
		a.up()
		if err := a.open(); err != nil {
			t.Fatal(err)
		}
		if err := e.add(a); err != nil {
			t.Fatal(err)
		}
		h := there
		if known {
			h.tag = ours.tag
		}
		b := seal(append(newPacket(h), chunks...))
		for range 2 {
			e.packet(b, path{peer: testPeer})
		}
		e.packet(b[:len(b)/2], path{peer: testPeer})
		if n := len(e.table); n > 1 {
			t.Errorf("%d associations", n)
		}
		a.end(net.ErrClosed)
		e.assocs.Wait()
		_ = a.core.Close()
	})
}

// sink is a carrier to nowhere.
type sink struct{}

func (sink) read([]byte) (int, path, error) { return 0, path{}, net.ErrClosed }
func (sink) write([]byte, path) error       { return nil }
func (sink) close() error                   { return nil }
