package api

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// errStopping is why a stream's context ends when the server stops.
var errStopping = errors.New("bridge is shutting down")

// unary is around every call with one answer: it bounds its time, keeps a fault in the API from ending the calls of
// those who only want to talk, and translates errors.
func (s *Server) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (resp any, err error) {
	ctx, cancel := context.WithTimeout(ctx, maxUnary)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			err = s.panicked(info.FullMethod, p)
		}
	}()
	resp, err = handle(ctx, req)
	if err != nil {
		return nil, s.translate(info.FullMethod, req, err)
	}
	return resp, nil
}

// stream is around every call with a stream: it ends it when the server stops, and translates errors.
func (s *Server) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) (err error) {
	ctx, cancel := context.WithCancelCause(ss.Context())
	defer cancel(nil)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-s.stopping:
			cancel(errStopping)
		case <-ctx.Done():
		}
	}()
	defer func() {
		if p := recover(); p != nil {
			err = s.panicked(info.FullMethod, p)
		}
		cancel(nil)
		<-ended
	}()
	w := &watchedStream{ServerStream: ss, ctx: ctx}
	err = handle(srv, w)
	if err != nil && errors.Is(context.Cause(ctx), errStopping) {
		err = errStopping
	}
	if err != nil {
		return s.translate(info.FullMethod, w.request, err)
	}
	return nil
}

// watchedStream is a stream whose context also ends with the server; it keeps the request for the error's details.
type watchedStream struct {
	grpc.ServerStream
	ctx     context.Context
	request any
}

func (w *watchedStream) Context() context.Context { return w.ctx }

func (w *watchedStream) RecvMsg(m any) error {
	w.request = m
	return w.ServerStream.RecvMsg(m)
}

// translate makes a status of err; those that are nobody's fault but ours are logged, as the client is not told more.
func (s *Server) translate(method string, req any, err error) error {
	st := toStatus(req, err)
	if st.Code() == codes.Internal {
		s.log.Error("api call failed", "method", method, "err", err)
	}
	return st.Err()
}

func (s *Server) panicked(method string, p any) error {
	s.log.Error("api call panicked", "method", method, "err", fmt.Sprint(p), "stack", string(debug.Stack()))
	return status.Error(codes.Internal, "internal error")
}
