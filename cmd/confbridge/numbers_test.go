package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/emptypb"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
)

func sampleNumbers() []*confbridgev1.Number {
	return []*confbridgev1.Number{
		{Name: "numbers/+4930123400", Dialled: "+4930123400", Room: "rooms/1000", Declared: true},
		{Name: "numbers/+49301234*@carrier", Dialled: "+49301234*", Trunk: "carrier", Voice: "de"},
		{Name: "numbers/%1B%5B31m@anonymous", Dialled: "\x1b[31m", Trunk: "anonymous", Unreadable: true},
	}
}

// ListNumbers has pages of one number.
func (f *fakeBridge) ListNumbers(_ context.Context, req *confbridgev1.ListNumbersRequest) (*confbridgev1.ListNumbersResponse, error) {
	i, all := len(req.GetPageToken()), sampleNumbers()
	resp := &confbridgev1.ListNumbersResponse{Numbers: all[i : i+1]}
	if i+1 < len(all) {
		resp.NextPageToken = strings.Repeat("x", i+1)
	}
	return resp, nil
}

func (f *fakeBridge) GetNumber(_ context.Context, req *confbridgev1.GetNumberRequest) (*confbridgev1.Number, error) {
	f.keep(req)
	return sampleNumbers()[1], nil
}

func (f *fakeBridge) CreateNumber(_ context.Context, req *confbridgev1.CreateNumberRequest) (*confbridgev1.Number, error) {
	f.keep(req)
	return sampleNumbers()[1], nil
}

func (f *fakeBridge) UpdateNumber(_ context.Context, req *confbridgev1.UpdateNumberRequest) (*confbridgev1.Number, error) {
	f.keep(req)
	return sampleNumbers()[1], nil
}

func (f *fakeBridge) DeleteNumber(_ context.Context, req *confbridgev1.DeleteNumberRequest) (*emptypb.Empty, error) {
	f.keep(req)
	return &emptypb.Empty{}, nil
}

func TestNumbersComeBackOutOfTheFileOfRooms(t *testing.T) {
	from, to := startAPI(t), startAPI(t)
	cli := func(addr string, args ...string) string {
		t.Helper()
		got := runAt(t.Context(), map[string]string{"CONFBRIDGE_API": addr}, args...)
		if got.code != exitOK {
			t.Fatalf("%v: exit %d, %s", args, got.code, got.stderr)
		}
		return got.stdout
	}
	cli(from, "numbers", "create", "+4930123400", "--room", "1000", "--voice", "de")
	cli(from, "numbers", "create", "0042*", "--trunk", "anonymous")
	cli(from, "numbers", "create", "no: \"1\"\n", "--room", "007")
	exported := cli(from, "rooms", "export")
	file := filepath.Join(t.TempDir(), "rooms.yaml")
	if err := os.WriteFile(file, []byte(exported), 0o600); err != nil {
		t.Fatal(err)
	}
	told := func(done string) string {
		return strings.ReplaceAll("numbers/+4930123400: DONE\nnumbers/0042*@anonymous: DONE\nnumbers/no%3A%20%221%22%0A: DONE\n", "DONE", done)
	}
	if diff := cmp.Diff(told("would be created"), cli(to, "rooms", "import", file, "--dry-run")); diff != "" {
		t.Errorf("dry run (-want +got):\n%s", diff)
	}
	for _, done := range []string{"created", "updated"} {
		if diff := cmp.Diff(told(done), cli(to, "rooms", "import", file)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", done, diff)
		}
		if diff := cmp.Diff(exported, cli(to, "rooms", "export")); diff != "" {
			t.Errorf("%s, exported again (-want +got):\n%s", done, diff)
		}
		cli(to, "numbers", "update", "+4930123400", "--room=", "--voice=")
	}
	if got := cli(to, "numbers", "show", "numbers/+4930123400"); !strings.Contains(got, "an entrance") {
		t.Errorf("changed: got\n%s", got)
	}
	cli(to, "numbers", "delete", "0042*", "--trunk", "anonymous")
	if got := cli(to, "numbers", "list"); strings.Contains(got, "0042") || !strings.Contains(got, "+4930123400") {
		t.Errorf("deleted: got\n%s", got)
	}
}
