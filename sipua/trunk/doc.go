// Package trunk decides who may call: named peers (trunks) by address, TLS identity or digest, what they may dial, how
// often, and what becomes of callers from nobody's trunk.
//
// A [Book] is asked twice. [Book.Identify] says whose request it is, for every request outside of dialogs before anything
// else is looked at (RFC 3261 §8.2): a trunk's by where it comes from; else a trunk's by digest (RFC 3261 §22); else by
// [Config].Anonymous. [Book.Admit] then lets an INVITE of that caller in: it turns what was dialled into a room's number,
// counts the call until [Call.End], and says what the others in the room are shown.
//
// The package has no goroutine and no socket. All its state is bounded: one entry for each trunk, [MaxNonces] nonces in
// use, [MaxSources] addresses that have failed.
package trunk
