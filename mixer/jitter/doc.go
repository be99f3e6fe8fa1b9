// Package jitter evens out the arrival of a leg's packets: an adaptive playout buffer. It is pure: the caller says
// what time it is. A Buffer is owned by one goroutine, copies what it is given into memory of its own, and
// allocates nothing after New.
//
// # What it is between
//
// Packets come when the network likes. The room's tick pulls on a fixed grid of 20 ms. So the first thing that matters of a
// packet is the tick at which it can first be had (it must have come 1 ms before, or jitter as small as that would make it
// one tick or the next by chance). That tick less the packet's timestamp is its transit. The clocks of a timestamp and of
// a tick have nothing in common, so one transit means nothing, but the difference of two does: it is how much later the one
// packet came, in whole ticks where packets are whole ticks.
//
//	sent      |     |     |     |     |     |     |
//	came        |     |         ||       |     |
//	can be had     |     |     |     |     |     |     |    transit: the third one's is a tick greater than the others'
//	               <-20->
//
// Sound is heard at some time, too. That less its timestamp is the delay in the same terms, so all there is to decide is one
// number: the aim, the transit that sound should be heard with. A packet whose transit is no greater is there when its sound is
// due. On a clean path all transits are the same, that is the aim, and the buffer adds what lies between a packet's
// arrival and the next tick, and nothing else.
//
// A tick may be late by chance. What can be had for that alone does not count: everything is taken from the grid that the
// earliest of the ticks stand on, or packets would be missing when the next tick is on time.
//
// # The aim
//
// The transits of each tick's worst packet go into a histogram that forgets: what is 10 s old counts for 1/e. The aim is the
// transit at which delay and loss together cost the least, where one packet in a hundred that comes too late is as bad as
// 50 ms of delay. That is the 99.6th percentile where each further tick of delay saves a little, and much less where it
// would take hundreds of milliseconds to save the last packet. A packet that came after its turn is in it like any other; and
// where the codec's packets carry copies of their predecessors, one that was lost counts as come with its successor, so that a
// path which loses packets gets the delay to repair them, when that is worth it.
//
// A path that has become better is believed sooner than that: when nothing needed more for 2.5 s, the aim comes
// down to what was needed. If that was wrong, which shows when a packet is late within 8 s, it takes 4.5 s for the next 20 s.
//
// A moment at which many packets come late together, a stall, changes little in the histogram, and is no reason to have
// everybody wait from then on. But when it happens again within 10 s, a third one is expected as long as twice the time
// between them has not passed, and waited for. The aim is never more than three quarters of Config.Max over the least transit.
//
// # How the delay comes to the aim
//
// The buffer moves whole packets; time is stretched and cut in the sound itself, by its caller, whom Surplus tells by how
// much. Besides that the delay grows by concealment, and falls in pauses:
//
// When the store is dry at a pull, sound is concealed (Lost), and only what comes next tells why. If it is the packet that
// was due, time has been stretched by what was concealed: the delay has grown just as much as that packet needed. If it
// is a later one, the packet before it was lost, and nothing has grown. So loss is never taken for jitter.
//
// When the sender was silent (a timestamp skips where no sequence number is missing), what follows is heard at the aim, no
// matter what the delay was. Where nothing comes for 80 ms, concealing ends and the time is Empty. Comfort noise (RFC
// 3389) passes in its turn, lasts for no time, and announces silence: nothing is concealed after it.
//
// The delay does not shrink while packets of the last 160 to 320 ms needed more. It begins at the aim of the newest packet
// that is there, as if all those after it would come as it did: a backlog is no reason for delay. After 10 s of silence
// nothing is known of the path any more.
//
// Drift of the clocks shows as transits that grow or shrink by one tick now and then, and is met by the same rules.
//
// # What it throws out
//
// Nothing is played that is older than Config.Max: a longer burst loses its oldest packets (Overflow). A sequence
// number or timestamp that is far off, or a packet a second away from its time, is believed when a second one
// follows (RFC 3550 §A.1); then the buffer begins anew. One whose number and timestamp are both 64 to 100 packets old is only late, or a duplicate,
// however late it is.
package jitter
