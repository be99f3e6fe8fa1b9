package heap

import (
	"slices"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

const (
	unifiedMount = "30 24 0:27 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
	memoryMount  = "34 30 0:31 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
	otherMounts  = "22 1 254:0 / / rw - ext4 /dev/root rw\nshort line - x\n35 30 0:32 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"
)

// files makes a file system of names and contents.
func files(pairs ...string) fstest.MapFS {
	root := fstest.MapFS{}
	for p := range slices.Chunk(pairs, 2) {
		root[p[0]] = &fstest.MapFile{Data: []byte(p[1])}
	}
	return root
}

func TestTheLeastLimitOfTheGroupsCounts(t *testing.T) {
	for name, row := range map[string]struct {
		root fstest.MapFS
		want int64
	}{
		"nothing can be read": {files(), 0},
		"the group's own, of version 2": {files(
			"proc/self/cgroup", "0::/system.slice/confbridge.service\n", "proc/self/mountinfo", otherMounts+unifiedMount,
			"sys/fs/cgroup/system.slice/confbridge.service/memory.max", "536870912\n", "sys/fs/cgroup/system.slice/memory.max", "max\n",
		), 512 << 20},
		"one above it, of version 2": {files(
			"proc/self/cgroup", "0::/a/b\n", "proc/self/mountinfo", unifiedMount,
			"sys/fs/cgroup/a/b/memory.max", "max\n", "sys/fs/cgroup/a/memory.max", "1073741824\n",
		), 1 << 30},
		"a container, whose group is the root": {files(
			"proc/self/cgroup", "0::/\n", "proc/self/mountinfo", unifiedMount, "sys/fs/cgroup/memory.max", "268435456\n",
		), 256 << 20},
		"no limit, of version 2": {files(
			"proc/self/cgroup", "0::/a\n", "proc/self/mountinfo", unifiedMount, "sys/fs/cgroup/a/memory.max", "max\n",
		), 0},
		"version 1": {files(
			"proc/self/cgroup", "5:cpu,cpuacct:/c\n4:memory:/docker/x\n0::/\n", "proc/self/mountinfo", otherMounts+memoryMount,
			"sys/fs/cgroup/memory/docker/x/memory.limit_in_bytes", "805306368\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n",
		), 768 << 20},
		"no limit, of version 1": {files(
			"proc/self/cgroup", "4:memory:/x\n", "proc/self/mountinfo", memoryMount,
			"sys/fs/cgroup/memory/x/memory.limit_in_bytes", "9223372036854771712\n",
		), 0},
		"both, of which one has none": {files(
			"proc/self/cgroup", "4:memory:/x\n0::/y\n", "proc/self/mountinfo", memoryMount+"40 30 0:37 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
			"sys/fs/cgroup/memory/x/memory.limit_in_bytes", "134217728\n", "sys/fs/cgroup/unified/y/memory.max", "max\n",
		), 128 << 20},
		"what is no number": {files(
			"proc/self/cgroup", "0::/a\nrubbish\n1:memory\n0::relative\n", "proc/self/mountinfo", unifiedMount, "sys/fs/cgroup/a/memory.max", "-5\n",
		), 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Limit(row.root); got != row.want {
				t.Errorf("got %d, want %d", got, row.want)
			}
		})
	}
}

func TestTheEnvironmentWins(t *testing.T) {
	group := files("proc/self/cgroup", "0::/\n", "proc/self/mountinfo", unifiedMount, "sys/fs/cgroup/memory.max", "1073741824\n")
	small := files("proc/self/cgroup", "0::/\n", "proc/self/mountinfo", unifiedMount, "sys/fs/cgroup/memory.max", "33554432\n")
	for name, row := range map[string]struct {
		env   map[string]string
		root  fstest.MapFS
		want  Policy
		attrs []any
	}{
		"no group":    {nil, files(), Policy{Percent: 50}, []any{"gogc", "50", "go_limit_mb", "none set", "cgroup_mb", "unlimited"}},
		"a group":     {nil, group, Policy{Percent: 50, Limit: 768 << 20, Group: 1 << 30}, []any{"gogc", "50", "go_limit_mb", "768", "cgroup_mb", "1024"}},
		"a small one": {nil, small, Policy{Percent: 50, Limit: 64 << 20, Group: 32 << 20}, []any{"gogc", "50", "go_limit_mb", "64", "cgroup_mb", "32"}},
		"both are said": {
			map[string]string{"GOGC": "off", "GOMEMLIMIT": "1GiB"},
			group,
			Policy{Group: 1 << 30},
			[]any{"gogc", "environment", "go_limit_mb", "none set", "cgroup_mb", "1024"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := Choose(func(key string) string { return row.env[key] }, row.root)
			if got != row.want {
				t.Errorf("got %+v, want %+v", got, row.want)
			}
			if diff := cmp.Diff(row.attrs, got.Attrs()); diff != "" {
				t.Errorf("logged (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzLimit(f *testing.F) {
	f.Add("0::/a/b\n4:memory:/x\n", unifiedMount+memoryMount, "1073741824\n")
	f.Add("4:memory:/../..\n0::/.\n0:://\n", otherMounts, "max")
	f.Add("", " - ", "9223372036854771712")
	f.Fuzz(func(t *testing.T, groups, mountinfo, limit string) {
		root := files("proc/self/cgroup", groups, "proc/self/mountinfo", mountinfo, "sys/fs/cgroup/a/memory.max", limit,
			"sys/fs/cgroup/memory/x/memory.limit_in_bytes", limit)
		if got := Limit(root); got < 0 || got >= unlimited {
			t.Errorf("got %d", got)
		}
	})
}
