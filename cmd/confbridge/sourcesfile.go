package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
)

// sourcesSetting is the key of what a room keeps of sessions that it takes in, as distributionsSetting is. Keys are never in it, and may be added by hand: an encrypted one that
// is made by the file needs its own.
const sourcesSetting = "sources"

// sourceShownOnly are the fields of a Source that are nobody's to set.
var sourceShownOnly = []string{"name", "create_time", "participant"}

// sourceSettings are a room's sources, by the names of the fields; nil where there are none.
func sourceSettings(ctx context.Context, api client, room string) ([]map[string]any, error) {
	all, err := allSources(ctx, api, room)
	if code := status.Code(err); code == codes.Unimplemented || code == codes.FailedPrecondition {
		return nil, nil // an older bridge, or one that has been put together without them
	}
	if err != nil {
		return nil, err
	}
	var list []map[string]any
	for _, s := range all.GetSources() {
		set, err := itemSettings(s, sourceShownOnly)
		if err != nil {
			return nil, err
		}
		set["id"] = sourceID(s)
		list = append(list, set)
	}
	return list, nil
}

// itemSettings is what can be set on something of a room's, by the names of the fields.
func itemSettings(m proto.Message, hidden []string) (map[string]any, error) {
	text, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	if err != nil {
		return nil, err
	}
	set := map[string]any{}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, err
	}
	for _, name := range hidden {
		delete(set, name)
	}
	return set, nil
}

// readItem reads one of a list into m, and returns its id. what it is called is for the error.
func readItem(one any, m proto.Message, what string, hidden []string) (id string, err error) {
	set, ok := one.(map[string]any)
	if !ok {
		return "", errors.New("is not settings with values")
	}
	id, ok = set["id"].(string)
	if !ok || id == "" {
		return "", errors.New("has no id")
	}
	rest := map[string]any{}
	for name, value := range set {
		switch {
		case name == "id":
		case slices.Contains(hidden, name):
			return "", fmt.Errorf("%s cannot be set", name)
		case m.ProtoReflect().Descriptor().Fields().ByName(protoreflect.Name(name)) == nil:
			return "", fmt.Errorf("%s is no setting of a %s", name, what)
		default:
			rest[name] = value
		}
	}
	text, err := json.Marshal(rest)
	if err != nil {
		return "", err
	}
	return id, protojson.Unmarshal(text, m)
}

// sourcesOf reads what a file says of a room's sources.
func sourcesOf(room string, set any) ([]*confbridgev1.Source, error) {
	list, ok := set.([]any)
	if !ok {
		return nil, fmt.Errorf("%s is no list", sourcesSetting)
	}
	var all []*confbridgev1.Source
	var faults []error
	for i, one := range list {
		s := &confbridgev1.Source{}
		id, err := readItem(one, s, "source", sourceShownOnly)
		s.Name = room + "/sources/" + id
		if err == nil && slices.ContainsFunc(all, func(o *confbridgev1.Source) bool { return o.GetName() == s.GetName() }) {
			err = errors.New("its id is there twice")
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("%s[%d]: %w", sourcesSetting, i, err))
			continue
		}
		all = append(all, s)
	}
	return all, errors.Join(faults...)
}

// putSources has a room keep the sources of the file and no others. Those that are as the file has them stay as they are; those that are not are changed where they are, with the keys
// that they have.
func putSources(ctx context.Context, api client, room string, want []*confbridgev1.Source) error {
	all, err := allSources(ctx, api, room)
	if err != nil {
		return err
	}
	there := map[string]bool{}
	var faults []error
	for _, s := range all.GetSources() {
		there[s.GetName()] = true
		if slices.ContainsFunc(want, func(w *confbridgev1.Source) bool { return w.GetName() == s.GetName() }) {
			continue
		}
		if _, err := api.distributions.DeleteSource(ctx, &confbridgev1.DeleteSourceRequest{Name: s.GetName()}); err != nil {
			faults = append(faults, err)
		}
	}
	for _, s := range want {
		var err error
		if there[s.GetName()] {
			_, err = api.distributions.UpdateSource(ctx, &confbridgev1.UpdateSourceRequest{Source: s, UpdateMask: paths("*")})
		} else {
			_, err = api.distributions.CreateSource(ctx, &confbridgev1.CreateSourceRequest{Parent: room, SourceId: sourceID(s), Source: s})
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("source %s: %w", sourceID(s), err))
		}
	}
	return errors.Join(faults...)
}
