package config

import (
	"fmt"
	"strconv"
	"strings"
)

// masked stands for a secret.
const masked = `"(set)"`

// Format writes c as a file that Load reads as c, but for secrets: those are not shown.
func Format(c Config) string {
	var b strings.Builder
	var open []string // the sections that the last line is in
	for _, k := range keys() {
		parts := strings.Split(k.path, ".")
		heads, name := parts[:len(parts)-1], parts[len(parts)-1]
		for i, head := range heads {
			if i < len(open) && open[i] == head {
				continue
			}
			fmt.Fprintf(&b, "%s%s:\n", strings.Repeat("  ", i), head)
			open = open[:min(i, len(open))]
			open = append(open, head)
		}
		open = open[:len(heads)]
		fmt.Fprintf(&b, "%s%s:%s\n", strings.Repeat("  ", len(heads)), name, valueYAML(k.get(&c), len(heads)+1))
	}
	return b.String()
}

// valueYAML puts a value behind its key: in the same line, or as an indented block where it has lines.
func valueYAML(s string, depth int) string {
	if !strings.HasPrefix(s, "- ") {
		return " " + s
	}
	indent := "\n" + strings.Repeat("  ", depth)
	return indent + strings.ReplaceAll(s, "\n", indent)
}

// Variables lists the environment variables that override keys, as "CONFBRIDGE_DATA_DIR" and "data_dir".
func Variables() [][2]string {
	var all [][2]string
	for _, k := range keys() {
		if k.env != "" {
			all = append(all, [2]string{k.env, k.path})
		}
	}
	return all
}

func quotedList[T any](all []T, text func(T) string) string {
	quoted := make([]string, len(all))
	for i, v := range all {
		quoted[i] = strconv.Quote(text(v))
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}
