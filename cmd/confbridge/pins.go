package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
)

// maxPINLine bounds what is read for one PIN.
const maxPINLine = 256

// pinFlags are a room's PINs. What stands on a command line is in the shell's history, and everybody on the machine can see it; a file and standard input
// are there for those who care.
type pinFlags struct {
	PIN              *string `name:"pin" placeholder:"DIGITS" help:"What participants dial to come in, 4 to 16 digits; empty: nothing; -: a line of standard input."`
	ModeratorPIN     *string `name:"moderator-pin" placeholder:"DIGITS" help:"What moderators dial; as --pin."`
	PINFile          string  `name:"pin-file" placeholder:"FILE" help:"Read --pin from the first line of a file."`
	ModeratorPINFile string  `name:"moderator-pin-file" placeholder:"FILE" help:"Read --moderator-pin from the first line of a file."`
	IdentityForPIN   *bool   `name:"identity-for-pin" negatable:"" help:"Let those in without a PIN whom a trusted trunk vouches for."`
}

// apply puts what was given into room and says which fields that are.
func (f pinFlags) apply(c *console, room *confbridgev1.Room) (paths []string, err error) {
	lines := bufio.NewReader(c.stdin)
	for _, one := range []struct {
		flag, path string
		given      *string
		file       string
		to         **string
	}{
		{"--pin", "pin", f.PIN, f.PINFile, &room.Pin},
		{"--moderator-pin", "moderator_pin", f.ModeratorPIN, f.ModeratorPINFile, &room.ModeratorPin},
	} {
		pin := one.given
		switch {
		case pin != nil && one.file != "":
			return nil, usageError{fmt.Errorf("%s and %s-file are one too many", one.flag, one.flag)}
		case pin != nil && *pin == "-":
			pin, err = pinOf(lines)
		case one.file != "":
			pin, err = pinOfFile(one.file)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", one.flag, err)
		}
		if pin != nil {
			*one.to = pin
			paths = append(paths, one.path)
		}
	}
	if f.IdentityForPIN != nil {
		room.IdentityForPin = *f.IdentityForPIN
		paths = append(paths, "identity_for_pin")
	}
	return paths, nil
}

func pinOfFile(name string) (*string, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	return pinOf(bufio.NewReader(io.LimitReader(f, maxPINLine)))
}

// pinOf reads one line.
func pinOf(r *bufio.Reader) (*string, error) {
	line, err := r.ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	pin := strings.TrimSpace(line)
	if pin == "" {
		return nil, errors.New("there is no PIN to read")
	}
	return &pin, nil
}

// pinsOf says which PINs a room has.
func pinsOf(r *confbridgev1.Room) string {
	var has []string
	if r.GetHasPin() {
		has = append(has, "participants")
	}
	if r.GetHasModeratorPin() {
		has = append(has, "moderators")
	}
	if len(has) == 0 {
		return "-"
	}
	if r.GetIdentityForPin() {
		has = append(has, "or a known identity")
	}
	return strings.Join(has, ", ")
}
