package main

import (
	"testing"
	"time"
)

func TestWhereNoPINComesFrom(t *testing.T) {
	addr := sample().start(t)
	for _, row := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--pin", "1", "--pin-file", "testdata/pin.txt"}, exitUsage, "confbridge: --pin and --pin-file are one too many\n"},
		{[]string{"--moderator-pin-file", "testdata/none.txt"}, exitError, "confbridge: --moderator-pin: open testdata/none.txt: no such file or directory\n"},
		{[]string{"--pin-file", "/dev/null"}, exitError, "confbridge: --pin: there is no PIN to read\n"},
	} {
		for _, command := range []string{"create", "update"} {
			got := runAt(t.Context(), nil, append([]string{"rooms", command, "1000", "--api", addr}, row.args...)...)
			if got.code != row.code || got.stderr != row.want || got.stdout != "" {
				t.Errorf("rooms %s %q: got exit %d, %q, want %d, %q", command, row.args, got.code, got.stderr, row.code, row.want)
			}
		}
	}
}

func TestMomentsOfTheMachinesZone(t *testing.T) {
	zone := time.FixedZone("CET", 3600)
	for text, want := range map[momentFlag]string{
		"":                          "",
		"2026-12-01 09:00":          "2026-12-01T08:00:00Z",
		"2026-12-01T09:00:00Z":      "2026-12-01T09:00:00Z",
		"2026-12-01T09:00:00+02:00": "2026-12-01T07:00:00Z",
	} {
		at, err := text.in(zone)
		got := ""
		if at != nil {
			got = at.AsTime().Format(time.RFC3339)
		}
		if err != nil || got != want {
			t.Errorf("%q: got %q, %v; want %q", text, got, err, want)
		}
	}
	got := runAt(t.Context(), nil, "invitations", "create", "1000", "--until", "tomorrow")
	if got.code != exitUsage || got.stderr != "confbridge: --until: \"tomorrow\" is not a time, like \"2026-12-01 09:00\" or 2026-12-01T09:00:00Z\n" {
		t.Errorf("got exit %d, %q", got.code, got.stderr)
	}
}
