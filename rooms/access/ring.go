package access

import (
	"crypto/subtle"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Invitation is a PIN of one person's: it opens once, within a time.
type Invitation struct {
	ID          string // unique in its ring
	Name        string // of the person
	Moderator   bool
	From, Until time.Time // From is in it, Until is not; zero: no bound
	Hash        Hash
	Used        time.Time // when it has opened; zero: it has not
}

// opens says whether it does at that time.
func (i *Invitation) opens(now time.Time) bool {
	return i.Used.IsZero() && !now.Before(i.From) && (i.Until.IsZero() || now.Before(i.Until))
}

// Grant is what a right PIN gives.
type Grant struct {
	Moderator  bool
	Invitation string // its ID; empty: the PIN was the room's
	Name       string // of who was invited
}

// Bounds of a ring: how many invitations, and how many hashes a check computes.
const (
	maxInvitations = 1000
	maxRecipes     = 4
)

// Ring is the PINs of one room. Its methods are safe for concurrent use.
//
// All PINs that the ring itself has hashed share a salt, so that a check computes one hash, however many there are and whichever of them is right: how long
// it takes tells nothing. That two of them are the same would show, and is refused. What was hashed elsewhere, with a salt of its own, costs one more each,
// at every check.
type Ring struct {
	recipe recipe // of new hashes

	mu                     sync.Mutex
	participant, moderator Hash
	invitations            []Invitation
}

// NewRing returns a ring without PINs, at the given cost; the zero Cost is DefaultCost (ErrInvalid).
func NewRing(c Cost) (*Ring, error) {
	if c == (Cost{}) {
		c = DefaultCost
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	return &Ring{recipe: newRecipe(c)}, nil
}

// RestoreRing returns a ring of hashes that were kept; any may be the zero Hash (ErrInvalid, ErrTaken, ErrTooMany). New ones go on with the salt of the first.
func RestoreRing(participant, moderator Hash, invitations []Invitation) (*Ring, error) {
	r, err := NewRing(Cost{})
	if err != nil {
		return nil, err
	}
	hashes := []Hash{participant, moderator}
	for _, i := range invitations {
		hashes = append(hashes, i.Hash)
	}
	for _, h := range hashes {
		if h.Valid() {
			r.recipe = h.recipe()
			break
		}
	}
	if participant.Valid() && moderator.Valid() && participant.equal(moderator) {
		return nil, fmt.Errorf("moderators and participants: %w", ErrTaken)
	}
	r.participant, r.moderator = participant, moderator
	for _, i := range invitations {
		if err := r.add(i); err != nil {
			return nil, err
		}
	}
	if n := len(r.recipes()); n > maxRecipes {
		return nil, fmt.Errorf("hashes with %d salts or costs, at most %d: %w", n, maxRecipes, ErrInvalid)
	}
	return r, nil
}

// Kept is what RestoreRing makes the ring of again. The slice is the caller's.
func (r *Ring) Kept() (participant, moderator Hash, invitations []Invitation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.participant, r.moderator, slices.Clone(r.invitations)
}

// fresh is a PIN that is to be one of the ring's: its hash, and its keys for comparing it with the others.
type fresh struct {
	hash Hash
	keys keys
}

// fresh computes what there is to know of a PIN; it takes its time. Of no PIN it is the zero value.
func (r *Ring) fresh(p PIN) fresh {
	if !p.Valid() {
		return fresh{}
	}
	k := keysOf(r.recipes(), p)
	return fresh{newHash(&made{r.recipe.cost, []byte(r.recipe.salt), k[r.recipe]}), k}
}

// renewed is fresh of a PIN that may stay as it is.
func (r *Ring) renewed(p *PIN) *fresh {
	if p == nil {
		return nil
	}
	f := r.fresh(*p)
	return &f
}

// set takes new PINs of the room (ErrTaken).
func (r *Ring) set(participant, moderator fresh) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	same := participant.hash.Valid() && moderator.hash.Valid() && participant.hash.equal(moderator.hash)
	if same || participant.hash.opened(moderator.keys) || moderator.hash.opened(participant.keys) || r.invites(participant.keys) || r.invites(moderator.keys) {
		return ErrTaken
	}
	r.participant, r.moderator = participant.hash, moderator.hash
	return nil
}

// invite takes an invitation in (ErrTaken, ErrInvalid, ErrTooMany).
func (r *Ring) invite(i Invitation, f fresh) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.participant.opened(f.keys) || r.moderator.opened(f.keys) || r.invites(f.keys) {
		return fmt.Errorf("invitation %q: %w", i.ID, ErrTaken)
	}
	i.Hash = f.hash
	return r.add(i)
}

// invites says whether the keys are those of an invitation, used or not.
func (r *Ring) invites(k keys) bool {
	return slices.ContainsFunc(r.invitations, func(i Invitation) bool { return i.Hash.opened(k) })
}

