// Package locate finds where a request to a SIP URI goes (RFC 3263): transport, addresses and ports in the order in which
// they are to be tried, by NAPTR, SRV, A and AAAA, with a memory of those that have failed.
//
// What comes from the DNS is from outside: names are followed a bounded number of times, and only so many queries are
// asked and so many records looked at for one URI. Answers are kept for as long as they say, in a cache of bounded size.
//
// Goroutines: none outlives the call that started it.
package locate
