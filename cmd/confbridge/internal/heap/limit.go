// Package heap sets how much memory Go takes, by what the process may have: its control group's limit, where there is one.
package heap

import (
	"io/fs"
	"iter"
	"math"
	"path"
	"strconv"
	"strings"
)

// Limit is how many bytes of memory a process may have by its control groups (cgroup v2, and v1), the least of its own and those above it; 0: any number. root is
// the file system, from which /proc/self and /sys/fs/cgroup are read. What cannot be read limits nothing.
func Limit(root fs.FS) int64 {
	least := int64(math.MaxInt64)
	mounts := mountsOf(root)
	for _, g := range groupsOf(root) {
		mount, file := mounts.unified, "memory.max"
		if g.memory {
			mount, file = mounts.memory, "memory.limit_in_bytes"
		}
		if mount == "" {
			continue
		}
		for dir := g.path; ; dir = path.Dir(dir) {
			if n, ok := number(root, path.Join(mount, dir, file)); ok {
				least = min(least, n)
			}
			if dir == "/" || dir == "." {
				break
			}
		}
	}
	if least >= unlimited {
		return 0
	}
	return least
}

// unlimited is more than there is: version 1 says so where there is no limit, a number next to the largest.
const unlimited = 1 << 50

// group is one line of /proc/self/cgroup that has to do with memory.
type group struct {
	path   string
	memory bool // of the controller of version 1; else of version 2
}

// groupsOf reads the groups of the process: "0::/path" is that of version 2, "4:memory:/path" one of version 1.
func groupsOf(root fs.FS) (groups []group) {
	for line := range linesOf(root, "proc/self/cgroup") {
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(fields) < 3 || !strings.HasPrefix(fields[2], "/") {
			continue
		}
		switch controllers := fields[1]; {
		case fields[0] == "0" && controllers == "":
			groups = append(groups, group{path: path.Clean(fields[2])})
		case strings.Contains(","+controllers+",", ",memory,"):
			groups = append(groups, group{path: path.Clean(fields[2]), memory: true})
		}
	}
	return groups
}

// mounts says where the two versions are mounted, below the root; empty: they are not.
type mounts struct{ unified, memory string }

// mountsOf reads /proc/self/mountinfo: behind " - " are the file system's type, its source and its options (proc(5)).
func mountsOf(root fs.FS) (m mounts) {
	for line := range linesOf(root, "proc/self/mountinfo") {
		before, after, ok := strings.Cut(line, " - ")
		at, of := strings.Fields(before), strings.Fields(after)
		if !ok || len(at) < 5 || len(of) < 3 {
			continue
		}
		dir := strings.TrimPrefix(path.Clean(at[4]), "/")
		switch {
		case of[0] == "cgroup2":
			m.unified = dir
		case of[0] == "cgroup" && strings.Contains(","+of[2]+",", ",memory,"):
			m.memory = dir
		}
	}
	return m
}

// linesOf yields the lines of a file; none where it cannot be read.
func linesOf(root fs.FS, name string) iter.Seq[string] {
	text, err := fs.ReadFile(root, name)
	if err != nil {
		return func(func(string) bool) {}
	}
	return strings.Lines(string(text))
}

// number reads a file of one number; "max" is none.
func number(root fs.FS, name string) (int64, bool) {
	text, err := fs.ReadFile(root, name)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return n, err == nil && n > 0
}
