package access

import (
	"fmt"
	"time"
)

// Record is a ring as it is kept: hashes as PHC strings, and no PIN. It is as secret as they are.
type Record struct {
	Participant string             `json:"participant,omitempty"`
	Moderator   string             `json:"moderator,omitempty"`
	Invitations []InvitationRecord `json:"invitations,omitempty"`
}

// InvitationRecord is an Invitation as it is kept.
type InvitationRecord struct {
	ID        string    `json:"id"`
	Name      string    `json:"name,omitempty"`
	Moderator bool      `json:"moderator,omitempty"`
	From      time.Time `json:"from,omitzero"`
	Until     time.Time `json:"until,omitzero"`
	Hash      string    `json:"hash"`
	Used      time.Time `json:"used,omitzero"`
}

// Record is the ring as it is kept; nil of no ring.
func (r *Ring) Record() *Record {
	if r == nil {
		return nil
	}
	participant, moderator, invitations := r.Kept()
	out := &Record{Participant: participant.PHC(), Moderator: moderator.PHC()}
	for _, i := range invitations {
		out.Invitations = append(out.Invitations, InvitationRecord{i.ID, i.Name, i.Moderator, i.From, i.Until, i.Hash.PHC(), i.Used})
	}
	return out
}

// Ring is the ring that was kept; nil of no record. Errors are those of RestoreRing and ParseHash.
func (rec *Record) Ring() (*Ring, error) {
	if rec == nil {
		return nil, nil //nolint:nilnil // no ring was kept
	}
	participant, err := parseKept(rec.Participant)
	if err != nil {
		return nil, err
	}
	moderator, err := parseKept(rec.Moderator)
	if err != nil {
		return nil, err
	}
	var invitations []Invitation
	for _, i := range rec.Invitations {
		h, err := ParseHash(i.Hash)
		if err != nil {
			return nil, fmt.Errorf("invitation %q: %w", i.ID, err)
		}
		invitations = append(invitations, Invitation{i.ID, i.Name, i.Moderator, i.From, i.Until, h, i.Used})
	}
	return RestoreRing(participant, moderator, invitations)
}

// parseKept is ParseHash of what may be none.
func parseKept(phc string) (Hash, error) {
	if phc == "" {
		return Hash{}, nil
	}
	return ParseHash(phc)
}
