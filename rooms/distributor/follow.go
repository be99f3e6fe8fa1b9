package distributor

// noLonger is closed.
var noLonger = func() <-chan struct{} { c := make(chan struct{}); close(c); return c }()

// Changed is closed when a distribution's description does not hold any more: it has been changed or its room renamed, it has got another key, or it has ended. Of one that
// does not run it is closed already. Whoever asks for it before Describe misses nothing.
func (d *Distributor) Changed(room, id string) <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := name{room, id}
	if d.running[n] == nil {
		return noLonger
	}
	c := d.changes[n]
	if c == nil {
		c = make(chan struct{})
		d.changes[n] = c
	}
	return c
}

// changed tells those who follow a distribution to look at it anew.
func (d *Distributor) changed(n name) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.changedLocked(n)
}

// changedLocked is changed; d.mu is held.
func (d *Distributor) changedLocked(n name) {
	if c := d.changes[n]; c != nil {
		close(c)
		delete(d.changes, n)
	}
}
