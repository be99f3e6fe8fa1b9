// Package voices has what the simulated telephones say: five speakers who never change, and signals that are computed.
//
// Sound is mono, samples of full scale 1. What is returned is the caller's.
package voices

import (
	"bytes"
	"embed"
	"fmt"
	"math"
	"sync"

	"github.com/go-audio/wav"

	"github.com/confbridge/confbridge/bench/sound/metric"
)

// speech was made by speech/make.sh.
//
//go:embed speech/*.wav
var speech embed.FS

// names are the speakers: two women, three men.
var names = [...]string{"slt", "rms", "awb", "en", "f3"}

// Speakers is how many there are.
const Speakers = len(names)

// ActiveDBFS is the level of the speakers while they speak, against a sine of full scale.
const ActiveDBFS = -20.0

const fileRateHz = 16000

// Speech is eight seconds of a speaker at a sampling rate, at ActiveDBFS; it begins and ends with silence, so that it can be
// repeated.
func Speech(speaker, rateHz int) ([]float64, error) {
	all, err := files()
	if err != nil {
		return nil, err
	}
	return metric.Resample(all[speaker%Speakers], fileRateHz, rateHz), nil
}

// files are all speakers at fileRateHz.
var files = sync.OnceValues(func() ([Speakers][]float64, error) {
	var all [Speakers][]float64
	for i, name := range names {
		text, err := speech.ReadFile("speech/" + name + ".wav")
		if err != nil {
			return all, fmt.Errorf("voice %s: %w", name, err)
		}
		buffer, err := wav.NewDecoder(bytes.NewReader(text)).FullPCMBuffer()
		if err != nil {
			return all, fmt.Errorf("voice %s: %w", name, err)
		}
		pcm := make([]float64, len(buffer.Data))
		for j, v := range buffer.Data {
			pcm[j] = float64(v) / 32768
		}
		all[i] = Scale(pcm, ActiveDBFS-metric.ActiveDBFS(pcm, fileRateHz))
	}
	return all, nil
})

// Scale changes pcm's level by so many dB, and returns it.
func Scale(pcm []float64, db float64) []float64 {
	gain := math.Pow(10, db/20)
	for i := range pcm {
		pcm[i] *= gain
	}
	return pcm
}

// Repeat is pcm again and again, n samples in all.
func Repeat(pcm []float64, n int) []float64 {
	out := make([]float64, n)
	for i := 0; i < n; i += len(pcm) {
		copy(out[i:], pcm)
	}
	return out
}

// Add adds b to a from sample at on, as far as a goes, and returns a.
func Add(a, b []float64, at int) []float64 {
	for i := 0; i < len(b) && at+i < len(a); i++ {
		a[at+i] += b[i]
	}
	return a
}
