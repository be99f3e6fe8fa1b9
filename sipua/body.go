package sipua

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"slices"
	"strings"

	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/transaction"
)

// Limits on bodies.
const (
	maxBodyBytes = 32 << 10 // one body, with all its parts; beyond it 413
	maxParts     = 16       // parts of one body in all
	maxDepth     = 4        // multiparts within multiparts
)

// What is wrong with a body.
var (
	errBodyUnknown   = errors.New("body of a type that is not understood")
	errBodyEncoded   = errors.New("body in an encoding that is not understood")
	errBodyMalformed = errors.New("malformed multipart body")
)

// content is a body, or the part of one, that is of a type we look for. It shares memory with the message where it was not
// decoded.
type content struct {
	kind string // media type, in lower case
	data []byte
}

// entity is one body or body part with what its header says of it (RFC 3261 §20.11 to §20.15).
type entity struct {
	kind        string
	boundary    string
	disposition string // type, in lower case; empty where none is given
	optional    bool   // handling=optional; absent means required (RFC 5621 §8.2)
	encoding    string // Content-Encoding; empty for identity
	transfer    string // Content-Transfer-Encoding
	data        []byte
}

// contentOf finds what there is of the accepted types in a message's body (RFC 5621); nil where there is nothing, or nothing but
// what may be passed over. Content-Language is no reason to refuse: nothing that we understand is read by people.
func contentOf(m *message.Message, accepted ...string) (*content, error) {
	if len(m.Body) == 0 {
		return nil, nil
	}
	kind, params := m.ContentType()
	boundary, _ := params.Find("boundary")
	e := entity{kind: kind, boundary: boundary, data: m.Body}
	e.encoding = strings.Join(m.Tokens("Content-Encoding"), ", ")
	disposition, _ := m.Header("Content-Disposition")
	e.dispose(disposition)
	parts := maxParts
	return e.find(accepted, &parts, maxDepth)
}

// sessionIn is the SDP in a message from which nothing else is wanted: an ACK or a response; nil where there is none.
func sessionIn(m *message.Message) []byte {
	c, err := contentOf(m, acceptSDP)
	if err != nil || c == nil {
		return nil
	}
	return c.data
}

// dispose reads a Content-Disposition (RFC 3261 §20.11). Quoted strings in it are of no matter here.
func (e *entity) dispose(value string) {
	kind, rest, _ := strings.Cut(strings.ToLower(value), ";")
	e.disposition = strings.TrimSpace(kind)
	for p := range strings.SplitSeq(rest, ";") {
		name, v, _ := strings.Cut(p, "=")
		if strings.TrimSpace(name) == "handling" {
			e.optional = strings.Trim(v, " \t\"") == "optional"
		}
	}
}

// find is understand, with what is not understood passed over where it may be.
func (e *entity) find(accepted []string, parts *int, depth int) (*content, error) {
	c, err := e.understand(accepted, parts, depth)
	if e.optional && (errors.Is(err, errBodyUnknown) || errors.Is(err, errBodyEncoded)) {
		return nil, nil
	}
	return c, err
}

func (e *entity) understand(accepted []string, parts *int, depth int) (*content, error) {
	if e.encoding != "" && !strings.EqualFold(e.encoding, "identity") {
		return nil, errBodyEncoded
	}
	switch {
	case slices.Contains(accepted, e.kind):
		if e.kind == acceptSDP && e.disposition != "" && e.disposition != "session" {
			return nil, errBodyUnknown // early-session (RFC 3959), or a picture of a session
		}
		data, err := e.decoded()
		return &content{kind: e.kind, data: data}, err
	case strings.HasPrefix(e.kind, "multipart/"):
		if e.boundary == "" || depth == 0 {
			return nil, errBodyMalformed
		}
		return e.parts(accepted, parts, depth-1)
	}
	return nil, errBodyUnknown
}

