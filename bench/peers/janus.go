package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
)

// janusURL is Janus's API, as config/janus has it.
var janusURL = "http://" + address(controlPort).String() + "/janus"

// janus is one session with Janus: all calls are handles of it. Its methods are safe for concurrent use.
type janus struct {
	url    string // of the session
	polled sync.WaitGroup
	cancel context.CancelFunc

	mu    sync.Mutex
	joins map[uint64]chan<- joined // by handle
}

// joined is what Janus says of who is in a room.
type joined struct {
	AudioBridge string `json:"audiobridge"`
	Error       string `json:"error"`
	RTP         struct {
		IP   string `json:"ip"`
		Port uint16 `json:"port"`
	} `json:"rtp"`
}

// reply is any message of Janus.
type reply struct {
	Janus  string `json:"janus"`
	Sender uint64 `json:"sender"`
	Data   struct {
		ID uint64 `json:"id"`
	} `json:"data"`
	Error struct {
		Reason string `json:"reason"`
	} `json:"error"`
	PluginData struct {
		Data joined `json:"data"`
	} `json:"plugindata"`
}

// openJanus opens a session at Janus's API.
func openJanus(ctx context.Context, url string) (*janus, error) {
	made, err := post(ctx, url, map[string]any{"janus": "create"})
	if err != nil {
		return nil, err
	}
	j := &janus{url: url + "/" + strconv.FormatUint(made.Data.ID, 10), joins: map[uint64]chan<- joined{}}
	polling, cancel := context.WithCancel(context.WithoutCancel(ctx)) // Close ends it
	j.cancel = cancel
	j.polled.Go(func() { j.poll(polling) })
	return j, nil
}

// Close ends the session, and all of its calls.
func (j *janus) Close(ctx context.Context) error {
	j.cancel()
	j.polled.Wait()
	_, err := post(ctx, j.url, map[string]any{"janus": "destroy"})
	return err
}

// join brings a telephone at an address into a room, and returns its handle and where Janus wants its sound.
func (j *janus) join(ctx context.Context, room int, codec string, kind int, telephone netip.AddrPort) (handle uint64, media netip.AddrPort, err error) {
	attached, err := post(ctx, j.url, map[string]any{"janus": "attach", "plugin": "janus.plugin.audiobridge"})
	if err != nil {
		return 0, media, err
	}
	handle = attached.Data.ID
	events := make(chan joined, 1)
	j.expect(handle, events)
	defer j.expect(handle, nil)
	body := map[string]any{
		"request": "join", "room": room, "codec": codec,
		"rtp": map[string]any{"ip": telephone.Addr().String(), "port": telephone.Port(), "payload_type": kind},
	}
	if _, err := post(ctx, j.of(handle), map[string]any{"janus": "message", "body": body}); err != nil {
		return handle, media, err
	}
	select {
	case <-ctx.Done():
		return handle, media, context.Cause(ctx)
	case e := <-events:
		if e.Error != "" {
			return handle, media, fmt.Errorf("janus: %s", e.Error)
		}
		addr, err := netip.ParseAddr(e.RTP.IP)
		if err != nil {
			return handle, media, fmt.Errorf("janus: %w", err)
		}
		return handle, netip.AddrPortFrom(addr, e.RTP.Port), nil
	}
}

// leave ends what join has begun.
func (j *janus) leave(ctx context.Context, handle uint64) error {
	_, err := post(ctx, j.of(handle), map[string]any{"janus": "detach"})
	return err
}

func (j *janus) of(handle uint64) string { return j.url + "/" + strconv.FormatUint(handle, 10) }

func (j *janus) expect(handle uint64, events chan<- joined) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if events == nil {
		delete(j.joins, handle)
		return
	}
	j.joins[handle] = events
}

// poll takes what Janus has to tell, most of which is that others have come or gone.
func (j *janus) poll(ctx context.Context) {
	for {
		var told []reply
		if err := exchange(ctx, http.MethodGet, j.url+"?maxev=10", nil, &told); err != nil {
			return // who waits for an event sees the end of a context
		}
		for i := range told {
			j.tell(told[i].Sender, told[i].PluginData.Data)
		}
	}
}

func (j *janus) tell(handle uint64, e joined) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if events := j.joins[handle]; events != nil && (e.AudioBridge == "joined" && e.RTP.Port != 0 || e.Error != "") {
		delete(j.joins, handle)
		events <- e // there is room for one
	}
}

// post makes a request that Janus answers with success, or confirms.
func post(ctx context.Context, url string, request map[string]any) (reply, error) {
	request["transaction"] = "load"
	text, err := json.Marshal(request)
	if err != nil {
		return reply{}, fmt.Errorf("janus: %w", err)
	}
	var r reply
	if err := exchange(ctx, http.MethodPost, url, text, &r); err != nil {
		return r, err
	}
	if r.Janus != "success" && r.Janus != "ack" {
		return r, fmt.Errorf("janus: %s %s", r.Janus, r.Error.Reason)
	}
	return r, nil
}

// exchange makes an HTTP request and reads its answer.
func exchange(ctx context.Context, method, url string, body []byte, answer any) (err error) {
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("janus: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("janus: %w", err)
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	if err := json.NewDecoder(response.Body).Decode(answer); err != nil {
		return fmt.Errorf("janus: %w", err)
	}
	return nil
}
