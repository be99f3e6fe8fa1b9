package api

import (
	"fmt"
	"strings"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/rooms/dialplan"
	"github.com/confbridge/confbridge/rooms/distribution"
)

// Resource names (AIP-122): rooms/{number}, rooms/{number}/participants/{id}, rooms/{number}/bans/{id},
// rooms/{number}/invitations/{id}, rooms/{number}/distributions/{id}, rooms/{number}/sources/{id}, numbers/{id}, trunks/{name} and recordings/{id}.
const (
	roomsCollection         = "rooms"
	participantsCollection  = "participants"
	trunksCollection        = "trunks"
	recordingsCollection    = "recordings"
	callRecordsCollection   = "callRecords"
	bansCollection          = "bans"
	invitationsCollection   = "invitations"
	distributionsCollection = "distributions"
	sourcesCollection       = "sources"
	numbersCollection       = "numbers"
	maxNumber               = 64 // bytes of a room's number
	maxParticipantID        = 64 // bytes
	maxEchoed               = 80 // bytes of a client's string that an error message repeats
)

func roomName(number string) string { return roomsCollection + "/" + number }

// roomNameOr is empty where there is no room.
func roomNameOr(number string) string {
	if number == "" {
		return ""
	}
	return roomName(number)
}

func participantName(number, id string) string {
	return roomName(number) + "/" + participantsCollection + "/" + id
}

func recordingName(id string) string { return recordingsCollection + "/" + id }

// recordingNameOr is empty where there is no recording.
func recordingNameOr(id string) string {
	if id == "" {
		return ""
	}
	return recordingName(id)
}

// parseRecordingName takes the id out of a recording's name, which came in the field so called.
func parseRecordingName(field, name string) (id string, err error) {
	id, ok := strings.CutPrefix(name, recordingsCollection+"/")
	if !ok || !validRecordingID(id) {
		return "", violated(field, fmt.Sprintf("%s is not the name of a recording, like recordings/20260304t120000-0123456789", quote(name)))
	}
	return id, nil
}

func validRecordingID(id string) bool {
	if id == "" || len(id) > maxParticipantID {
		return false
	}
	for _, c := range []byte(id) {
		if !isAlphanumeric(c) && c != '-' {
			return false
		}
	}
	return true
}

// parseRoomName takes the number out of a room's name, which came in the field so called.
func parseRoomName(field, name string) (number string, err error) {
	number, ok := strings.CutPrefix(name, roomsCollection+"/")
	if !ok || !validNumber(number) {
		return "", violated(field, fmt.Sprintf("%s is not the name of a room, like rooms/1000", quote(name)))
	}
	return number, nil
}

// parseParticipantName takes number and id out of a participant's name, which came in the field so called.
func parseParticipantName(field, name string) (number, id string, err error) {
	parts := strings.SplitN(name, "/", 5)
	if len(parts) != 4 || parts[0] != roomsCollection || parts[2] != participantsCollection ||
		!validNumber(parts[1]) || !validParticipantID(parts[3]) {
		return "", "", violated(field,
			fmt.Sprintf("%s is not the name of a participant, like rooms/1000/participants/a1", quote(name)))
	}
	return parts[1], parts[3], nil
}

func banName(number, id string) string { return roomName(number) + "/" + bansCollection + "/" + id }

// parseBanName takes number and id out of a ban's name, which came in the field so called.
func parseBanName(field, name string) (number, id string, err error) {
	parts := strings.SplitN(name, "/", 5)
	if len(parts) != 4 || parts[0] != roomsCollection || parts[2] != bansCollection ||
		!validNumber(parts[1]) || !validParticipantID(parts[3]) {
		return "", "", violated(field, fmt.Sprintf("%s is not the name of a ban, like rooms/1000/bans/a1", quote(name)))
	}
	return parts[1], parts[3], nil
}

