// Package speech makes what the load's telephones say, and finds in what they hear what it should tell.
package speech

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os/exec"
	"strconv"
)

// Rate is the sampling rate at which everything is looked for, in Hz. What is said may have any.
const Rate = 8000

const speechLevel = 0.05 // RMS of full scale: −26 dB

// text holds sentences of the Harvard lists (IEEE 297-1969), which are phonetically balanced.
const text = "The birch canoe slid on the smooth planks. Glue the sheet to the dark blue background. " +
	"It is easy to tell the depth of a well. These days a chicken leg is a rare dish. " +
	"Rice is often served in round bowls. The juice of lemons makes fine punch."

// Speech returns some seconds of speech at rateHz, and what made it: espeak-ng where it is installed, else syllables of
// filtered noise and pulses. Each voice is different.
func Speech(ctx context.Context, voice, rateHz int) (pcm []float64, source string, err error) {
	pcm, err = espeak(ctx, voice, rateHz)
	source = "espeak-ng"
	if errors.Is(err, exec.ErrNotFound) {
		pcm, source, err = Resample(synthetic(voice), Rate, rateHz), "synthetic", nil
	}
	if err != nil {
		return nil, "", err
	}
	sum := 0.0
	for _, x := range pcm {
		sum += x * x
	}
	gain := speechLevel / math.Sqrt(sum/float64(len(pcm)))
	for i := range pcm {
		pcm[i] = math.Tanh(pcm[i]*gain*1.5) / 1.5 // peaks stay below −3.5 dB
	}
	return pcm, source, nil
}

func espeak(ctx context.Context, voice, rateHz int) ([]float64, error) {
	out, err := exec.CommandContext(ctx, "espeak-ng", "--stdout", "-p", strconv.Itoa(20+voice*17%70),
		"-s", strconv.Itoa(150+voice*11%40), text).Output()
	if err != nil {
		return nil, fmt.Errorf("espeak-ng: %w", err)
	}
	// A WAV of 16 bits, mono; its lengths are not filled in when it goes to a pipe.
	at := bytes.Index(out, []byte("data"))
	if len(out) < 44 || at < 0 {
		return nil, errors.New("espeak-ng: no WAV")
	}
	rate := int(binary.LittleEndian.Uint32(out[24:]))
	samples := out[at+8:]
	pcm := make([]float64, len(samples)/2)
	for i := range pcm {
		pcm[i] = float64(int16(binary.LittleEndian.Uint16(samples[2*i:]))) / 32768
	}
	return Resample(pcm, rate, rateHz), nil
}

// Resample brings pcm from one rate to another by a windowed sinc that ends at 85 % of the band that both have.
func Resample(pcm []float64, from, to int) []float64 {
	if from == to {
		return pcm
	}
	const half = 32
	common := gcd(from, to)
	up, down := to/common, from/common
	cutoff := 0.85 * float64(min(from, to)) / float64(from)
	filters := make([][2*half + 1]float64, up) // by the phase of an output between two inputs
	for phase := range filters {
		for j := range filters[phase] {
			x := float64(j-half) - float64(phase)/float64(up)
			w := max(0.5+0.5*math.Cos(math.Pi*x/(half+1)), 0)
			sinc := 1.0
			if x != 0 {
				sinc = math.Sin(math.Pi*cutoff*x) / (math.Pi * cutoff * x)
			}
			filters[phase][j] = cutoff * sinc * w
		}
	}
	out := make([]float64, len(pcm)*up/down)
	for i := range out {
		center := i * down / up
		for j, weight := range filters[i*down%up] {
			if at := center + j - half; at >= 0 && at < len(pcm) {
				out[i] += pcm[at] * weight
			}
		}
	}
	return out
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// synthetic is eight seconds with the rhythm and the spectrum of speech, but no words.
func synthetic(voice int) []float64 {
	rnd := rand.New(rand.NewPCG(uint64(voice), 1))
	pcm := make([]float64, 8*Rate)
	pitch := Rate / (90 + 25*voice%130)
	low := 0.0
	for i := range pcm {
		syllable := math.Max(0, math.Sin(2*math.Pi*4*float64(i)/Rate+float64(voice)))
		pause := 1.0
		if i/Rate%4 == 3 {
			pause = 0
		}
		x := rnd.NormFloat64() * 0.05
		if i%pitch == 0 {
			x += 1
		}
		low = 0.8*low + x
		pcm[i] = low * syllable * pause
	}
	return pcm
}

// tonesHz are as far apart as the marks of a Golomb ruler, times 61 Hz: no product of distortion that two or three of them make
// in the companding (2a−b, a+b−c) falls on another one.
var tonesHz = [Tones]float64{1117, 1178, 1361, 1666, 2032, 2459, 3069, 3191}

// Tone is the frequency of talker i's tone, in Hz.
func Tone(i int) float64 { return tonesHz[i%Tones] }

// Tones is how many talkers can have a tone of their own.
const Tones = 8

// notchHz is what is taken out of speech around each tone.
const notchHz = 20

// ToneDB is how loud a talker's tone is, in dB of full scale.
const ToneDB = -24.0

// Say makes what a talker says: speech at rateHz, cleared of the frequencies of all tones, and the tone i on top; a loop
// of whole seconds, so that a tone of whole hertz goes on where it closes.
func Say(speech []float64, i, rateHz int) []float64 {
	clean := speech
	for t := range Tones {
		clean = Notch(Notch(clean, Tone(t), notchHz, rateHz), Tone(t), notchHz, rateHz)
	}
	out := make([]float64, len(clean)/rateHz*rateHz)
	for j := range out {
		out[j] = clean[j]
		if i < Tones {
			out[j] += tone(i, j, rateHz)
		}
	}
	return out
}

// SayTone is a second of tone i alone, as it is in what Say makes: where the one stops the other goes on.
func SayTone(i, rateHz int) []float64 {
	pcm := make([]float64, rateHz)
	for j := range pcm {
		pcm[j] = tone(i, j, rateHz)
	}
	return pcm
}

func tone(i, sample, rateHz int) float64 {
	return math.Pow(10, ToneDB/20) * math.Sin(2*math.Pi*Tone(i)*float64(sample)/float64(rateHz))
}

// Notch takes a band of so many Hz around a frequency out (a biquad as in the Audio EQ Cookbook), and returns what is left.
func Notch(in []float64, hz, widthHz float64, rateHz int) []float64 {
	w := 2 * math.Pi * hz / float64(rateHz)
	alpha := math.Sin(w) * widthHz / hz / 2
	a0 := 1 + alpha
	b0, b1, a2 := 1/a0, -2*math.Cos(w)/a0, (1-alpha)/a0
	out := make([]float64, len(in))
	var x1, x2, y1, y2 float64
	for i, x := range in {
		y := b0*(x+x2) + b1*(x1-y1) - a2*y2
		x1, x2, y1, y2 = x, x1, y, y1
		out[i] = y
	}
	return out
}
