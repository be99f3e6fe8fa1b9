package sipua

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"strings"
	"testing"

	"github.com/confbridge/confbridge/media"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/sipua/message"
	"github.com/confbridge/confbridge/sipua/sdp"
	"github.com/confbridge/confbridge/sipua/trunk"
)

// sentinels finds the names of all exported Err variables of a package's source.
func sentinels(t *testing.T, dir string) []string {
	t.Helper()
	pkgs, err := parser.ParseDir(token.NewFileSet(), dir, func(f fs.FileInfo) bool { return !strings.HasSuffix(f.Name(), "_test.go") }, 0) //nolint:staticcheck // no types are needed here
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, pkg := range pkgs {
		ast.Inspect(pkg, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			for _, name := range spec.Names {
				if strings.HasPrefix(name.Name, "Err") {
					names = append(names, name.Name)
				}
			}
			return true
		})
	}
	return names
}

func TestEverySentinelHasAStatus(t *testing.T) {
	want := map[string]map[string]struct {
		err    error
		status int
	}{
		"../rooms": {
			"ErrNoRoom": {rooms.ErrNoRoom, 404}, "ErrRoomExists": {rooms.ErrRoomExists, 500},
			"ErrDeclared": {rooms.ErrDeclared, 500}, "ErrStorage": {rooms.ErrStorage, 503},
			"ErrNoParticipant": {rooms.ErrNoParticipant, 480}, "ErrLocked": {rooms.ErrLocked, 480},
			"ErrFull": {rooms.ErrFull, 486}, "ErrOccupied": {rooms.ErrOccupied, 500},
			"ErrDraining": {rooms.ErrDraining, 503}, "ErrClosed": {rooms.ErrClosed, 480}, "ErrOverloaded": {rooms.ErrOverloaded, 503},
			"ErrInvalid": {rooms.ErrInvalid, 404}, "ErrMediaTimeout": {rooms.ErrMediaTimeout, 480},
			"ErrBanned": {rooms.ErrBanned, 403}, "ErrNotWaiting": {rooms.ErrNotWaiting, 500},
			"ErrNotAllowed": {rooms.ErrNotAllowed, 500}, "ErrNoFloor": {rooms.ErrNoFloor, 500}, "ErrNoBan": {rooms.ErrNoBan, 500},
			"ErrBusy":  {rooms.ErrBusy, 500},
			"ErrEmpty": {rooms.ErrEmpty, 500}, "ErrRecording": {rooms.ErrRecording, 500},
			"ErrNotRecording": {rooms.ErrNotRecording, 500}, "ErrNoRecorder": {rooms.ErrNoRecorder, 500},
			"ErrNoRecording": {rooms.ErrNoRecording, 500}, "ErrRecordingOpen": {rooms.ErrRecordingOpen, 500},
			"ErrDiskLow": {rooms.ErrDiskLow, 500}, "ErrDisk": {rooms.ErrDisk, 500},
			"ErrTooLong": {rooms.ErrTooLong, 500}, "ErrNotOpen": {rooms.ErrNotOpen, 480},
			"ErrNoKeys": {rooms.ErrNoKeys, 500}, "ErrKeyQueue": {rooms.ErrKeyQueue, 500}, "ErrElsewhere": {rooms.ErrElsewhere, 403},
		},
		"../media": {
			"ErrInvalid": {media.ErrInvalid, 488}, "ErrNoPorts": {media.ErrNoPorts, 503},
			"ErrClosed": {media.ErrClosed, 480}, "ErrTimeout": {media.ErrTimeout, 480},
			"ErrNoEvents": {media.ErrNoEvents, 500}, "ErrKeyQueue": {media.ErrKeyQueue, 500}, "ErrLoop": {media.ErrLoop, 482},
		},
		"sdp": {
			"ErrMalformed": {sdp.ErrMalformed, 400}, "ErrTooMany": {sdp.ErrTooMany, 488},
			"ErrNoAudio": {sdp.ErrNoAudio, 488}, "ErrNoCodec": {sdp.ErrNoCodec, 488},
			"ErrTransport": {sdp.ErrTransport, 488}, "ErrAddress": {sdp.ErrAddress, 488},
			"ErrMulticast": {sdp.ErrMulticast, 488},
		},
		"trunk": {
			"ErrUnauthorized": {trunk.ErrUnauthorized, 401}, "ErrURI": {trunk.ErrURI, 400},
			"ErrForbidden": {trunk.ErrForbidden, 403}, "ErrBlocked": {trunk.ErrBlocked, 403},
			"ErrNoNumber": {trunk.ErrNoNumber, 404}, "ErrLimit": {trunk.ErrLimit, 486},
			"ErrRate": {trunk.ErrRate, 503}, "ErrConfig": {trunk.ErrConfig, 500},
			"ErrAddress": {trunk.ErrAddress, 500}, "ErrNoTrunk": {trunk.ErrNoTrunk, 500}, "ErrDenied": {trunk.ErrDenied, 500},
		},
	}
	inTable := func(err error) bool {
		for _, row := range refusals {
			if errors.Is(err, row.err) {
				return true
			}
		}
		return false
	}
	for dir, rows := range want {
		for _, name := range sentinels(t, dir) {
			row, ok := rows[name]
			if !ok {
				t.Errorf("%s.%s has no status", dir, name)
				continue
			}
			err := fmt.Errorf("wrapped: %w", row.err)
			r := refuse(err)
			if !inTable(err) || r.status != row.status {
				t.Errorf("%s.%s: got %d, in the table %v, want %d", dir, name, r.status, inTable(err), row.status)
			}
			res := &message.Message{StatusCode: r.status}
			r.fill(res, "192.0.2.9", 10, "")
			if retry, has := res.Header("Retry-After"); r.status == 503 && (!has || retry != "10") {
				t.Errorf("%s.%s: 503 without Retry-After", dir, name)
			}
			if r.status == 488 && len(res.Warnings()) != 1 {
				t.Errorf("%s.%s: 488 without Warning", dir, name)
			}
		}
	}
	if got := refuse(errors.New("unheard of")).status; got != 500 {
		t.Errorf("an unknown error: got %d, want 500", got)
	}
}

func TestEveryReasonHasWords(t *testing.T) {
	seen := map[string]rooms.Reason{}
	var all []rooms.Reason
	for why := rooms.ReasonRemoved; why <= rooms.ReasonDraining; why++ {
		all = append(all, why)
	}
	for why := rooms.ReasonWrongPIN; why <= rooms.ReasonOverloaded; why++ {
		all = append(all, why)
	}
	for _, why := range all {
		r := byeReason(why)
		if other, had := seen[r.Text]; had || r.Text == "" || r.Cause == 0 || r.Protocol == "" {
			t.Errorf("reason %d is told as %+v, reason %d too", why, r, other)
		}
		seen[r.Text] = why
	}
}
