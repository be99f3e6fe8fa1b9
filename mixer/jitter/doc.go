// Package jitter evens out the arrival of a leg's packets: an adaptive playout buffer. It is pure: the caller says
// what time it is. A Buffer is owned by one goroutine, copies what it is given into memory of its own, and
// allocates nothing after New.
//
// # What it is between
//
// Packets come when the network likes. The room's tick pulls on a fixed grid of 20 ms. The slack of a packet is what
// it waited: the time of the pull that plays it less the time it came.
//
//	sent      |     |     |     |     |     |     |
//	came        |     |         ||       |     |         slack of the third packet: almost none
//	pulled         |     |     |     |     |     |
//	               <-20->
//
// A tick may be late by chance. What its packets waited for that does not count: slack is taken from the grid that the
// earliest of the ticks stand on, or packets would be missing when the next tick is on time.
//
// Slack is delay, so the aim is the least that is still enough: each packet of the last seconds should have had
// some. Sound is cut and stretched by whole packets only; inside a packet nothing is touched.
//
// # When it starts
//
// At the first pull at which the packet has waited 1 ms, so a clean path has 1 to 21 ms of slack, by chance of the
// phase, and jitter as small as that does no harm. If packets have queued up before the first pull, it starts with
// the newest: a backlog is no reason for delay. When it starts again after a silence, it remembers the path: it waits
// until the worst packet of the window would have had its slack too. After 10 s of silence it remembers nothing.
//
// # When it grows
//
// When the store is dry at a pull, sound is concealed (Lost), and only what comes next tells why. If it is the
// packet that was due, time has been stretched by what was concealed: the delay has grown just as much as that
// packet needed. If it is a later one, the packet before it was lost, and nothing has grown. So loss is never taken
// for jitter. Packets that others have overtaken cannot be waited for (their successors are there and are played);
// when that happens twice within the window, one packet's time is inserted.
//
// # When it shrinks
//
// By Merge, one packet at a time, where the least slack of the window exceeds a packet and 4 ms. The window is the
// last 2.5 s of sound; a single bad moment in it is forgiven after 1 s. On a path that made the delay grow again within
// 8 s of a cut, the window is 4.5 s and forgives nothing. Where the surplus is 40 ms larger than needed, the last 0.3
// to 0.6 s are enough, and a packet is cut every 100 ms: of a stall of 300 ms nothing is left after 3 s. Drift of the
// clocks shows as slack that grows or vanishes, and is met by the same rules.
//
// # What it throws out
//
// Nothing is played that is older than Config.Max: a longer burst loses its oldest packets (Overflow). A sequence
// number or timestamp that is far off, or a packet a second away from its time, is believed when a second one
// follows (RFC 3550 §A.1); then the buffer begins anew. A timestamp that skips where no sequence number is missing
// is a silence of the sender and not a loss. Where nothing comes for 80 ms, concealing ends in silence (Empty).
package jitter
