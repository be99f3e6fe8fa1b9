package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
)

type cdrCmd struct {
	apiFlags
	Since string `default:"24h" placeholder:"TIME" help:"Only calls that ended then or later: 24h or 7d ago, 2026-03-04, or 2026-03-04T12:00:00Z (24h)."`
	Until string `placeholder:"TIME" help:"Only calls that ended before then."`
	Room  string `placeholder:"ROOM" help:"Only calls of that room."`
	CSV   bool   `name:"csv" help:"Print CSV with a header."`
}

// Run bounds the time of each page and not of the whole: there may be very many.
func (cmd *cdrCmd) Run(ctx context.Context, c *console) error {
	if cmd.CSV && cmd.JSON {
		return usageError{errors.New("--csv and --json are two ways to print the same: give one")}
	}
	req := &confbridgev1.ListCallRecordsRequest{PageSize: 1000}
	for _, f := range []struct {
		flag, text string
		to         **timestamppb.Timestamp
	}{{"--since", cmd.Since, &req.StartTime}, {"--until", cmd.Until, &req.EndTime}} {
		t, err := c.pastTime(f.text)
		if err != nil {
			return usageError{fmt.Errorf("%s: %w", f.flag, err)}
		}
		if !t.IsZero() {
			*f.to = timestamppb.New(t)
		}
	}
	if cmd.Room != "" {
		req.Room = roomName(cmd.Room)
	}
	if cmd.CSV {
		return cmd.printCSV(ctx, c.stdout, req)
	}
	all := &confbridgev1.ListCallRecordsResponse{}
	err := cmd.pages(ctx, req, func(page []*confbridgev1.CallRecord) error {
		all.CallRecords = append(all.CallRecords, page...)
		return nil
	})
	if err != nil {
		return err
	}
	if cmd.JSON {
		return printJSON(c.stdout, all, true)
	}
	return c.recordTable(all.GetCallRecords()).print(c.stdout)
}

// pages hands out page after page.
func (cmd *cdrCmd) pages(ctx context.Context, req *confbridgev1.ListCallRecordsRequest, take func([]*confbridgev1.CallRecord) error) error {
	for {
		err := cmd.call(ctx, func(ctx context.Context, api client) error {
			page, err := api.records.ListCallRecords(ctx, req)
			if err != nil {
				return err
			}
			req.PageToken = page.GetNextPageToken()
			return take(page.GetCallRecords())
		})
		if err != nil || req.PageToken == "" {
			return err
		}
	}
}

// pastTime reads a time ago, a day in the console's zone, or a moment; zero for nothing.
func (c *console) pastTime(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 && n <= 100_000 {
			return c.now().AddDate(0, 0, -n), nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return c.now().Add(-d), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, c.zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is neither a time ago, like 24h or 7d, nor a time, like 2026-03-04 or 2026-03-04T12:00:00Z", text)
}

func (c *console) recordTable(records []*confbridgev1.CallRecord) *table {
	t := &table{
		first:  1,
		header: []string{"ENDED", "WHO", "NUMBER", "ROOM", "LENGTH", "STATUS", "REASON"},
		right:  []bool{false, false, false, false, true, true, false},
	}
	for _, r := range records {
		length := "-"
		if r.GetAnswerTime() != nil {
			length = span(r.GetDuration().AsDuration())
		}
		who := strings.TrimPrefix(strings.TrimPrefix(r.GetAddress(), "sips:"), "sip:")
		if r.GetDirection() == confbridgev1.CallRecord_DIRECTION_OUT {
			who = "to " + who
		}
		t.add(r.GetEndTime().AsTime().In(c.zone).Format("2006-01-02 15:04"), who, r.GetNumber(), orNone(number(r.GetRoom())), length,
			strconv.Itoa(int(r.GetStatus())), r.GetReason())
	}
	return t
}

func orNone(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// csvHeader are the columns of CSV. More may come, at the end.
var csvHeader = []string{
	"id", "direction", "began", "answered", "ended", "duration_s", "address", "display_name", "number", "room", "trunk", "transport", "remote",
	"call_id", "status", "ended_by", "reason", "participant", "role", "joined", "left", "codec", "received_codec", "packets_received",
	"packets_lost", "loss", "concealed", "mos", "reported_loss", "round_trip_ms",
}

func (cmd *cdrCmd) printCSV(ctx context.Context, to io.Writer, req *confbridgev1.ListCallRecordsRequest) error {
	w := csv.NewWriter(to)
	if err := w.Write(csvHeader); err != nil {
		return err
	}
	err := cmd.pages(ctx, req, func(page []*confbridgev1.CallRecord) error {
		for _, r := range page {
			if err := w.Write(csvRow(r)); err != nil {
				return err
			}
		}
		w.Flush()
		return w.Error()
	})
	w.Flush()
	return errors.Join(err, w.Error())
}

func csvRow(r *confbridgev1.CallRecord) []string {
	seat, duration := r.GetSeat(), ""
	if r.GetAnswerTime() != nil {
		duration = decimal(r.GetDuration().AsDuration().Seconds())
	}
	row := []string{
		strings.TrimPrefix(r.GetName(), "callRecords/"), words(r.GetDirection().String(), "DIRECTION_"),
		csvTime(r.GetBeginTime()), csvTime(r.GetAnswerTime()), csvTime(r.GetEndTime()), duration,
		r.GetAddress(), r.GetDisplayName(), r.GetNumber(), number(r.GetRoom()), strings.TrimPrefix(r.GetTrunk(), "trunks/"), r.GetTransport(),
		r.GetRemote(), r.GetCallId(), strconv.Itoa(int(r.GetStatus())), "", r.GetReason(),
	}
	if side := r.GetEndedBy(); side != confbridgev1.CallRecord_SIDE_UNSPECIFIED {
		row[len(row)-2] = words(side.String(), "SIDE_")
	}
	if seat == nil {
		row = append(row, make([]string, len(csvHeader)-len(row))...)
	} else {
		row = append(row, seat.GetParticipantId(), words(seat.GetRole().String(), "ROLE_"), csvTime(seat.GetJoinTime()), csvTime(seat.GetLeaveTime()),
			seat.GetCodec(), seat.GetReceivedCodec(), strconv.FormatUint(seat.GetPacketsReceived(), 10),
			strconv.FormatUint(seat.GetPacketsLost(), 10), decimal(seat.GetLossRatio()), decimal(seat.GetConcealedRatio()),
			decimal(seat.GetMos()), decimal(seat.GetReportedLossRatio()), decimal(seat.GetRoundTrip().AsDuration().Seconds()*1000))
	}
	for i, cell := range row {
		row[i] = harmless(cell)
	}
	return row
}

// harmless is a cell that no spreadsheet takes for a formula, whatever a caller has called itself.
func harmless(cell string) string {
	cell = clean(cell)
	if cell != "" && strings.ContainsRune("=+-@", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}

func csvTime(t *timestamppb.Timestamp) string {
	if t == nil {
		return ""
	}
	return t.AsTime().Format("2006-01-02T15:04:05.000Z")
}

// decimal is a number with as many places as are worth keeping.
func decimal(v float64) string {
	return strconv.FormatFloat(float64(int64(v*10000+0.5))/10000, 'f', -1, 64)
}
