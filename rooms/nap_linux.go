package rooms

import (
	"syscall"
	"time"
	"unsafe"
)

// nap sleeps for d, exactly to some 0.1 ms; a signal may cut it short. It keeps its processor: the scheduler is not told, or
// it would wake a thread to look for other work in so short a time. So d is never more than wakeEarly.
func nap(d time.Duration) {
	spec := syscall.NsecToTimespec(int64(min(d, wakeEarly)))
	_, _, _ = syscall.RawSyscall(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&spec)), 0, 0)
}
