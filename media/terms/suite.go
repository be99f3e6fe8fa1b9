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

// KeyBytes is how long the master key of the suite is, and its master salt; 0 of one that is not known.
func (s Suite) KeyBytes() (master, salt int) {
	switch s {
	case AES128CMHMACSHA180, AES128CMHMACSHA132:
		return 16, 14
	case AES256CMHMACSHA180, AES256CMHMACSHA132:
		return 32, 14
	case AEADAES128GCM:
		return 16, 12
	case AEADAES256GCM:
		return 32, 12
	}
	return 0, 0
}