func invitationName(number, id string) string {
	return roomName(number) + "/" + invitationsCollection + "/" + id
}

// parseInvitationName takes number and id out of an invitation's name, which came in the field so called.
func parseInvitationName(field, name string) (number, id string, err error) {
	parts := strings.SplitN(name, "/", 5)
	if len(parts) != 4 || parts[0] != roomsCollection || parts[2] != invitationsCollection ||
		!validNumber(parts[1]) || !validParticipantID(parts[3]) {
		return "", "", violated(field,
			fmt.Sprintf("%s is not the name of an invitation, like rooms/1000/invitations/a1", quote(name)))
	}
	return parts[1], parts[3], nil
}

func distributionName(number, id string) string {
	return roomName(number) + "/" + distributionsCollection + "/" + id
}

// parseDistributionName takes number and id out of a distribution's name, which came in the field so called.
func parseDistributionName(field, name string) (number, id string, err error) {
	number, id, ok := splitName(name, distributionsCollection)
	if !ok {
		return "", "", violated(field, fmt.Sprintf("%s is not the name of a distribution, like rooms/1000/distributions/hall", quote(name)))
	}
	return number, id, nil
}

// parseSourceName takes number and id out of a source's name, which came in the field so called.
func parseSourceName(field, name string) (number, id string, err error) {
	number, id, ok := splitName(name, sourcesCollection)
	if !ok {
		return "", "", violated(field, fmt.Sprintf("%s is not the name of a source, like rooms/1000/sources/stage", quote(name)))
	}
	return number, id, nil
}

// splitName takes a name apart of what has an ID as distributions have, in a collection of a room's.
func splitName(name, collection string) (number, id string, ok bool) {
	parts := strings.SplitN(name, "/", 5)
	if len(parts) != 4 || parts[0] != roomsCollection || parts[2] != collection || !validNumber(parts[1]) || !distribution.IsID(parts[3]) {
		return "", "", false
	}
	return parts[1], parts[3], true
}

func sourceName(number, id string) string {
	return roomName(number) + "/" + sourcesCollection + "/" + id
}

func numberName(k dialplan.Key) string { return numbersCollection + "/" + k.ID() }

// parseNumberName takes the key out of a dialled number's name, which came in the field so called.
func parseNumberName(field, name string) (dialplan.Key, error) {
	id, ok := strings.CutPrefix(name, numbersCollection+"/")
	k, err := dialplan.ParseID(id)
	if !ok || err != nil {
		return dialplan.Key{}, violated(field, fmt.Sprintf("%s is not the name of a number, like numbers/+4930123400 or numbers/+4930*@carrier", quote(name)))
	}
	return k, nil
}

// parseTrunkName takes the trunk's own name out of its resource name, which came in the field so called.
func parseTrunkName(field, name string) (trunk string, err error) {
	trunk, ok := strings.CutPrefix(name, trunksCollection+"/")
	if !ok || !validNumber(trunk) {
		return "", violated(field, fmt.Sprintf("%s is not the name of a trunk, like trunks/carrier", quote(name)))
	}
	return trunk, nil
}

// validNumber is the grammar of room numbers, as rooms.Registry.Create has it.
func validNumber(number string) bool {
	if number == "" || len(number) > maxNumber {
		return false
	}
	for _, c := range []byte(number) {
		if !isAlphanumeric(c) && !strings.ContainsRune("-_.+*#", rune(c)) {
			return false
		}
	}
	return true
}

