package sipua

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestKeysOfINFO(t *testing.T) {
	for _, row := range []struct {
		name, contentType, body string
		digit                   byte
		held                    time.Duration
		err                     error
	}{
		{"Cisco", "application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", '5', 160 * time.Millisecond, nil},
		{"spaces", "application/dtmf-relay", "Signal= 5 \nDuration= 250 \n", '5', 250 * time.Millisecond, nil},
		{"order and case", "application/dtmf-relay", "DURATION=80\r\nsignal=*", '*', 80 * time.Millisecond, nil},
		{"without duration", "application/dtmf-relay", "Signal=#", '#', defaultHeld, nil},
		{"event number", "application/dtmf-relay", "Signal=11\r\n", '#', defaultHeld, nil},
		{"letter", "application/dtmf-relay", "Signal=b\r\n", 'B', defaultHeld, nil},
		{"flash", "application/dtmf-relay", "Signal=16\r\n", 0, defaultHeld, nil},
		{"held for ever", "application/dtmf-relay", "Signal=1\r\nDuration=2000000000\r\n", '1', maxHeld, nil},
		{"bare", "application/dtmf", "7", '7', defaultHeld, nil},
		{"bare with line end", "application/dtmf", "0\r\n", '0', defaultHeld, nil},
		{"no signal", "application/dtmf-relay", "Duration=160\r\n", 0, 0, errDTMF},
		{"no key", "application/dtmf-relay", "Signal=x\r\n", 0, 0, errDTMF},
		{"a word", "application/dtmf", "hello", 0, 0, errDTMF},
		{"bad duration", "application/dtmf-relay", "Signal=1\r\nDuration=-1\r\n", 0, 0, errDTMF},
		{"too long", "application/dtmf", strings.Repeat(" ", maxDTMFBody) + "1", 0, 0, errDTMF},
	} {
		t.Run(row.name, func(t *testing.T) {
			digit, held, err := readDTMF(row.contentType, []byte(row.body))
			if digit != row.digit || held != row.held && err == nil || !errors.Is(err, row.err) {
				t.Errorf("got %q %v %v, want %q %v %v", digit, held, err, row.digit, row.held, row.err)
			}
		})
	}
}

func FuzzDTMF(f *testing.F) {
	for _, body := range []string{"Signal=5\r\nDuration=160\r\n", "5", "Signal=16", "=", "Signal", "Duration=1\nSignal=a"} {
		f.Add(true, []byte(body))
		f.Add(false, []byte(body))
	}
	f.Fuzz(func(t *testing.T, relay bool, body []byte) {
		contentType := "application/dtmf"
		if relay {
			contentType += "-relay"
		}
		digit, held, err := readDTMF(contentType, body)
		if err != nil {
			return
		}
		if digit != 0 && strings.IndexByte("0123456789*#ABCD", digit) < 0 || held < 0 || held > maxHeld {
			t.Errorf("got %q %v", digit, held)
		}
	})
}
