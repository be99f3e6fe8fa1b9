package test

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/confbridge/confbridge/mixer/codec"
	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/test/bridge"
)

// records asks for the records of calls as users do.
func (b *running) records(t *testing.T, args ...string) []*confbridgev1.CallRecord {
	t.Helper()
	all := &confbridgev1.ListCallRecordsResponse{}
	if err := protojson.Unmarshal([]byte(b.must(t, append([]string{"cdr", "--json"}, args...)...)), all); err != nil {
		t.Fatal(err)
	}
	return all.GetCallRecords()
}

func TestEachCallLeavesARecordThatOutlivesKill9(t *testing.T) {
	t.Parallel()
	b := startBridge(t, bridge.Config{Closed: true})
	b.must(t, "rooms", "create", "1000")
	const calls = 10
	b.sipp(t, b.UDP, "-sn", "uac", "-m", strconv.Itoa(calls), "-r", "20", "-d", "1000")
	scenario, err := filepath.Abs("sipp/not_found.xml")
	if err != nil {
		t.Fatal(err)
	}
	b.sipp(t, b.TCP, "-sf", scenario, "-m", "1", "-t", "t1", "-s", "2000")
	guest := invite(t, newClient(t), "sip:1000@"+b.UDP, codec.PCMU, tone(440, 8000, 1))
	eventually(t, "sound from the guest", func() bool { return b.present(t, "1000", 1)[0].GetMedia().GetPacketsReceived() > 20 })
	b.must(t, "participants", "kick", "1000", b.present(t, "1000", 1)[0].GetName()[len("rooms/1000/participants/"):])
	<-guest.call.Done()

	var last *confbridgev1.CallRecord
	eventually(t, "all records", func() bool {
		all := b.records(t)
		if len(all) > 0 {
			last = all[len(all)-1]
		}
		return len(all) == calls+2
	})
	if got := b.records(t, "--room", "1000"); len(got) != calls+1 {
		t.Errorf("got %d records of room 1000, want %d", len(got), calls+1)
	}
	for _, r := range b.records(t)[:calls] {
		if r.GetStatus() != 200 || r.GetNumber() != "1000" || r.GetSeat() == nil || r.GetDuration().AsDuration() <= 0 ||
			r.GetEndedBy() != confbridgev1.CallRecord_SIDE_PEER || r.GetTransport() != "udp" {
			t.Errorf("got %v", r)
		}
	}
	seat := last.GetSeat()
	if last.GetEndedBy() != confbridgev1.CallRecord_SIDE_BRIDGE || last.GetReason() != "removed by a moderator" || seat.GetCodec() != "PCMU" ||
		seat.GetReceivedCodec() != "PCMU" || seat.GetPacketsReceived() <= 20 {
		t.Errorf("got %v", last)
	}
	rows, err := csv.NewReader(strings.NewReader(b.must(t, "cdr", "--csv"))).ReadAll()
	if err != nil || len(rows) != 1+calls+2 {
		t.Errorf("got %d rows of CSV (%v)", len(rows), err)
	}
	if written, _ := b.metric(t, "confbridge_call_records_total", `result="written"`); written != calls+2 {
		t.Errorf("the metric says %v", written)
	}

	if err := syscall.Kill(b.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	b.conn.Close()
	b.stopped = true
	_, _ = b.Stop() // it was killed: no end that it could be blamed for
	files, err := filepath.Glob(filepath.Join(b.cfg.Dir, "data", "cdr", "*.jsonl"))
	if err != nil || len(files) == 0 {
		t.Fatalf("got %v, %v", files, err)
	}
	tear(t, files[len(files)-1])
	again := b.restart(t)
	if r := again.run(t, "call", "sip:2000@"+again.UDP, "--for", "1s"); r.code == 0 {
		t.Error("a call to a room that is not there was answered")
	}
	eventually(t, "one more record", func() bool { return len(again.records(t)) == calls+3 })
}

// tear leaves a file with half a line at its end, as one who is killed in the middle of it does.
func tear(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(`{"id":"torn","ended":"2026-`); err != nil {
		t.Fatal(err)
	}
}
