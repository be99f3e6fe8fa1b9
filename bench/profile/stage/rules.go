package stage

import "regexp"

// module is where our own packages are.
const module = "github.com/confbridge/confbridge/"

// rule gives functions to a stage.
type rule struct {
	in    string         // the package, and those below it where that ends with a slash; ours without the module
	named *regexp.Regexp // of functions, with their receivers as in "Leg.Receive"; nil: all
	stage Stage
}

func all(in string, s Stage) rule { return rule{in, nil, s} }

func some(in, named string, s Stage) rule { return rule{in, regexp.MustCompile(named), s} }

// ours are the rules for our own functions: the first that fits holds. They go by packages, and by words that stay in names when
// functions are moved. None fits a helper, so that its caller is asked: that is why media needs two words only.
var ours = []rule{
	some("media/", `(?i)send|transmit|flush|submit|mixed|report`, Send),
	some("media/", `(?i)receive|recv|fetch|discard|drain|reap`, Receive),
	all("mixer/jitter", Jitter),
	all("mixer/playout", Jitter),
	some("mixer/codec", `^(Format|Profile)\.`, ask),
	some("mixer/codec", `(?i)encod|bitrate|frames`, Encode),
	all("mixer/codec", Decode),
	all("mixer/packetizer", Encode),
	all("mixer/denoise", Levels),
	all("mixer/dtmf", Levels),
	all("mixer/quality", Levels),
	some("mixer", `^(VAD|AGC|Floor|Speaker|Claim|background|steadiness|Offset)\.`, Levels),
	some("mixer", `^[a-z]\w*$`, ask), // helpers of both
	all("mixer", Mix),
	some("rooms", `^(mixdown|group|cast|hearing)\.`, Mix),
	all("rooms/", Rest), // its own loops over members, and what is done between ticks
	all("sipua/", Rest),
	all("api", Rest),
	all("cmd/", Rest),
}

// others are those for Go and for libraries. What is not here is a helper: memory that is moved, a lock, libopus.
var others = []rule{
	some("runtime", `^(gc[A-Z]|_GC$|mallocgc|bgsweep|bgscavenge|scan|sweep|mark|wbBuf|mheap\.|mcache\.|mcentral\.|scavengerState\.|pageAlloc\.)`, Garbage),
	some("runtime", `^(mcall|schedule|park_m|gopark|mstart|sysmon|selectgo|chansend|chanrecv|closechan|goready|ready|wakep|startm|stopm|note|futex|netpoll|usleep|osyield|timeSleep|newproc|goexit0|_System$|timers?\.|semacquire|semrelease|goschedImpl|gopreempt_m|wakeNetPoller)`, Scheduler),
	some("runtime", `^(_VDSO|_ExternalCode|_LostExternalCode)$`, Rest),
	all("time", ask),
	some("golang.org/x/sys/unix", `^(Nanosleep|ClockNanosleep)$`, Scheduler), // the end of a wait for a tick
	all("libopus", Library),
	all("libm", Library),
	all("runtime/pprof", Rest),
	all("net/http", Rest),
	all("google.golang.org/grpc/", Rest),
	all("github.com/nats-io/", Rest),
	all("github.com/prometheus/", Rest),
}

// kernel are the packages whose functions are system calls: where one of them is the deepest frame, the kernel was at work.
const kernel = "internal/runtime/syscall/"
