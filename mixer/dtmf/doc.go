// Package dtmf finds the keys of a telephone in its sound, and takes their tones out: two sines at once, one of four low
// frequencies and one of four high ones (ITU-T Q.23). What counts as a key follows ITU-T Q.24, table A-1. It is pure, as package mixer
// is, and allocates nothing after New.
//
// A [Detector] looks at the last 20 ms, every 5 ms. Goertzel's algorithm tells which two frequencies are the strongest, and whether there is
// much beside them: that is cheap, and most sound is through with it. What is left is fitted with two sines, whose true
// frequencies come out of how fast their phases turn. It is a hit if these are near enough to a key's, neither is too weak nor too much stronger
// than the other, and hardly anything is left when both are taken out. A few hits in a row are a key, which lasts until there
// have been none for 40 ms.
//
//	sound -> 8 kHz -> Goertzel, 5 ms -> two frequencies? -> fit, 20 ms -> hit? -> key
package dtmf
