package control

import (
	"testing"
	"time"
)

func TestMeanInterval(t *testing.T) {
	for _, c := range []struct {
		name string
		s    Session
		want time.Duration
	}{
		{"alone", Session{Members: 1, Senders: 1, Sending: true, Bandwidth: 500, Size: 100}, 5 * time.Second},
		{"before the first", Session{Members: 1, Bandwidth: 500, Size: 100, Initial: true}, 2500 * time.Millisecond},
		{"one sender, 1,000 receivers: the sender's quarter", Session{Members: 1001, Senders: 1, Sending: true, Bandwidth: 500, Size: 100}, 5 * time.Second},
		{"one of these receivers", Session{Members: 1001, Senders: 1, Bandwidth: 500, Size: 100}, 1000 * 100 * time.Second / 375},
		{"half of them send", Session{Members: 1000, Senders: 500, Sending: true, Bandwidth: 500, Size: 100}, 200 * time.Second},
		{"just a quarter sends", Session{Members: 1000, Senders: 250, Sending: true, Bandwidth: 500, Size: 100}, 200 * time.Second},
	} {
		if got := c.s.mean().Round(time.Microsecond); got != c.want.Round(time.Microsecond) {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
		for range 100 {
			if got, mean := c.s.Interval(), float64(c.want); float64(got) < mean/2/Compensation*0.999 || float64(got) > mean*1.5/Compensation*1.001 {
				t.Errorf("%s: got an interval of %v", c.name, got)
			}
		}
	}
}

// reports runs a timer for d, and returns when it was due.
func reports(timer *Timer, d time.Duration, session func(at time.Duration) Session) (at []time.Duration) {
	for t := time.Duration(0); t < d; t += 20 * time.Millisecond {
		if timer.Due(start.Add(t), session(t)) {
			at = append(at, t)
		}
	}
	return at
}

func TestReportsGoOutEveryFiveSeconds(t *testing.T) {
	var timer Timer
	at := reports(&timer, time.Hour, func(time.Duration) Session {
		return Session{Members: 2, Senders: 1, Sending: true, Bandwidth: 500}
	})
	// Reconsideration of intervals of 2.05 to 6.16 s comes to 5 s on the average, which is what the compensation is for.
	if mean := time.Hour / time.Duration(len(at)); mean < 4500*time.Millisecond || mean > 5500*time.Millisecond {
		t.Errorf("%d reports in an hour, one in %v", len(at), mean)
	}
	if at[0] < 1020*time.Millisecond || at[0] > 3100*time.Millisecond {
		t.Errorf("the first after %v", at[0])
	}
}

func TestWhenManyComeTheirReportsArePutOff(t *testing.T) {
	var timer Timer
	at := reports(&timer, 20*time.Second, func(at time.Duration) Session {
		s := Session{Members: 1, Bandwidth: 500}
		if at > time.Second { // before the first is due
			s.Members = 10_000
		}
		return s
	})
	if len(at) != 0 {
		t.Errorf("reported after %v beside 10,000 that had come", at)
	}
}

func TestWhenManyGoTheNextReportIsSooner(t *testing.T) {
	var timer Timer
	at := reports(&timer, time.Minute, func(at time.Duration) Session {
		s := Session{Members: 10_000, Bandwidth: 500}
		if at > 10*time.Second {
			s.Members = 2
		}
		return s
	})
	if len(at) < 5 {
		t.Errorf("reported after %v when all but one had gone", at)
	}
}

func TestTimeoutIsFiveIntervals(t *testing.T) {
	if got := (Session{Members: 2, Senders: 1, Sending: true, Bandwidth: 500, Size: 100}).Timeout(); got != 25*time.Second {
		t.Errorf("got %v", got)
	}
}
