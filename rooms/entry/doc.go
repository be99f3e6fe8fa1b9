// Package entry is the way in: which room a dialled number leads to, and what callers are asked before they are let into it.
//
// A [Desk] stands between those who bring callers and the rooms. Whom it need not ask anything it sends straight on. Everybody else is admitted into a
// reception of the registry's, and a dialogue begins once they are connected: one goroutine a caller, straight code that plays prompts, reads keys, checks and
// moves the caller into the room, or says why not and lets go. Whom a room has called may be asked for a key in the same way. No PIN is logged, and none of the keys of a dialogue is in an event.
package entry
