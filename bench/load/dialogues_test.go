package main

import (
	"strings"
	"testing"
)

func TestEveryRoomWithAPINHasATrunkOfItsOwn(t *testing.T) {
	trunks, list := pinConfig()
	seen := map[string]bool{}
	for i := range pinRooms {
		address := trunkAddress(i).String()
		if seen[address] || !strings.Contains(trunks, "["+address+"/32]") {
			t.Errorf("trunk %d at %s is not one of its own:\n%s", i, address, trunks)
		}
		seen[address] = true
	}
	if got := strings.Count(list, "pin: \""+rightPIN+"\""); got != pinRooms {
		t.Errorf("%d rooms ask for the PIN, want %d:\n%s", got, pinRooms, list)
	}
}
