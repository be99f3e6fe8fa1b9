// Package trunk decides who may call: named peers (trunks) by address, TLS identity or digest, what they may dial, how
// often, and what becomes of callers from nobody's trunk.
package trunk
