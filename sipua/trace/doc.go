// Package trace keeps the SIP messages of recent calls, bounded and with secrets masked, for those who look for a fault: as they
// pass, or afterwards; and sends copies to a Homer (HEPv3).
package trace
