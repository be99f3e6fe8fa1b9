package api

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/confbridge/confbridge/media/session"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/distribution"
	"github.com/confbridge/confbridge/rooms/distributor"
)

// Sessions knows the distributions of rooms; *distributor.Distributor is one. Errors are rooms.ErrNoRoom, distributor.ErrNoDistribution and others.
type Sessions interface {
	// List are those of a room, in order of ID.
	List(ctx context.Context, room string) ([]distributor.View, error)
	// Describe is one as players need it.
	Describe(ctx context.Context, room, id string) (session.Session, error)
}

// sessionPages are the descriptions of distributions over HTTP: a page to choose on, and what players open. None has a key: the listener has no TLS.
type sessionPages struct {
	sessions Sessions
	log      *slog.Logger
}

// sessionTimeout is how long a room may take to answer.
const sessionTimeout = 5 * time.Second

const (
	descriptionSuffix = ".sdp"
	playlistSuffix    = ".m3u"
)

// handle adds the pages; GET is HEAD too.
func (p *sessionPages) handle(mux *http.ServeMux) {
	mux.HandleFunc("GET /rooms/{room}/distributions/{$}", p.list)
	mux.HandleFunc("GET /rooms/{room}/distributions/{file}", p.file)
}

// list is the page of a room.
func (p *sessionPages) list(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), sessionTimeout)
	defer cancel()
	room := r.PathValue("room")
	all, err := p.sessions.List(ctx, room)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	page := roomPage{Room: room}
	for _, v := range all {
		page.Rows = append(page.Rows, newSessionRow(v))
	}
	var b bytes.Buffer
	if err := roomTemplate.Execute(&b, page); err != nil {
		p.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	show(w, "text/html; charset=utf-8", b.Bytes())
}

// file is the description of one distribution, or a playlist of it.
func (p *sessionPages) file(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), sessionTimeout)
	defer cancel()
	room, name := r.PathValue("room"), r.PathValue("file")
	id, described := strings.CutSuffix(name, descriptionSuffix)
	listed := false
	if !described {
		id, listed = strings.CutSuffix(name, playlistSuffix)
	}
	if !described && !listed || !distribution.IsID(id) {
		answer(w, http.StatusNotFound, "there is no such file: want the ID of a distribution with "+descriptionSuffix+" or "+playlistSuffix)
		return
	}
	s, err := p.sessions.Describe(ctx, room, id)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	if described {
		p.describe(w, r, s)
		return
	}
	at, err := descriptionURL(r, room, id)
	if err != nil {
		answer(w, http.StatusBadRequest, "the Host is of no use in a playlist")
		return
	}
	text, err := session.Playlist(session.Entry{Name: s.Name, URL: at})
	if err != nil {
		p.fail(w, r, err)
		return
	}
	show(w, session.PlaylistType, text)
}

func (p *sessionPages) describe(w http.ResponseWriter, r *http.Request, s session.Session) {
	text, err := s.Marshal()
	if err != nil {
		p.fail(w, r, err)
		return
	}
	show(w, session.ContentType, text)
}

// descriptionURL is where a description is found by whoever has found the playlist: at the same Host.
func descriptionURL(r *http.Request, room, id string) (string, error) {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	at := scheme + "://" + r.Host + "/rooms/" + escapeSegment(room) + "/distributions/" + id + descriptionSuffix
	u, err := url.Parse(at)
	if err != nil || r.Host == "" || u.Host != r.Host {
		return "", fmt.Errorf("host %q: %w", r.Host, session.ErrInvalid)
	}
	return at, nil
}

// escapeSegment is a segment of a path that no player takes for another: some read + as a space.
func escapeSegment(text string) string { return strings.ReplaceAll(url.PathEscape(text), "+", "%2B") }

// fail answers with what went wrong, in a word.
func (p *sessionPages) fail(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, rooms.ErrNoRoom), errors.Is(err, rooms.ErrInvalid):
		answer(w, http.StatusNotFound, "there is no such room")
	case errors.Is(err, distributor.ErrNoDistribution):
		answer(w, http.StatusNotFound, "the room has no such distribution")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), errors.Is(err, rooms.ErrDraining):
		answer(w, http.StatusServiceUnavailable, "not now")
	default:
		p.log.Error("a session is not shown", "path", r.URL.Path, "err", err)
		answer(w, http.StatusInternalServerError, "the session cannot be shown")
	}
}

// show is a document that nobody keeps.
func show(w http.ResponseWriter, kind string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(body) // fails only when the client has gone
}

// roomPage is what the page of a room has.
type roomPage struct {
	Room string
	Rows []sessionRow
}

// sessionRow is one distribution on it.
type sessionRow struct {
	ID, To, Codec, Reach string
	Description          string // its file, and that of the playlist
	Playlist             string
	Off, Encrypted       bool
}

func newSessionRow(v distributor.View) sessionRow {
	row := sessionRow{
		ID: v.ID, Description: v.ID + descriptionSuffix, Playlist: v.ID + playlistSuffix, Codec: string(v.Codec),
		Off: !v.Runs, Encrypted: v.Suite != distribution.SuiteNone,
	}
	switch {
	case len(v.To) == 1:
		row.To = v.To[0].String()
	default:
		row.To = strconv.Itoa(len(v.To)) + " listeners"
	}
	row.Reach = "TTL " + strconv.Itoa(v.TTL)
	if len(v.To) > 0 && v.To[0].Addr().Is6() {
		row.Reach = "hop limit " + strconv.Itoa(v.TTL)
	}
	if v.Source.IsValid() {
		row.Reach += ", from " + v.Source.String()
	}
	return row
}

//go:embed sessionpages.html
var roomHTML string

var roomTemplate = template.Must(template.New("room").Parse(roomHTML))
