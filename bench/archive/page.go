package archive

import (
	"bytes"
	"errors"
	"fmt"
	"os"
)

// Show puts a text into a page of the documentation, between the lines "<!-- NAME begin -->" and "<!-- NAME end -->".
func Show(page, name, shown string) error {
	text, err := os.ReadFile(page)
	if err != nil {
		return fmt.Errorf("page: %w", err)
	}
	begin, end := "<!-- "+name+" begin -->", "<!-- "+name+" end -->"
	before, rest, ok := bytes.Cut(text, []byte(begin))
	_, after, ok2 := bytes.Cut(rest, []byte(end))
	if !ok || !ok2 {
		return errors.New("page: " + page + " has no place for " + name)
	}
	if err := os.WriteFile(page, fmt.Appendf(nil, "%s%s\n\n%s\n%s%s", before, begin, shown, end, after), 0o644); err != nil {
		return fmt.Errorf("page: %w", err)
	}
	return nil
}
