package heap

import (
	"fmt"
	"io/fs"
	"runtime/debug"
)

const (
	// percent is GOGC. A bridge allocates when calls come and go and hardly at all in between, so collecting twice as often as usual costs nothing
	// that can be measured and saves memory a leg (docs/decisions/0007 and 0053).
	percent = 50
	// share is what of the limit is for Go. The rest is the kernel's, which the group pays for too: what the sockets hold, and the pages of files.
	share = 0.75
	// least is a limit below which nothing would be left to collect into: it is better to be ended by the kernel than to collect for ever.
	least = 64 << 20
)

// Policy is how much memory Go takes.
type Policy struct {
	Percent int   // GOGC; 0: what the environment says
	Limit   int64 // GOMEMLIMIT, in bytes; 0: what the environment says, or none
	Group   int64 // what the control group may have, in bytes; 0: any number
}

// Choose says what is right for a process whose environment and file system these are. What the environment says stays.
func Choose(getenv func(string) string, root fs.FS) Policy {
	p := Policy{Group: Limit(root)}
	if getenv("GOGC") == "" {
		p.Percent = percent
	}
	if getenv("GOMEMLIMIT") == "" && p.Group > 0 {
		p.Limit = max(int64(share*float64(p.Group)), least)
	}
	return p
}

// Apply puts it into force, for the whole process.
func (p Policy) Apply() {
	if p.Percent > 0 {
		debug.SetGCPercent(p.Percent)
	}
	if p.Limit > 0 {
		debug.SetMemoryLimit(p.Limit)
	}
}

// Attrs says what was chosen, for the log.
func (p Policy) Attrs() []any {
	said := func(n int64, text, otherwise string) string {
		if n == 0 {
			return otherwise
		}
		return fmt.Sprintf(text, n)
	}
	return []any{
		"gogc", said(int64(p.Percent), "%d", "environment"),
		"go_limit_mb", said(p.Limit>>20, "%d", "none set"),
		"cgroup_mb", said(p.Group>>20, "%d", "unlimited"),
	}
}
