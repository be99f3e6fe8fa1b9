package config

import (
	"fmt"
	"strings"
)

// Format writes c as a file that Load reads as c.
func Format(c Config) string {
	var b strings.Builder
	section := ""
	for _, k := range keys() {
		head, name, nested := strings.Cut(k.path, ".")
		if !nested {
			fmt.Fprintf(&b, "%s: %s\n", head, k.get(&c))
			section = ""
			continue
		}
		if head != section {
			fmt.Fprintf(&b, "%s:\n", head)
			section = head
		}
		fmt.Fprintf(&b, "  %s: %s\n", name, k.get(&c))
	}
	return b.String()
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
