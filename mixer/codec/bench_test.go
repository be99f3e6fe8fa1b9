package codec

import (
	"fmt"
	"testing"
)

func BenchmarkCodec(b *testing.B) {
	for _, f := range everyFormat {
		name := fmt.Sprintf("%s/%d", f.Name, f.SampleRateHz)
		e, d := mustEncoder(b, f), mustDecoder(b, f)
		pcm := sine(440, 9000, f.SampleRateHz, 0, usualProfile(f).PacketSamples())
		payload := make([]byte, MaxPayloadBytes)
		n, err := e.Encode(payload, pcm)
		if err != nil {
			b.Fatal(err)
		}
		packet := append([]byte(nil), payload[:n]...)
		b.Run("Encode/"+name, func(b *testing.B) {
			for b.Loop() {
				_, _ = e.Encode(payload, pcm)
			}
		})
		b.Run("Decode/"+name, func(b *testing.B) {
			for b.Loop() {
				_, _ = d.Decode(pcm, packet)
			}
		})
		b.Run("Conceal/"+name, func(b *testing.B) {
			for b.Loop() {
				_, _ = d.Decode(pcm, packet)
				d.Conceal(pcm)
			}
		})
	}
}
