package serve

import (
	"context"
	"errors"
	"log/slog"

	"github.com/confbridge/confbridge/api"
	"github.com/confbridge/confbridge/cmd/confbridge/internal/config"
	"github.com/confbridge/confbridge/sipua/trace"
)

// newTrace makes the recorder of SIP messages; nil where none is wanted.
func newTrace(cfg config.Trace, log *slog.Logger) (*trace.Recorder, error) {
	if cfg.Calls == 0 {
		return nil, nil //nolint:nilnil // no recorder is what was asked for
	}
	return trace.New(trace.Config{
		Calls: cfg.Calls,
		Homer: trace.Homer{Addr: cfg.HEP, ID: cfg.HEPID, Password: cfg.HEPPassword},
		Log:   log,
	})
}

// tracer shows a recorder to the API.
type tracer struct{ r *trace.Recorder }

func (t tracer) TracedCalls(f api.TraceFilter, limit int) []api.TracedCall {
	all := t.r.Calls(trace.Filter(f), limit)
	out := make([]api.TracedCall, len(all))
	for i, c := range all {
		out[i] = api.TracedCall{
			CallID: c.CallID, From: c.From, To: c.To, Start: c.First, Last: c.Last,
			Messages: c.Messages, Missing: c.Missing, Invite: c.Invite,
		}
	}
	return out
}

func (t tracer) Trace(f api.TraceFilter, follow bool) (api.Trace, error) {
	w, err := t.r.Watch(trace.Filter(f), follow)
	if err != nil {
		return nil, traceError(err)
	}
	return watch{w}, nil
}

// watch is one who follows the recorder.
type watch struct{ w *trace.Watch }

func (w watch) Next(ctx context.Context) (api.TracedMessage, uint64, error) {
	m, err := w.w.Next(ctx)
	if missed, ok := errors.AsType[*trace.MissedError](err); ok {
		return api.TracedMessage{}, missed.Count, nil
	}
	if err != nil {
		return api.TracedMessage{}, 0, traceError(err)
	}
	return api.TracedMessage{
		Time: m.Time, Sent: m.Sent, Transport: m.Transport, Local: m.Local, Remote: m.Remote,
		CallID: m.CallID, Text: m.Text, SizeBytes: m.Size, Fault: m.Fault,
	}, 0, nil
}

func (w watch) Close() { w.w.Close() }

// traceError says the recorder's errors in the API's words.
func traceError(err error) error {
	switch {
	case errors.Is(err, trace.ErrTooManyWatches):
		return api.ErrTooManyTraces
	case errors.Is(err, trace.ErrClosed):
		return api.ErrTraceEnded
	}
	return err
}
