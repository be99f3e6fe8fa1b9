package jitter

// window says which of the newest 128 sequence numbers have been seen: more than a number may be old (maxMisorder), so each is
// counted once.
type window struct{ near, far uint64 } // bit n of near: newest-n; of far: newest-64-n

const windowWord = 64 // numbers in half of it

// advance makes the number n after the newest the newest.
func (w *window) advance(n int64) {
	for ; n >= windowWord && *w != (window{}); n -= windowWord {
		w.near, w.far = 0, w.near
	}
	if n < windowWord {
		w.near, w.far = w.near<<n, w.far<<n|w.near>>(windowWord-n)
	}
}

// add notes the number that is n before the newest.
func (w *window) add(n int64) {
	if n < windowWord {
		w.near |= 1 << n
	} else {
		w.far |= 1 << (n - windowWord)
	}
}

// has says whether the number that is n before the newest has been seen. None is known that is older than the window.
func (w *window) has(n int64) bool {
	if n < windowWord {
		return w.near>>n&1 != 0
	}
	return w.far>>(n-windowWord)&1 != 0
}
