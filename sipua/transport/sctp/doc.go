// Package sctp is SCTP for SIP (RFC 4168) as net.Listener and net.Conn: the kernel's where there is one, else in user space over raw IP
// or over UDP (RFC 6951).
package sctp
