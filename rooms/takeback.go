package rooms

import "context"

// takeBack has the store keep a room as it is in force, or, with none, forget it, where it did not answer for a change: that may be kept all the same, and would be in
// force at the next start, though whoever made it was told that it is not. Where this fails too, the room's next change sets it right. It is called in the room's turn.
func (g *Registry) takeBack(ctx context.Context, number string, was *Kept) {
	if g.isBlocked(number) {
		return // what was there cannot be kept again: nobody knows it
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), disownTime)
	defer cancel()
	var err error
	if was != nil {
		err = g.put(ctx, *was)
	} else {
		err = storage(g.memory.keeper.Remove(ctx, number))
	}
	if err != nil {
		g.cfg.Log.Warn("a room may be kept otherwise than it is, until it is changed again", "room", number, "err", err)
	}
}
