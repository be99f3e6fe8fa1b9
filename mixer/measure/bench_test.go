package measure

import "testing"

func BenchmarkCorrelation10s(b *testing.B) {
	ref := sine(440, 3000, 8000, 80000)
	for b.Loop() {
		Correlation(ref, ref, 8000)
	}
}
