package api

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/dialplan"
	"github.com/confbridge/confbridge/rooms/entry"
)

// newNumbers is a bridge whose file declares the number 100.
func newNumbers(t *testing.T) (confbridgev1.NumberServiceClient, *entry.Desk) {
	t.Helper()
	desk, err := entry.New(entry.Config{Numbers: []dialplan.Number{{Dialled: "100", Room: "1000"}}}, rooms.NewRegistry(rooms.Config{}))
	if err != nil {
		t.Fatal(err)
	}
	b := newBridgeWith(t, rooms.Config{}, Config{Desk: desk})
	return confbridgev1.NewNumberServiceClient(b.conn), desk
}

func TestNumbersAreMadeChangedAndDeleted(t *testing.T) {
	client, _ := newNumbers(t)
	ctx := waitContext(t)
	same := func(step string, got *confbridgev1.Number, err error, want *confbridgev1.Number) {
		t.Helper()
		if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", step, err, diff)
		}
	}
	name := "numbers/%2F1*@carrier"
	got, err := client.CreateNumber(ctx, &confbridgev1.CreateNumberRequest{Number: &confbridgev1.Number{
		Name: "mine", Dialled: "/1*", Trunk: "carrier", Room: "rooms/2000", Voice: "de", Declared: true, Unreadable: true,
	}})
	made := &confbridgev1.Number{Name: name, Dialled: "/1*", Trunk: "carrier", Room: "rooms/2000", Voice: "de"}
	same("created", got, err, made)
	got, err = client.GetNumber(ctx, &confbridgev1.GetNumberRequest{Name: name})
	same("shown", got, err, made)
	update := func(n *confbridgev1.Number, mask ...string) (*confbridgev1.Number, error) {
		n.Name = name
		return client.UpdateNumber(ctx, &confbridgev1.UpdateNumberRequest{Number: n, UpdateMask: &fieldmaskpb.FieldMask{Paths: mask}})
	}
	got, err = update(&confbridgev1.Number{Room: "rooms/3000"})
	made.Room = "rooms/3000"
	same("without a mask what is given", got, err, made)
	got, err = update(&confbridgev1.Number{Room: "rooms/4000", Voice: "en"}, "voice")
	made.Voice = "en"
	same("what the mask names", got, err, made)
	got, err = update(&confbridgev1.Number{}, "*")
	made.Room, made.Voice = "", ""
	same("with * all of it", got, err, made)
	entrance, err := client.CreateNumber(ctx, &confbridgev1.CreateNumberRequest{Number: &confbridgev1.Number{Dialled: "200", Trunk: dialplan.Anonymous}})
	same("by no trunk", entrance, err, &confbridgev1.Number{Name: "numbers/200@anonymous", Dialled: "200", Trunk: "anonymous"})
	want := []*confbridgev1.Number{made, {Name: "numbers/100", Dialled: "100", Room: "rooms/1000", Declared: true}, entrance}
	var all []*confbridgev1.Number
	for token, first := "", true; first || token != ""; first = false {
		page, err := client.ListNumbers(ctx, &confbridgev1.ListNumbersRequest{PageSize: 1, PageToken: token})
		if err != nil || len(page.GetNumbers()) != 1 {
			t.Fatalf("got %v, %v", page, err)
		}
		all, token = append(all, page.GetNumbers()...), page.GetNextPageToken()
	}
	if diff := cmp.Diff(want, all, protocmp.Transform()); diff != "" {
		t.Errorf("listed (-want +got):\n%s", diff)
	}
	if _, err := client.DeleteNumber(ctx, &confbridgev1.DeleteNumberRequest{Name: name}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.GetNumber(ctx, &confbridgev1.GetNumberRequest{Name: name}); status.Code(err) != codes.NotFound {
		t.Errorf("deleted: got %v, want NOT_FOUND", err)
	}
}

