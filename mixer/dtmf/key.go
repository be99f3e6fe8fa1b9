package dtmf

import "time"

// Key is a key that was pressed.
type Key struct {
	Digit byte          // '0' to '9', '*', '#', 'A' to 'D'
	Held  time.Duration // for how long its tone was there
}

const (
	tones  = 4 // in each group
	groups = 2
)

// tonesHz are the frequencies of the rows of a keypad, and of its columns (ITU-T Q.23 §6).
var tonesHz = [groups][tones]float64{{697, 770, 852, 941}, {1209, 1336, 1477, 1633}}

// digits are the keys by row and column.
const digits = "123A456B789C*0#D"

// pair is the tones of one key, by number.
type pair struct{ row, column uint8 }

func (p pair) digit() byte { return digits[p.row*tones+p.column] }

// longestHeld is where a key that does not end is told; what follows of it is taken out and no other key.
const longestHeld = 30 * time.Second

// kept is how many keys wait for Next. A tick of 20 ms does not end more than one.
const kept = 8

// found is the keys that nobody has asked for yet; what is too much is dropped.
type found struct {
	keys    [kept]Key
	head, n int
}

func (f *found) put(k Key) {
	if f.n < kept {
		f.keys[(f.head+f.n)%kept] = k
		f.n++
	}
}

func (f *found) next() (Key, bool) {
	if f.n == 0 {
		return Key{}, false
	}
	k := f.keys[f.head]
	f.head = (f.head + 1) % kept
	f.n--
	return k, true
}
