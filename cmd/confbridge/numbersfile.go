package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/rooms/dialplan"
)

// fileNumber is a dialled number in a file of rooms, as the configuration file has it.
type fileNumber struct {
	Number string `yaml:"number"`
	Trunk  string `yaml:"trunk,omitempty"`
	Room   string `yaml:"room,omitempty"`
	Voice  string `yaml:"voice,omitempty"`
}

func (n fileNumber) key() dialplan.Key { return dialplan.Key{Dialled: n.Number, Trunk: n.Trunk} }

// numberSettings are all numbers but such as cannot be read; none where the bridge is older than they are.
func numberSettings(ctx context.Context, api client) ([]fileNumber, error) {
	all, err := allNumbers(ctx, api)
	if status.Code(err) == codes.Unimplemented {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list []fileNumber
	for _, n := range all.GetNumbers() {
		if !n.GetUnreadable() {
			list = append(list, fileNumber{Number: n.GetDialled(), Trunk: n.GetTrunk(), Room: number(n.GetRoom()), Voice: n.GetVoice()})
		}
	}
	return list, nil
}

// checkNumbers says which numbers of a file cannot be, or are there twice.
func checkNumbers(list []fileNumber) error {
	seen := map[dialplan.Key]bool{}
	var faults []error
	for i, n := range list {
		err := n.key().Check()
		if seen[n.key()] {
			err = fmt.Errorf("%v is there twice", n.key())
		}
		seen[n.key()] = true
		if err != nil {
			faults = append(faults, fmt.Errorf("numbers[%d]: %w", i, err))
		}
	}
	return errors.Join(faults...)
}

// putNumbers makes the numbers of a file, or changes those that are there.
func (cmd *roomsImportCmd) putNumbers(ctx context.Context, c *console, api client, list []fileNumber) error {
	if len(list) == 0 {
		return nil
	}
	all, err := allNumbers(ctx, api)
	if err != nil {
		return err
	}
	var faults []error
	for _, n := range list {
		name := "numbers/" + n.key().ID()
		there := slices.ContainsFunc(all.GetNumbers(), func(o *confbridgev1.Number) bool { return o.GetName() == name && !o.GetUnreadable() })
		made := &confbridgev1.Number{Name: name, Dialled: n.Number, Trunk: n.Trunk, Room: roomNameOr(n.Room), Voice: n.Voice}
		done, err := cmd.putNumber(ctx, api, made, there)
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", name, err))
			continue
		}
		if err := cmd.print(c.stdout, made, "%s: %s", name, done); err != nil {
			return err
		}
	}
	return errors.Join(faults...)
}

// putNumber is put for a number.
func (cmd *roomsImportCmd) putNumber(ctx context.Context, api client, n *confbridgev1.Number, there bool) (done string, err error) {
	switch {
	case cmd.DryRun && there:
		return "would be updated", nil
	case cmd.DryRun:
		return "would be created", nil
	case there:
		_, err = api.numbers.UpdateNumber(ctx, &confbridgev1.UpdateNumberRequest{Number: n, UpdateMask: paths("*")})
		return "updated", err
	}
	_, err = api.numbers.CreateNumber(ctx, &confbridgev1.CreateNumberRequest{Number: n})
	if status.Code(err) == codes.AlreadyExists {
		return cmd.putNumber(ctx, api, n, true) // somebody was faster
	}
	return "created", err
}
