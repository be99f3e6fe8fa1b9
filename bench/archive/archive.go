// Package archive keeps what was measured: a JSON file for each run, in a folder of bench/results.
package archive

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Write writes a run as dir/name.json, and makes dir where it is missing.
func Write(dir, name string, run any) error {
	text, err := json.MarshalIndent(run, "", "  ")
	if err != nil {
		return fmt.Errorf("results: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("results: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".json"), append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("results: %w", err)
	}
	return nil
}

// ReadAll reads all runs of dir, the oldest first by date.
func ReadAll[T any](dir string, date func(T) time.Time) ([]T, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, fmt.Errorf("results: %w", err)
	}
	runs := make([]T, len(names))
	for i, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("results: %w", err)
		}
		if err := json.Unmarshal(text, &runs[i]); err != nil {
			return nil, fmt.Errorf("results: %s: %w", name, err)
		}
	}
	slices.SortStableFunc(runs, func(a, b T) int { return date(a).Compare(date(b)) })
	return runs, nil
}
