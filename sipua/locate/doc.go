// Package locate finds where a request to a SIP URI goes (RFC 3263): transport, addresses and ports in the order in which
// they are to be tried, by NAPTR, SRV, A and AAAA, with a memory of those that have failed.
package locate
