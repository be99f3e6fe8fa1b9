// Package overload says which new requests are refused before anything is spent on them: token buckets for sources, bounds on calls
// half open, and a mixer that runs late.
package overload
