package api

import (
	"errors"

	"google.golang.org/grpc"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/rooms"
)

// WatchRoom runs until the client or the server ends it. Send waits for a slow client by gRPC's flow control; what is
// dropped in the meantime, rooms.Watch tells.
func (s *roomService) WatchRoom(
	req *confbridgev1.WatchRoomRequest, stream grpc.ServerStreamingServer[confbridgev1.WatchRoomResponse],
) error {
	number, err := parseRoomName("name", req.GetName())
	if err != nil {
		return err
	}
	watch, err := s.rooms.Watch(stream.Context(), number, req.AfterSequence)
	if err != nil {
		return err
	}
	if watch.Snapshot != nil {
		content := &confbridgev1.WatchRoomResponse_Snapshot{Snapshot: toSnapshot(watch.Snapshot)}
		if err := stream.Send(&confbridgev1.WatchRoomResponse{Content: content}); err != nil {
			return err
		}
	}
	for {
		resp, err := next(stream, watch)
		if err != nil {
			return err
		}
		if err := stream.Send(resp); err != nil {
			return err
		}
	}
}

// next waits for what is to be told next.
func next(
	stream grpc.ServerStreamingServer[confbridgev1.WatchRoomResponse], watch *rooms.Watch,
) (*confbridgev1.WatchRoomResponse, error) {
	event, err := watch.Next(stream.Context())
	if missed, ok := errors.AsType[*rooms.MissedError](err); ok {
		content := &confbridgev1.MissedEvents{FromSequence: missed.From, ToSequence: missed.To}
		return &confbridgev1.WatchRoomResponse{Content: &confbridgev1.WatchRoomResponse_Missed{Missed: content}}, nil
	}
	if err != nil {
		return nil, err
	}
	return &confbridgev1.WatchRoomResponse{Content: &confbridgev1.WatchRoomResponse_Event{Event: toEvent(event)}}, nil
}
