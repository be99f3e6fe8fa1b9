// Package upstream keeps our side of trunks alive: registrations at providers (RFC 3261 §10) and OPTIONS pings (§11), with
// their state.
//
// It knows no sockets and no transactions: a [Sender] sends a request, finds its target, fails over and answers
// challenges, and hands the final response back.
//
// Goroutines: one for each registration and each ping, which owns its state; what others may see of it is copied under a
// lock. [Group.Close] returns after all of them.
package upstream
