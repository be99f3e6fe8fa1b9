package main

import (
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/confbridge/confbridge/bench/sound/metric"
	"github.com/confbridge/confbridge/bench/sound/page"
)

func maskOf(paths ...string) *fieldmaskpb.FieldMask { return &fieldmaskpb.FieldMask{Paths: paths} }

const turn = 2500 * time.Millisecond // each speaks so long, one after the other

// mixed has all codecs at all packet times.
func mixed() scene {
	kinds := []struct {
		codec  string
		millis int
	}{{"PCMU", 10}, {"PCMA", 20}, {"G722", 30}, {"opus", 40}, {"PCMU", 60}, {"opus", 20}, {"G722", 20}, {"opus", 60}, {"PCMA", 30}, {"opus", 10}}
	p := &party{name: "mixed room", at: partyTime, length: time.Duration(len(kinds))*turn + time.Second, judged: judgeMixed}
	for i, k := range kinds {
		before := time.Duration(i) * turn
		p.guests = append(p.guests, &guest{name: fmt.Sprintf("%s/%d", k.codec, k.millis), codec: k.codec, millis: k.millis, pcm: func(rateHz int) ([]float64, error) {
			said, err := speech(i, turn, -20)(rateHz)
			out := append(make([]float64, samplesOf(before, rateHz)), said...)
			return append(out, make([]float64, samplesOf(p.length-before-turn, rateHz))...), err
		}})
	}
	return p
}

const (
	heardESTOI  = 0.8  // of 2.5 s of a talker
	wideFromHz  = 4300 // a narrowband codec has nothing above 4 kHz
	wideToHz    = 6800
	wideWithin  = 3.0 // dB
	wideBetween = "G722 opus"
)

func judgeMixed(p *party, f *page.File) {
	const name = "mixed room"
	if p.failed != nil {
		f.Rows = append(f.Rows, missed(name, "10 to 60 ms", p.failed))
		return
	}
	pairs, heard, worst := 0, 0, 1.0
	wide, wideAll, wideWorst := 0, 0, 0.0
	var deaf []string
	for _, talker := range p.guests {
		for _, listener := range p.guests {
			if talker == listener {
				continue
			}
			pairs++
			estoi := listener.of(talker, rate8).intelligible()
			worst = min(worst, estoi)
			if estoi >= heardESTOI {
				heard++
			} else if len(deaf) < 3 {
				deaf = append(deaf, fmt.Sprintf("%s hears %s with %.2f", listener.name, talker.name, estoi))
			}
			if strings.Contains(wideBetween, talker.codec) && strings.Contains(wideBetween, listener.codec) {
				wideAll++
				loss := listener.of(talker, 16000).aboveNarrow()
				wideWorst = min(wideWorst, loss)
				if loss >= -wideWithin {
					wide++
				}
			}
		}
	}
	f.Rows = append(f.Rows, page.Row{
		Case: name, What: "everyone hears everyone", Wanted: "all pairs with an ESTOI ≥ .80",
		Got: strings.TrimSpace(fmt.Sprintf("%d of %d pairs, the worst %.2f %s", heard, pairs, worst, strings.Join(deaf, "; "))), OK: pairs > 0 && heard == pairs,
	}, page.Row{
		Case: name, What: "G722 and opus among themselves", Wanted: "4.3 to 6.8 kHz within 3 dB of what was said",
		Got: fmt.Sprintf("%d of %d pairs, the worst %+.1f dB", wide, wideAll, wideWorst), OK: wideAll > 0 && wide == wideAll,
	})
}

// intelligible is the ESTOI of all of it; 0 where hardly any of it was found.
func (h hearing) intelligible() float64 {
	if len(h.delays) < 8 {
		return 0
	}
	from, to := h.span()
	return metric.ESTOI(h.said[from:to], h.aligned[from:to], h.rateHz)
}

// span is from the first to the last window that was found.
func (h hearing) span() (from, to int) {
	scale := h.rateHz / metric.DelayRateHz
	return h.delays[0].Said * scale, h.delays[len(h.delays)-1].Said * scale
}

// aboveNarrow is by how many dB there is more above what a narrowband codec carries than was said, while the talker spoke.
func (h hearing) aboveNarrow() float64 {
	if len(h.delays) == 0 {
		return metric.Silence
	}
	from, to := h.span()
	return metric.BandDBFS(h.aligned[from:to], wideFromHz, wideToHz, h.rateHz) - metric.BandDBFS(h.said[from:to], wideFromHz, wideToHz, h.rateHz)
}