func TestWhatCannotBeDoneToNumbersIsSaidClearly(t *testing.T) {
	client, desk := newNumbers(t)
	ctx := waitContext(t)
	desk.Numbers().Restore(entry.NumberMemory{Blocked: []dialplan.Key{{Dialled: "400"}}})
	create := func(n *confbridgev1.Number) error {
		_, err := client.CreateNumber(ctx, &confbridgev1.CreateNumberRequest{Number: n})
		return err
	}
	update := func(n *confbridgev1.Number, mask ...string) error {
		_, err := client.UpdateNumber(ctx, &confbridgev1.UpdateNumberRequest{Number: n, UpdateMask: &fieldmaskpb.FieldMask{Paths: mask}})
		return err
	}
	remove := func(name string) error {
		_, err := client.DeleteNumber(ctx, &confbridgev1.DeleteNumberRequest{Name: name})
		return err
	}
	get := func(name string) error {
		_, err := client.GetNumber(ctx, &confbridgev1.GetNumberRequest{Name: name})
		return err
	}
	list := func(size int32, token string) error {
		_, err := client.ListNumbers(ctx, &confbridgev1.ListNumbersRequest{PageSize: size, PageToken: token})
		return err
	}
	if err := create(&confbridgev1.Number{Dialled: "200"}); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name   string
		err    error
		code   codes.Code
		reason string
		says   string
	}{
		{"made twice", create(&confbridgev1.Number{Dialled: "200"}), codes.AlreadyExists, "NUMBER_EXISTS", "numbers/200: number exists already"},
		{
			"made where the file declares it", create(&confbridgev1.Number{Dialled: "100"}), codes.AlreadyExists, "NUMBER_EXISTS",
			"numbers/100: number exists already: it is declared in the configuration file",
		},
		{
			"changed in the file", update(&confbridgev1.Number{Name: "numbers/100", Room: "rooms/1"}), codes.FailedPrecondition, "NUMBER_DECLARED",
			"numbers/100: number is declared in the configuration file",
		},
		{
			"deleted in the file", remove("numbers/100"), codes.FailedPrecondition, "NUMBER_DECLARED",
			"numbers/100: number is declared in the configuration file",
		},
		{"deleted where there is none", remove("numbers/1"), codes.NotFound, "NUMBER_NOT_FOUND", "numbers/1: no such number"},
		{"one that cannot be read", get("numbers/400"), codes.Unavailable, "STORAGE_FAILED", "storage failed"},
		{"no number", create(nil), codes.InvalidArgument, "INVALID_ARGUMENT", "number.dialled: "},
		{"two stars", create(&confbridgev1.Number{Dialled: "1**"}), codes.InvalidArgument, "INVALID_ARGUMENT", "number.dialled: "},
		{
			"a trunk that there is none of", create(&confbridgev1.Number{Dialled: "1", Trunk: "nobody"}), codes.InvalidArgument, "INVALID_ARGUMENT",
			`number.trunk: there is no trunk "nobody"`,
		},
		{"a room without its collection", create(&confbridgev1.Number{Dialled: "1", Room: "1000"}), codes.InvalidArgument, "INVALID_ARGUMENT", "number.room: "},
		{"a voice that cannot be", update(&confbridgev1.Number{Name: "numbers/200", Voice: "no voice"}), codes.InvalidArgument, "INVALID_ARGUMENT", "number.voice: "},
		{"a field that cannot be changed", update(&confbridgev1.Number{Name: "numbers/200"}, "dialled"), codes.InvalidArgument, "INVALID_ARGUMENT", "cannot be changed"},
		{"a name that is written otherwise", get("numbers/%32"), codes.InvalidArgument, "INVALID_ARGUMENT", "is not the name of a number"},
		{"the name of a room", remove("rooms/200"), codes.InvalidArgument, "INVALID_ARGUMENT", "is not the name of a number"},
		{"a name that is none, to change", update(&confbridgev1.Number{}), codes.InvalidArgument, "INVALID_ARGUMENT", "number.name: "},
		{"a page of less than none", list(-1, ""), codes.InvalidArgument, "INVALID_ARGUMENT", "page_size: "},
		{"a token of another list", list(1, cursor{collection: roomsCollection, last: "1"}.token()), codes.InvalidArgument, "INVALID_ARGUMENT", "page_token: "},
	} {
		st := status.Convert(row.err)
		if st.Code() != row.code || !strings.Contains(st.Message(), row.says) {
			t.Errorf("%s: got %v, want %v and %q", row.name, row.err, row.code, row.says)
			continue
		}
		if got := detail[*errdetails.ErrorInfo](t, st).GetReason(); got != row.reason {
			t.Errorf("%s: got reason %s, want %s", row.name, got, row.reason)
		}
	}
	if got := detail[*errdetails.ResourceInfo](t, status.Convert(get("numbers/1"))); got.GetResourceType() != "confbridge.v1.Number" || got.GetResourceName() != "numbers/1" {
		t.Errorf("got %v", got)
	}
}

// Every sentinel of package entry that can come out of it has a row in the table of errors.
func TestSentinelsOfNumbersHaveTheirCodes(t *testing.T) {
	req := &confbridgev1.GetNumberRequest{Name: "numbers/1"}
	for _, sentinel := range []error{
		entry.ErrInvalid, entry.ErrNoInvitation, entry.ErrNoNumber, entry.ErrNumberExists, entry.ErrNumberInFile, entry.ErrNumberDeclared, entry.ErrTooManyNumbers,
	} {
		st := toStatus(req, fmt.Errorf("number: %w", sentinel))
		if st.Code() == codes.Internal || !strings.Contains(st.Message(), sentinel.Error()) {
			t.Errorf("%v: got %v", sentinel, st)
		}
	}
}

// The longest number that can be has a token for the page behind it.
func TestATokenHoldsTheLongestNumber(t *testing.T) {
	id := dialplan.Key{Dialled: strings.Repeat("/", 128), Trunk: strings.Repeat("x", 64)}.ID()
	got, err := parseToken(numbersCollection, cursor{collection: numbersCollection, last: id}.token())
	if err != nil || got.last != id {
		t.Errorf("got %+v, %v", got, err)
	}
}
