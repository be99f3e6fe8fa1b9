package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/confbridge/confbridge/bench/report"
	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
)

// Each turn is a window without recordings and one with them, so that whatever else the machine does falls on both.
const (
	turnWindow = 2 * time.Second
	turnSettle = 700 * time.Millisecond // until files are made, or finished
)

// compareRecording measures what recording every room costs.
func (l *load) compareRecording(ctx context.Context) error {
	var plain, recorded []float64
	for range l.recordTurns {
		micros, err := cpuDuring(ctx, l.bridge.pid, turnWindow, l.legs)
		if err != nil {
			return err
		}
		plain = append(plain, micros)
		if err := errors.Join(l.startRecordings(ctx), wait(ctx, time.Now().Add(turnSettle))); err != nil {
			return err
		}
		if micros, err = cpuDuring(ctx, l.bridge.pid, turnWindow, l.legs); err != nil {
			return err
		}
		recorded = append(recorded, micros)
		if err := errors.Join(l.stopRecordings(ctx), wait(ctx, time.Now().Add(turnSettle))); err != nil {
			return err
		}
	}
	extra := make([]float64, len(plain))
	for i := range plain {
		extra[i] = recorded[i] - plain[i]
	}
	l.run.RecordCost = &report.RecordCost{Turns: len(plain), Plain: median(plain), Recorded: median(recorded), Extra: median(extra)}
	return nil
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

// startRecordings has every room recorded.
func (l *load) startRecordings(ctx context.Context) error {
	return l.eachRoom(func(client confbridgev1.RoomServiceClient, name string) error {
		_, err := client.StartRecording(ctx, &confbridgev1.StartRecordingRequest{Name: name})
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
