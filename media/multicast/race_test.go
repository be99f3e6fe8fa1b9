//go:build race

package multicast

// raceEnabled says that the tests run under the race detector, which has each sync.Pool drop a quarter of what is put back: pion/srtp takes from one for AES-CM.
const raceEnabled = true
