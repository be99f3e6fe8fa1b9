package rooms

// Elsewhere is a leg of somebody who hears the room by another way, a feed that goes to a group, and says nothing: a listener, who has a seat and is seen, and
// for whom the room does nothing. Profile is how the feed has its sound. Of such a leg Receive, Send, Mixed and Observe are never called; its participant
// cannot be moved, told anything alone, or have another leg (ErrElsewhere), and cannot join where it would have to wait.
type Elsewhere interface {
	Leg
	// Elsewhere is never called: it marks the leg.
	Elsewhere()
}

// isElsewhere says whether a leg is such a one.
func isElsewhere(leg Leg) bool {
	_, is := leg.(Elsewhere)
	return is
}

// settleElsewhere has a newcomer who hears the room elsewhere be what it is; it fails where it may not hear the room yet.
func (m *member) settleElsewhere() error {
	if m.elsewhere = isElsewhere(m.leg); !m.elsewhere {
		return nil
	}
	if m.place != PlaceInside {
		return ErrElsewhere
	}
	m.caller.Role = RoleListener
	m.aside.unheard = true
	m.mutedBy = m.whoMutes()
	return nil
}