// Remove takes an invitation out; false: it is not there.
func (r *Ring) Remove(id string) (Invitation, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := slices.IndexFunc(r.invitations, func(i Invitation) bool { return i.ID == id })
	if at < 0 {
		return Invitation{}, false
	}
	removed := r.invitations[at]
	r.invitations = slices.Delete(r.invitations, at, at+1)
	return removed, true
}

// PutBack takes an invitation in again that Remove has taken out (ErrInvalid, ErrTooMany).
func (r *Ring) PutBack(i Invitation) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.add(i)
}

// Claim has an invitation that has opened in another ring, of which r was made since or which r is, be used in r as well. False: it is not there any more, or
// somebody else has used it.
func (r *Ring) Claim(id string, opened *Ring) bool {
	if opened == nil {
		return false
	}
	used := opened.used(id)
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.invitations {
		if r.invitations[i].ID == id {
			if r.invitations[i].Used.IsZero() {
				r.invitations[i].Used = used
			}
			return !used.IsZero() && r.invitations[i].Used.Equal(used)
		}
	}
	return false
}

// used is when an invitation has opened; zero: it has not, or is not there.
func (r *Ring) used(id string) time.Time {
	_, _, invitations := r.Kept()
	for _, i := range invitations {
		if i.ID == id {
			return i.Used
		}
	}
	return time.Time{}
}

// Release makes an invitation that has opened one that has not, for a caller who could not come in after all.
func (r *Ring) Release(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.invitations {
		if r.invitations[i].ID == id {
			r.invitations[i].Used = time.Time{}
		}
	}
}

// Has says which PINs of the room's own there are. Of a nil Ring there are none.
func (r *Ring) Has() (participant, moderator bool) {
	if r == nil {
		return false, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.participant.Valid(), r.moderator.Valid()
}

// Asks says whether there is anything to ask a caller for, and whether nobody comes in without it: where there is a PIN for participants, or
// somebody is invited. Of a nil Ring neither is so.
func (r *Ring) Asks() (some, all bool) {
	if r == nil {
		return false, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	all = r.participant.Valid() || len(r.invitations) > 0
	return all || r.moderator.Valid(), all
}

// with is a ring of the same hashes and invitations that shares nothing with r, but for new PINs; nil leaves what there is (ErrTaken).
func (r *Ring) with(participant, moderator *fresh) (*Ring, error) {
	oldParticipant, oldModerator, invitations := r.Kept()
	next := &Ring{recipe: r.recipe, invitations: invitations}
	p, m := fresh{hash: oldParticipant}, fresh{hash: oldModerator}
	if participant != nil {
		p = *participant
	}
	if moderator != nil {
		m = *moderator
	}
	if err := next.set(p, m); err != nil {
		return nil, err
	}
	return next, nil
}

// add takes an invitation in, if nobody has its ID. The ring is not shared yet, or locked.
func (r *Ring) add(i Invitation) error {
	switch {
	case i.ID == "" || !i.Hash.Valid() || !i.Until.IsZero() && !i.From.Before(i.Until):
		return fmt.Errorf("invitation %q without ID, PIN or time: %w", i.ID, ErrInvalid)
	case len(r.invitations) >= maxInvitations:
		return fmt.Errorf("more than %d invitations: %w", maxInvitations, ErrTooMany)
	}
	for _, o := range r.invitations {
		if o.ID == i.ID {
			return fmt.Errorf("two invitations %q: %w", i.ID, ErrInvalid)
		}
	}
	r.invitations = append(r.invitations, i)
	return nil
}

// recipes are the different ones of a ring.
func (r *Ring) recipes() []recipe {
	list := []recipe{r.recipe}
	participant, moderator, invitations := r.Kept()
	note := func(h Hash) {
		if h.Valid() && !slices.Contains(list, h.recipe()) {
			list = append(list, h.recipe())
		}
	}
	note(participant)
	note(moderator)
	for _, i := range invitations {
		note(i.Hash)
	}
	return list
}

// keys are a PIN's, by recipe.
type keys map[recipe][]byte

// opened says whether the hash is that of the keys' PIN, in constant time.
func (h Hash) opened(k keys) bool {
	return h.Valid() && subtle.ConstantTimeCompare(h.made().key, k[h.recipe()]) == 1
}

// keysOf computes them all; it takes its time.
func keysOf(recipes []recipe, p PIN) keys {
	out := keys{}
	for _, one := range recipes {
		out[one] = one.key(p)
	}
	return out
}

// open looks for the keys, at all that is there whatever is found first. An invitation that opens is used.
func (r *Ring) open(k keys, now time.Time) (Grant, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	participant, moderator, invited := r.participant.opened(k), r.moderator.opened(k), -1
	for i := range r.invitations {
		if r.invitations[i].Hash.opened(k) && r.invitations[i].opens(now) {
			invited = i
		}
	}
	switch {
	case moderator:
		return Grant{Moderator: true}, true
	case participant:
		return Grant{}, true
	case invited >= 0:
		i := &r.invitations[invited]
		i.Used = now
		return Grant{Moderator: i.Moderator, Invitation: i.ID, Name: i.Name}, true
	}
	return Grant{}, false
}
