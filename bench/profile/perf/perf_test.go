package perf_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/confbridge/confbridge/bench/profile/perf"
	"github.com/confbridge/confbridge/bench/profile/stage"
)

// What perf has said of a bridge, shortened.
const sampled = `confbridge     991080 
	ffffffff820a5dc0 udp_sendmsg ([kernel.kallsyms])
	ffffffff8225a6c1 do_syscall_64 ([kernel.kallsyms])
	            e5ce internal/runtime/syscall/linux.Syscall6 (/srv/confbridge)
	           b25dd syscall.RawSyscall6.abi0 (/srv/confbridge)
	          1dc65d github.com/confbridge/confbridge/media/internal/udp.(*Ring).Run (/srv/confbridge)
	          4e6d1f github.com/confbridge/confbridge/media.(*Exchange).run (/srv/confbridge)
	          4e725e github.com/confbridge/confbridge/media.(*Exchange).Flush (/srv/confbridge)

confbridge     991080 
	ffffffff81369934 __local_bh_enable_ip ([kernel.kallsyms])
	           14dca [unknown] (/usr/lib/x86_64-linux-gnu/libopus.so.0.8.0)
	3f7ffc933f7ffe6a [unknown] ([unknown])

my command 12  991080 
	           70ad1 __cos_fma (/usr/lib/x86_64-linux-gnu/libm.so.6)

confbridge     1000 
	ffffffff81369934 asm_sysvec_apic_timer_interrupt ([kernel.kallsyms])
	          1dc65d github.com/confbridge/confbridge/mixer.(*Bus).Add (/srv/confbridge)
	          588f45 github.com/confbridge/confbridge/rooms.(*state).tick (/srv/confbridge)

confbridge     991080 
	ffffffff820a5dc0 udp_sendmsg ([kernel.kallsyms])
	ffffffff8225a6c1 do_syscall_64 ([kernel.kallsyms])
	            e5ce internal/runtime/syscall/linux.Syscall6 (/srv/confbridge)
	           b25dd syscall.RawSyscall6.abi0 (/srv/confbridge)
	          1dc65d github.com/confbridge/confbridge/media/internal/udp.(*Ring).Run (/srv/confbridge)
	          4e6d1f github.com/confbridge/confbridge/media.(*Exchange).run (/srv/confbridge)
	          4e725e github.com/confbridge/confbridge/media.(*Exchange).Flush (/srv/confbridge)

confbridge     7 
	3f7ffc933f7ffe6a [unknown] ([unknown])
`

func TestSamplesOfPerfAreDividedAmongTheStages(t *testing.T) {
	p, err := perf.Parse(strings.NewReader(sampled), 4*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Sample) != 5 || p.DurationNanos != 4e9 {
		t.Errorf("%d stacks of %d ns, want 5 of 4 s", len(p.Sample), p.DurationNanos)
	}
	d := stage.Divide(p)
	want := stage.Division{
		Samples:   6,
		Nanos:     map[stage.Stage]int64{stage.Send: 2 * 991080, stage.Library: 2 * 991080, stage.Mix: 1000, stage.Unknown: 7},
		Kernel:    map[stage.Stage]int64{stage.Send: 2 * 991080, stage.Library: 991080, stage.Mix: 1000},
		Strangers: []string{"unknown"},
	}
	if diff := cmp.Diff(want, d); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhatIsNotOfPerfIsAnError(t *testing.T) {
	_, err := perf.Parse(strings.NewReader("confbridge 991080\n\nSegmentation fault\n"), time.Second)
	if err == nil || !strings.Contains(err.Error(), `line 3: a period in ns is wanted at the end of "Segmentation fault"`) {
		t.Errorf("got %v", err)
	}
}