// parts reads a multipart (RFC 2046 §5.1). Of an alternative the last part that is understood counts, and the others may be
// anything (RFC 5621 §4); of all others, mixed and unknown ones alike (RFC 5621 §3.1), the first that we look for, and every part
// must be understood or optional.
func (e *entity) parts(accepted []string, left *int, depth int) (*content, error) {
	alternative := e.kind == "multipart/alternative"
	var found *content
	understood := false
	r := multipart.NewReader(bytes.NewReader(e.data), e.boundary)
	for {
		p, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if *left--; err != nil || *left < 0 {
			return nil, errBodyMalformed
		}
		part, err := newPart(p)
		if err != nil {
			return nil, err
		}
		read := part.find
		if alternative { // the handling of the alternative counts, not that of what there is to choose from
			read = part.understand
		}
		c, err := read(accepted, left, depth)
		switch {
		case err != nil && (!alternative || errors.Is(err, errBodyMalformed)):
			return nil, err
		case err != nil:
		case alternative:
			found, understood = c, true
		case found == nil:
			found = c
		}
	}
	if alternative && !understood {
		return nil, errBodyUnknown
	}
	return found, nil
}

func newPart(p *multipart.Part) (entity, error) {
	kind, params, err := mime.ParseMediaType(p.Header.Get("Content-Type"))
	if err != nil {
		kind, params = "text/plain", nil // RFC 2046 §5.1
	}
	e := entity{
		kind: strings.ToLower(kind), boundary: params["boundary"],
		encoding: p.Header.Get("Content-Encoding"), transfer: strings.ToLower(p.Header.Get("Content-Transfer-Encoding")),
	}
	e.dispose(p.Header.Get("Content-Disposition"))
	if e.data, err = io.ReadAll(p); err != nil { // at most the message's own length
		return e, errBodyMalformed
	}
	return e, nil
}

// decoded undoes the transfer encoding, which SIP does not need and gateways to mail use.
func (e *entity) decoded() ([]byte, error) {
	var r io.Reader
	switch e.transfer {
	case "", "binary", "8bit", "7bit":
		return e.data, nil
	case "base64":
		r = base64.NewDecoder(base64.StdEncoding, bytes.NewReader(e.data))
	case "quoted-printable":
		r = quotedprintable.NewReader(bytes.NewReader(e.data))
	default:
		return nil, errBodyEncoded
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, errBodyMalformed
	}
	return data, nil
}

// readable finds what of a request's body is of the types in accept, which is a list as of an Accept field (RFC 3261 §8.2.3). Body
// is nil where there is none, or one that may be passed over. If ok is false, the request has been answered.
func (ep *endpoint) readable(tx *transaction.ServerTx, accept string) (body []byte, contentType string, ok bool) {
	req := tx.Request()
	if len(req.Body) > maxBodyBytes { // RFC 3261 §21.4.11
		ep.reply(tx, 413, "")
		return nil, "", false
	}
	if accept == acceptSDP && !acceptsSDP(req) { // RFC 3261 §21.4.7, RFC 4475 §3.3.15
		res := tx.Response(406, "")
		res.AddWarning(message.Warning{Code: 399, Agent: tx.Flow().SentBy.Host, Text: "only application/sdp can be sent"})
		ep.respond(tx, res)
		return nil, "", false
	}
	c, err := contentOf(req, strings.Split(accept, ", ")...)
	switch {
	case errors.Is(err, errBodyMalformed):
		ep.reply(tx, 400, "Malformed multipart body")
	case err != nil:
		res := tx.Response(415, "")
		res.Add("Accept", accept+", "+acceptMultipart)
		if errors.Is(err, errBodyEncoded) {
			res.Add("Accept-Encoding", "identity")
		}
		ep.respond(tx, res)
	case c == nil:
		return nil, "", true
	default:
		return c.data, c.kind, true
	}
	return nil, "", false
}

// acceptsSDP says whether a response may have SDP (RFC 3261 §20.1). Without an Accept field it may.
func acceptsSDP(req *message.Message) bool {
	if _, there := req.Header("Accept"); !there {
		return true
	}
	for _, t := range req.Tokens("Accept") {
		kind, _, _ := strings.Cut(t, ";")
		switch strings.ToLower(strings.ReplaceAll(strings.ReplaceAll(kind, " ", ""), "\t", "")) {
		case acceptSDP, "application/*", "*/*":
			return true
		}
	}
	return false
}
