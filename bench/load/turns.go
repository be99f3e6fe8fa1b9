package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/confbridge/confbridge/bench/report"
	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
)

// Each turn is a window without recordings and one with them for each format, so that whatever else the machine does falls on all.
const (
	turnWindow = 3 * time.Second
	turnBegins = 2 * time.Second        // until what a recording has asked for when it began was used and collected
	turnSettle = 700 * time.Millisecond // until files are finished
)

// recordFormats are those that can be named.
var recordFormats = map[string]confbridgev1.RecordingFormat{
	"wav":  confbridgev1.RecordingFormat_RECORDING_FORMAT_WAV,
	"flac": confbridgev1.RecordingFormat_RECORDING_FORMAT_FLAC,
	"opus": confbridgev1.RecordingFormat_RECORDING_FORMAT_OPUS,
}

// compareRecording measures what recording every room costs, in each format.
func (l *load) compareRecording(ctx context.Context) error {
	var plain []float64
	formats := strings.Split(l.format, ",")
	recorded, extra := make([][]float64, len(formats)), make([][]float64, len(formats))
	for range l.recordTurns {
		without, err := cpuDuring(ctx, l.bridge.pid, turnWindow, l.legs)
		if err != nil {
			return err
		}
		plain = append(plain, without)
		for i, f := range formats {
			with, err := l.cpuRecorded(ctx, f)
			if err != nil {
				return err
			}
			recorded[i], extra[i] = append(recorded[i], with), append(extra[i], with-without)
		}
	}
	for i, f := range formats {
		l.run.RecordCosts = append(l.run.RecordCosts, report.RecordCost{
			Format: f, Turns: l.recordTurns, Plain: median(plain), Recorded: median(recorded[i]), Extra: median(extra[i]),
		})
	}
	return nil
}

// cpuRecorded is cpuDuring of a window in which every room is recorded in a format.
func (l *load) cpuRecorded(ctx context.Context, format string) (float64, error) {
	if err := errors.Join(l.startRecordings(ctx, format), wait(ctx, time.Now().Add(turnBegins))); err != nil {
		return 0, err
	}
	micros, err := cpuDuring(ctx, l.bridge.pid, turnWindow, l.legs)
	return micros, errors.Join(err, l.stopRecordings(ctx), wait(ctx, time.Now().Add(turnSettle)))
}

func median(all []float64) float64 {
	sorted := slices.Sorted(slices.Values(all))
	return (sorted[len(sorted)/2] + sorted[(len(sorted)-1)/2]) / 2
}

// stopRecordings ends what startRecordings has begun.
func (l *load) stopRecordings(ctx context.Context) error {
	return l.eachRoom(func(client confbridgev1.RoomServiceClient, name string) error {
		_, err := client.StopRecording(ctx, &confbridgev1.StopRecordingRequest{Name: name})
		return err
	})
}

// startRecordings has every room recorded in a format.
func (l *load) startRecordings(ctx context.Context, format string) error {
	return l.eachRoom(func(client confbridgev1.RoomServiceClient, name string) error {
		_, err := client.UpdateRoom(ctx, &confbridgev1.UpdateRoomRequest{
			Room:       &confbridgev1.Room{Name: name, RecordingFormat: recordFormats[format]},
			UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"recording_format"}},
		})
		if err == nil {
			_, err = client.StartRecording(ctx, &confbridgev1.StartRecordingRequest{Name: name})
		}
		return err
	})
}

func (l *load) eachRoom(do func(client confbridgev1.RoomServiceClient, name string) error) (err error) {
	conn, err := grpc.NewClient(grpcAddress, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	client := confbridgev1.NewRoomServiceClient(conn)
	for i := range l.rooms {
		if err := do(client, fmt.Sprintf("rooms/%d", firstRoom+i)); err != nil {
			return fmt.Errorf("record: %w", err)
		}
	}
	return nil
}
