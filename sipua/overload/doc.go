// Package overload says which new requests are refused before anything is spent on them: token buckets for sources, bounds on calls
// half open, and a mixer that runs late.
//
// A [Gate] is asked for each request that is in no dialog; what is in one is never its business, so that calls that stand can go
// on and end. What it knows of sources is a table of fixed size, an IPv6 source being its /64.
//
// A refusal is answered with 503 (RFC 3261 §21.5.4), but not without end: who sends on at many times the allowed rate gets no
// answers any more. On UDP the source may be forged, and then the answers are a flood at somebody else.
package overload
