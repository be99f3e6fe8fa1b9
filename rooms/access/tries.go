package access

// TriesPerCall is how many wrong PINs a call may dial.
const TriesPerCall = 3

// Tries counts the wrong PINs of one call. The zero value is that of a call that has dialled none; one goroutine owns it.
type Tries struct{ wrong int }

// Wrong counts one, and says whether the call may try again.
func (t *Tries) Wrong() bool {
	t.wrong++
	return t.Left() > 0
}

// Left is how many more there may be.
func (t *Tries) Left() int { return max(TriesPerCall-t.wrong, 0) }
