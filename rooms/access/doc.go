// Package access says who may come into a room: PINs, and what becomes of those who guess them.
//
// A [PIN] is what somebody dials. It is never shown: whatever prints it prints a word. What is kept of it is a [Hash], by argon2id
// (RFC 9106). A [Ring] is the PINs of one room: its participants', its moderators', and those of single persons, who may come in once.
// A [Guard] checks a PIN against a ring. It computes at most two hashes at a time, whatever comes, and none for
// those whom its lock-out keeps away.
//
// The lock-out counts wrong PINs by source, by trunk and by room, across calls, and makes each wait longer with every wrong one: four digits are
// 10,000 tries, of which a dialler has less than twenty on the first day and two a day from then on. Who has come into the room before is kept away by
// their own wrong PINs only, and a single source cannot lock a room or a trunk for others.
//
// All of it is kept in memory of a fixed size, and nothing of it is for a room's tick: a check takes tens of milliseconds, but for a
// PIN that was right before, which is known again (decision 0042).
package access
