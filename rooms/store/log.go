package store

import (
	"fmt"
	"log/slog"
)

// serverLog takes what the NATS server says: its faults are ours, its small talk is for those who look for a fault.
type serverLog struct{ log *slog.Logger }

func said(format string, args []any) string { return "nats: " + fmt.Sprintf(format, args...) }

func (l serverLog) Noticef(format string, args ...any) { l.log.Debug(said(format, args)) }
func (l serverLog) Warnf(format string, args ...any)   { l.log.Warn(said(format, args)) }
func (l serverLog) Errorf(format string, args ...any)  { l.log.Error(said(format, args)) }
func (l serverLog) Fatalf(format string, args ...any)  { l.log.Error(said(format, args)) }
func (l serverLog) Debugf(format string, args ...any)  { l.log.Debug(said(format, args)) }
func (l serverLog) Tracef(format string, args ...any)  { l.log.Debug(said(format, args)) }
