package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
)

const (
	idleRoomBase = 500_000         // the number of the first room in which nobody is
	comerStays   = 2 * time.Second // how long a call lasts that comes and goes
	comerTurn    = 3 * time.Second // how often each of those who come and go does
	atOnce       = 16              // requests that are on their way at a time
)

// comers is how many telephones it takes to have so many calls a second come and go.
func comers(churn float64) int { return int(math.Ceil(churn * comerTurn.Seconds())) }

// comeAndGo has calls come and go while the others talk, from an instant on, for as long as the window is. What it returns waits
// for the last to go.
func (l *load) comeAndGo(ctx context.Context, from time.Time) (gone func()) {
	var callers sync.WaitGroup
	var calls atomic.Int64
	for j := range comers(l.churn) {
		callers.Go(func() {
			for at := from.Add(time.Duration(float64(j) / l.churn * float64(time.Second))); at.Before(from.Add(l.steady)); at = at.Add(comerTurn) {
				if wait(ctx, at) != nil {
					return
				}
				if err := l.comeOnce(ctx, l.legs+j); err != nil {
					l.fail(fmt.Errorf("who comes and goes: %w", err))
					continue
				}
				calls.Add(1)
			}
		})
	}
	return func() {
		callers.Wait()
		l.run.ChurnCalls = int(calls.Load())
	}
}

// comeOnce is one call of the telephone of that index.
func (l *load) comeOnce(ctx context.Context, i int) error {
	leg := l.set.Legs[i]
	call, err := l.agent.Place(ctx, fmt.Sprint(firstRoom+l.room(i)), "comer", l.voices[i].offer(leg.Port(), "sendrecv"))
	if err != nil {
		return err
	}
	if err := l.set.Connect(i, call.Media); err != nil {
		return errors.Join(err, call.Hangup(ctx))
	}
	err = wait(ctx, time.Now().Add(comerStays))
	l.set.Disconnect(i)
	return errors.Join(err, call.Hangup(context.WithoutCancel(ctx)))
}

// holdAll has everybody put the room on hold and fall silent, where that is asked for.
func (l *load) holdAll(ctx context.Context) error {
	if !l.hold {
		return nil
	}
	return inTurns(ctx, l.legs, func(ctx context.Context, i int) error {
		if l.calls[i] == nil {
			return nil // it has failed, and is counted
		}
		l.set.Disconnect(i)
		return l.calls[i].Change(ctx, l.voices[i].offer(l.set.Legs[i].Port(), "sendonly"))
	})
}

// makeRooms makes the rooms in which nobody is.
func (l *load) makeRooms(ctx context.Context) (err error) {
	if l.idleRooms == 0 {
		return nil
	}
	conn, err := grpc.NewClient(grpcAddress, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return fmt.Errorf("rooms: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	client := confbridgev1.NewRoomServiceClient(conn)
	if err := inTurns(ctx, l.idleRooms, func(ctx context.Context, i int) error {
		_, err := client.CreateRoom(ctx, &confbridgev1.CreateRoomRequest{RoomId: fmt.Sprint(idleRoomBase + i)})
		return err
	}); err != nil {
		return fmt.Errorf("rooms: %w", err)
	}
	return wait(ctx, time.Now().Add(settle)) // what making them has left to do is not what they cost
}

// inTurns does n things, a few at a time, and returns the first error.
func inTurns(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for i := range n {
		g.Go(func() error { return do(ctx, i) })
	}
	return g.Wait()
}
