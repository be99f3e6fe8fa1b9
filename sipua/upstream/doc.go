// Package upstream keeps our side of trunks alive: registrations at providers (RFC 3261 §10) and OPTIONS pings, with their state.
package upstream
