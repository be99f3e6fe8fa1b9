package recorder

import (
	"testing"
	"time"
)

func TestWritersOfAHundredTapesHaveATimeEach(t *testing.T) {
	seen := map[time.Duration]bool{}
	for n := range uint32(100) {
		p := phase(n)
		if p < 0 || p >= writeEvery || p%time.Millisecond != 0 || seen[p] {
			t.Errorf("the %dth has its turn at %v, which is taken or none", n, p)
		}
		seen[p] = true
	}
	if d := (phase(1) - phase(0)).Abs(); d < 20*time.Millisecond {
		t.Errorf("the second comes %v behind the first", d)
	}
}
