package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
)

// distributionsSetting is the key of a room's distributions in a file of rooms: a list of them in the words of the API, and each with its id. Keys are never
// in it: an encrypted distribution that is made by the file gets one of its own.
const distributionsSetting = "distributions"

// distributionShownOnly are the fields of a Distribution that are nobody's to set.
var distributionShownOnly = []string{"name", "ssrc", "create_time", "status"}

// distributionSettings are a room's distributions, by the names of the fields; nil where there are none.
func distributionSettings(ctx context.Context, api client, room string) ([]map[string]any, error) {
	all, err := allDistributions(ctx, api, room)
	if code := status.Code(err); code == codes.Unimplemented || code == codes.FailedPrecondition {
		return nil, nil // an older bridge, or one that has been put together without them
	}
	if err != nil {
		return nil, err
	}
	var list []map[string]any
	for _, d := range all.GetDistributions() {
		set, err := itemSettings(d, distributionShownOnly)
		if err != nil {
			return nil, err
		}
		set["id"] = distributionID(d)
		list = append(list, set)
	}
	return list, nil
}

// distributionsOf reads what a file says of a room's distributions.
func distributionsOf(room string, set any) ([]*confbridgev1.Distribution, error) {
	list, ok := set.([]any)
	if !ok {
		return nil, fmt.Errorf("%s is no list", distributionsSetting)
	}
	var all []*confbridgev1.Distribution
	var faults []error
	for i, one := range list {
		d, err := distributionOf(room, one)
		if err == nil && slices.ContainsFunc(all, func(o *confbridgev1.Distribution) bool { return o.GetName() == d.GetName() }) {
			err = errors.New("its id is there twice")
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("%s[%d]: %w", distributionsSetting, i, err))
			continue
		}
		all = append(all, d)
	}
	return all, errors.Join(faults...)
}

func distributionOf(room string, one any) (*confbridgev1.Distribution, error) {
	d := &confbridgev1.Distribution{}
	id, err := readItem(one, d, "distribution", distributionShownOnly)
	if err != nil {
		return nil, err
	}
	d.Name = room + "/distributions/" + id
	return d, nil
}

// putDistributions has a room have the distributions of the file and no others.
func putDistributions(ctx context.Context, api client, room string, want []*confbridgev1.Distribution) error {
	all, err := allDistributions(ctx, api, room)
	if err != nil {
		return err
	}
	there := map[string]bool{}
	var faults []error
	for _, d := range all.GetDistributions() {
		there[d.GetName()] = true
		if slices.ContainsFunc(want, func(w *confbridgev1.Distribution) bool { return w.GetName() == d.GetName() }) {
			continue
		}
		if _, err := api.distributions.DeleteDistribution(ctx, &confbridgev1.DeleteDistributionRequest{Name: d.GetName()}); err != nil {
			faults = append(faults, err)
		}
	}
	for _, d := range want {
		var err error
		if there[d.GetName()] {
			_, err = api.distributions.UpdateDistribution(ctx, &confbridgev1.UpdateDistributionRequest{Distribution: d, UpdateMask: paths("*")})
		} else {
			_, err = api.distributions.CreateDistribution(ctx, &confbridgev1.CreateDistributionRequest{
				Parent: room, DistributionId: distributionID(d), Distribution: d,
			})
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("distribution %s: %w", distributionID(d), err))
		}
	}
	return errors.Join(faults...)
}
