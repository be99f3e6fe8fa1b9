package config

import (
	"fmt"
	"strings"
)

// field is one key of a mapping in a list of T.
type field[T any] struct {
	name   string // "register.user" is the key user in the mapping register
	needed bool
	secret bool
	shape  shape
	set    func(*T, string) error
	put    func(t *T, name, s string) error // where shape is table
	get    func(*T) string                  // as YAML; empty: left out
	// list makes the key of a list of mappings within the T that was begun last.
	list func(last func(*Config) *T) key
}

// recordKey is the key of a list of mappings. They are appended to what list points at.
func recordKey[T any](path string, list func(*Config) *[]T, fields []field[T]) key {
	var zero T
	return recordKeyFrom(path, list, zero, fields)
}

// recordKeyFrom is recordKey of mappings that say what differs from fresh.
func recordKeyFrom[T any](path string, list func(*Config) *[]T, fresh T, fields []field[T]) key {
	last := func(c *Config) *T {
		all := *list(c)
		return &all[len(all)-1]
	}
	return key{
		path: path, shape: records, empty: true,
		clear: func(c *Config) { *list(c) = nil },
		set:   func(*Config, string) error { return fmt.Errorf("is text, not keys with values") },
		add:   func(c *Config) { *list(c) = append(*list(c), fresh) },
		fields: func(at string) []key {
			keys := make([]key, len(fields))
			for i, f := range fields {
				if f.list != nil {
					keys[i] = f.list(last)
					keys[i].path = at + "." + f.name
					continue
				}
				keys[i] = key{
					path: at + "." + f.name, shape: f.shape, needed: f.needed, secret: f.secret, empty: true,
					clear: func(*Config) {},
					set:   func(c *Config, s string) error { return f.set(last(c), s) },
					put:   func(c *Config, name, s string) error { return f.put(last(c), name, s) },
				}
			}
			return keys
		},
		get: func(c *Config) string { return recordsYAML(*list(c), fields) },
	}
}

// recordsYAML writes a list of mappings, without the keys that are empty.
func recordsYAML[T any](all []T, fields []field[T]) string {
	if len(all) == 0 {
		return "[]"
	}
	var lines []string
	for i := range all {
		mark, section := "- ", ""
		for _, f := range fields {
			v := f.get(&all[i])
			if v == "" {
				continue
			}
			head, name, nested := strings.Cut(f.name, ".")
			indent := ""
			switch {
			case !nested:
				head, name = "", f.name
			case head != section:
				lines, mark = append(lines, mark+head+":"), "  "
				fallthrough
			default:
				indent = "  "
			}
			lines, mark, section = append(lines, mark+indent+name+":"+valueYAML(v, 2)), "  ", head
		}
	}
	return strings.Join(lines, "\n")
}
