// Package trace keeps the SIP messages of recent calls, bounded and with secrets masked, for those who look for a fault: as they
// pass, or afterwards; and sends copies to a Homer (HEPv3).
//
// A [Recorder] is a [transport.Tap]. What it does on the goroutine that brings a message is: one copy of at most [MaxText] octets,
// one pass over it that finds the Call-ID and masks what is secret, and one short critical section. Whether a message parses is
// found out when somebody asks for it, on the asker's goroutine.
//
// Goroutines: none, but one that sends packets where a Homer is configured, from [Recorder.Start] to [Recorder.Close].
package trace
