// Package metric compares what was heard with what was said: delay over time, gaps, clicks, level, spectrum and
// intelligibility. All of it is computed from samples and from the times at which they were sent and came.
//
// Sound is mono, samples of full scale 1. Levels are in dB against a sine of full scale. Nothing here keeps or changes what it
// is given.
package metric
