package terms

// Suite is what is done with a key, by its name in SDP (RFC 4568 §6.2, RFC 6188 §4, RFC 7714 §14.2).
type Suite string

// The suites that are known.
const (
	AES128CMHMACSHA180 Suite = "AES_CM_128_HMAC_SHA1_80"
	AES128CMHMACSHA132 Suite = "AES_CM_128_HMAC_SHA1_32"
	AES256CMHMACSHA180 Suite = "AES_256_CM_HMAC_SHA1_80"
	AES256CMHMACSHA132 Suite = "AES_256_CM_HMAC_SHA1_32"
	AEADAES128GCM      Suite = "AEAD_AES_128_GCM"
	AEADAES256GCM      Suite = "AEAD_AES_256_GCM"
)

// suites is what is known of them: the number of the profile, and how long the master key and the master salt are.
var suites = map[Suite]struct {
	profile      uint16
	master, salt int
}{
	AES128CMHMACSHA180: {1, 16, 14},
	AES128CMHMACSHA132: {2, 16, 14},
	AES256CMHMACSHA180: {3, 32, 14},
	AES256CMHMACSHA132: {4, 32, 14},
	AEADAES128GCM:      {7, 16, 12},
	AEADAES256GCM:      {8, 32, 12},
}

// KeyBytes is how long the master key of the suite is, and its master salt; 0 of one that is not known.
func (s Suite) KeyBytes() (master, salt int) { return suites[s].master, suites[s].salt }

// Profile is the suite's number, as DTLS-SRTP has them (RFC 5764 §4.1.2, RFC 7714 §14.2; 3 and 4 for those of 256 bits in counter mode, as libraries number them that
// RFC 6188 has given none), by which package srtp knows it; 0 of one that is not known.
func (s Suite) Profile() uint16 { return suites[s].profile }