func validParticipantID(id string) bool {
	if id == "" || len(id) > maxParticipantID {
		return false
	}
	for _, c := range []byte(id) {
		if !isAlphanumeric(c) {
			return false
		}
	}
	return true
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// quote is s for an error message: printable ASCII and not long.
func quote(s string) string {
	if len(s) > maxEchoed {
		return fmt.Sprintf("%+q...", s[:maxEchoed])
	}
	return fmt.Sprintf("%+q", s)
}

// resourceOf is the name of what req is about; empty where it names nothing that can be.
func resourceOf(req any, what about) string {
	if what == aboutNothing {
		return ""
	}
	name := requestedName(req)
	if move, ok := req.(*confbridgev1.MoveParticipantRequest); ok && what == aboutRoom {
		name = move.GetDestinationParent()
	}
	if number, _, err := parseBanName("", name); err == nil {
		if what == aboutRoom {
			return roomName(number)
		}
		return name
	}
	if number, id, err := parseParticipantName("", name); err == nil {
		if what == aboutRoom {
			return roomName(number)
		}
		return participantName(number, id)
	}
	if number, id, err := parseInvitationName("", name); err == nil {
		if what == aboutRoom {
			return roomName(number)
		}
		return invitationName(number, id)
	}
	if number, id, err := parseDistributionName("", name); err == nil {
		if what == aboutRoom {
			return roomName(number)
		}
		return distributionName(number, id)
	}
	if number, id, err := parseSourceName("", name); err == nil {
		if what == aboutRoom {
			return roomName(number)
		}
		return sourceName(number, id)
	}
	if _, err := parseTrunkName("", name); err == nil {
		return name
	}
	if _, err := parseNumberName("", name); err == nil {
		return name
	}
	if _, err := parseRecordingName("", name); err == nil {
		return name
	}
	if _, err := parseRoomName("", name); err != nil {
		return ""
	}
	return name
}

func requestedName(req any) string {
	switch r := req.(type) {
	case *confbridgev1.CreateRoomRequest:
		return roomName(r.GetRoomId())
	case *confbridgev1.UpdateRoomRequest:
		return r.GetRoom().GetName()
	case *confbridgev1.CreateNumberRequest:
		return numberName(dialplan.Key{Dialled: r.GetNumber().GetDialled(), Trunk: r.GetNumber().GetTrunk()})
	case *confbridgev1.UpdateNumberRequest:
		return r.GetNumber().GetName()
	case *confbridgev1.UpdateParticipantRequest:
		return r.GetParticipant().GetName()
	case *confbridgev1.UpdateDistributionRequest:
		return r.GetDistribution().GetName()
	case interface{ GetParent() string }:
		return r.GetParent()
	case interface{ GetName() string }:
		return r.GetName()
	}
	return ""
}

// resourceField is the field of req that holds or names the resource.
func resourceField(req any) string {
	switch req.(type) {
	case *confbridgev1.CreateRoomRequest, *confbridgev1.UpdateRoomRequest:
		return "room"
	case *confbridgev1.CreateNumberRequest, *confbridgev1.UpdateNumberRequest:
		return "number"
	case *confbridgev1.UpdateParticipantRequest:
		return "participant"
	case *confbridgev1.CreateDistributionRequest, *confbridgev1.UpdateDistributionRequest:
		return "distribution"
	case interface{ GetParent() string }:
		return "parent"
	}
	return "name"
}

// resourceType is for google.rpc.ResourceInfo.
func resourceType(name string) string {
	if strings.Contains(name, "/"+participantsCollection+"/") {
		return "confbridge.v1.Participant"
	}
	if strings.Contains(name, "/"+bansCollection+"/") {
		return "confbridge.v1.Ban"
	}
	if strings.Contains(name, "/"+invitationsCollection+"/") {
		return "confbridge.v1.Invitation"
	}
	if strings.Contains(name, "/"+distributionsCollection+"/") {
		return "confbridge.v1.Distribution"
	}
	if strings.HasPrefix(name, trunksCollection+"/") {
		return "confbridge.v1.Trunk"
	}
	if strings.HasPrefix(name, numbersCollection+"/") {
		return "confbridge.v1.Number"
	}
	if strings.HasPrefix(name, recordingsCollection+"/") {
		return "confbridge.v1.Recording"
	}
	return "confbridge.v1.Room"
}
