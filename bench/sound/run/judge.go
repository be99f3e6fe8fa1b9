package main

import (
	"fmt"
	"math"

	"github.com/confbridge/confbridge/bench/sound/metric"
	"github.com/confbridge/confbridge/bench/sound/page"
)

// judgeOther shows a call that nothing is asked of.
func judgeOther(p *pair, f *page.File) {
	if p.failed == nil {
		f.Calls = append(f.Calls, p.call)
	}
}

// judgeStall says how long after the stall sound comes later than before it by more than 20 ms.
func judgeStall(p *pair, f *page.File) {
	if p.failed != nil {
		f.Rows = append(f.Rows, missed("300 ms stall", p.codec, p.failed))
		return
	}
	judgeOther(p, f)
	over := (stallAt + stallFor).Seconds()
	back := backAfter(p, metric.Quantile(p.since(settled, stallAt.Seconds()-0.2), 0.5)+20, over)
	extra := metric.Quantile(p.since(over+5, p.seconds()), 0.5) - metric.Quantile(p.since(settled, stallAt.Seconds()-0.2), 0.5)
	f.Rows = append(f.Rows, page.Row{
		Case: "300 ms stall", What: p.codec, Wanted: "extra delay ≤ 20 ms within 5 s",
		Got: fmt.Sprintf("within %.1f s; %+.1f ms from then on", back, extra), OK: back <= 5 && extra <= 20 && len(p.since(over+5, p.seconds())) > 0,
	})
}

// backWindows is for how many windows in a row, two seconds of speech, the delay has to be back to count as back.
const backWindows = 20

// backAfter is how many seconds after a time of the track the delay is at most limit, and stays so for two seconds; +Inf: never.
func backAfter(p *pair, limit, from float64) float64 {
	back, since := 0, math.Inf(1)
	for _, d := range p.delays {
		at := d.Seconds - p.track.Start() - from
		switch {
		case at <= 0:
			continue
		case d.Millis > limit:
			back, since = 0, math.Inf(1)
			continue
		case back == 0:
			since = at
		}
		if back++; back == backWindows {
			return since
		}
	}
	return math.Inf(1)
}

func judgeJitter(p *pair, f *page.File) {
	if p.failed != nil {
		f.Rows = append(f.Rows, missed("jitter 0 to 100 ms for 10 s", p.codec, p.failed))
		return
	}
	judgeOther(p, f)
	before := metric.Quantile(p.since(settled, jitterFrom.Seconds()-0.2), 0.5)
	back := backAfter(p, before+20, jitterTo.Seconds())
	from, to := jitterFrom.Seconds()+3, jitterTo.Seconds()
	concealed := p.concealed(from, to).Seconds() / (to - from)
	f.Rows = append(f.Rows, page.Row{
		Case: "jitter 0 to 100 ms for 10 s", What: p.codec, Wanted: "back to +20 ms within 10 s; ≤ 1 % concealed after 3 s",
		Got: fmt.Sprintf("within %.1f s, %+.1f ms in the end; %.1f %% concealed; %d gaps, %d clicks; %+.0f ms in the jitter", back,
			metric.Quantile(p.since(to+10, p.seconds()), 0.5)-before, 100*concealed, p.call.Gaps, p.call.Clicks, metric.Quantile(p.since(from, to), 0.5)-before),
		OK: back <= 10 && concealed <= 0.01 && metric.Quantile(p.since(to+10, p.seconds()), 0.5)-before <= 20 && len(p.since(to+10, p.seconds())) > 0,
	})
}

func judgeSkew(p *pair, f *page.File) {
	const name = "skew, 110 s live"
	what := p.name
	if p.failed != nil {
		f.Rows = append(f.Rows, missed(name, what, p.failed))
		return
	}
	judgeOther(p, f)
	if p.toneHz > 0 {
		breaks, most := p.breaksOfTone()
		f.Rows = append(f.Rows, page.Row{
			Case: name, What: what, Wanted: "0 discontinuities", Got: fmt.Sprintf("%d discontinuities; steps to %.2f × the tone's own", breaks, most), OK: breaks == 0 && most > 0,
		})
		return
	}
	start := metric.Quantile(p.since(settled, 6), 0.5)
	most := 0.0
	for from := settled; from+3 <= p.seconds(); from += 3 {
		if part := p.since(from, from+3); len(part) > 0 {
			most = max(most, math.Abs(metric.Quantile(part, 0.5)-start))
		}
	}
	end := metric.Quantile(p.since(p.seconds()-5, p.seconds()), 0.5)
	f.Rows = append(f.Rows, page.Row{
		Case: name, What: what, Wanted: "delay within 20 ms of its start; 0 gaps, 0 clicks",
		Got: fmt.Sprintf("%+.1f ms at the end, at most %.1f ms off; %d gaps, %d clicks", end-start, most, p.call.Gaps, p.call.Clicks),
		OK:  most <= 20 && p.call.Gaps == 0 && p.call.Clicks == 0 && len(p.delays) > 100,
	})
}

const (
	toneStep  = 1.5 // times the tone's own greatest step
	toneBend  = 0.5 // of its amplitude, by which a sample may be off what the two before it foretell
	toneFaint = 0.5 // of its level in 5 ms
)

// breaksOfTone counts where a tone is not itself: a step greater than half as much again as its own, a sample that is not what
// those before it foretell, or 5 ms of less than half of it. It also says how great the steps are, in terms of the tone's own.
func (p *pair) breaksOfTone() (breaks int, most float64) {
	rate := p.profile.SampleRateHz
	pcm := p.heard.PCM
	first := 0 // the tone comes in from silence, and ends in it
	for first < len(pcm) && math.Abs(pcm[first]) < 0.05 {
		first++
	}
	last := len(pcm)
	for last > first && math.Abs(pcm[last-1]) < 0.05 {
		last--
	}
	if last-first < rate*int(p.seconds())/2 {
		return 0, 0
	}
	pcm = pcm[first+rate/2 : last-rate/2]
	amplitude := math.Pow(10, toneDB/20)
	own := amplitude * 2 * math.Sin(math.Pi*p.toneHz/float64(rate))
	size := rate / 200
	near := -rate
	twice := 2 * math.Cos(2*math.Pi*p.toneHz/float64(rate))
	for i := 2; i < len(pcm); i++ {
		step := math.Abs(pcm[i]-pcm[i-1]) / own
		bent := math.Abs(pcm[i]-twice*pcm[i-1]+pcm[i-2]) > toneBend*amplitude
		most = max(most, step)
		faint := i%size == 0 && metric.RMSDBFS(pcm[i-size:i]) < toneDB+20*math.Log10(toneFaint)
		if (step > toneStep || bent || faint) && i-near > rate/50 {
			breaks, near = breaks+1, i
		}
	}
	return breaks, most
}

const (
	spoken      = -40.0 // dBFS of a frame whose loss is heard
	recoveredBy = 0.75  // likeness of a frame that counts as recovered
)

// judgeLoss says how many of the lost packets are heard all the same, and how long the longest gap is.
func judgeLoss(p *pair, f *page.File) {
	what := p.codec
	if p.failed != nil {
		f.Rows = append(f.Rows, missed("loss 5 %", what, p.failed))
		return
	}
	judgeOther(p, f)
	got, all := p.recovered()
	share := float64(got) / float64(max(all, 1))
	row := page.Row{Case: "loss 5 %", What: what, Wanted: "no gap over 60 ms"}
	row.Got = fmt.Sprintf("longest gap %.0f ms; %.0f %% of %d lost frames sound as said; %d clicks", p.call.LongestGapMs, 100*share, all, p.call.Clicks)
	row.OK = p.call.LongestGapMs <= 60 && all > 0
	if p.codec == "opus" {
		row.What, row.Wanted = "opus with FEC", "no gap over 60 ms; ≥ 60 % recovered as sound"
		row.OK = row.OK && share >= 0.6
	}
	f.Rows = append(f.Rows, row)
}

// recovered counts the lost packets that had speech in them, and those of them in whose place is what was said.
func (p *pair) recovered() (recovered, all int) {
	rate := p.profile.SampleRateHz
	for _, k := range p.track.Lost {
		from, to := p.track.PacketSamples(k, rate)
		if float64(from)/float64(rate) < settled || to+rate/100 > len(p.clean) {
			continue
		}
		frame := p.clean[from:to]
		if metric.RMSDBFS(frame) < spoken {
			continue
		}
		all++
		level := metric.RMSDBFS(p.aligned[from:to]) - metric.RMSDBFS(frame)
		if metric.Likeness(frame, p.aligned, from, rate/500) >= recoveredBy && math.Abs(level) < 6 {
			recovered++
		}
	}
	return recovered, all
}

// twins are calls on a clean path in which the same is said. There are two, because whatever else the machine does in the middle of
// a call makes it a poor thing to compare with.
type twins []*pair

// likeTwin compares with the twin that p is most like, and says by how many ms it is later in the median and in the 95th percentile.
func (p *pair) likeTwin(all twins) (estoi, later, p95Later float64) {
	rate := p.profile.SampleRateHz
	for _, twin := range all {
		a, b := p.part(twin.aligned, settled, p.seconds()), p.part(p.aligned, settled, p.seconds())
		if like := metric.ESTOI(a, b, rate); like > estoi {
			estoi, later, p95Later = like, p.call.DelayMsP50-twin.call.DelayMsP50, p.call.DelayMsP95-twin.call.DelayMsP95
		}
	}
	return estoi, later, p95Later
}

// failed is what has kept one of them from being compared with.
func (all twins) failed() error {
	for _, twin := range all {
		if twin.failed != nil {
			return twin.failed
		}
	}
	return nil
}

// asClean asks for the delay and the intelligibility of the clean run.
func asClean(all twins) func(*pair, *page.File) {
	return besideTwin(all, "delay as clean; ESTOI ≥ .99 against the clean run", func(_ *pair, estoi, later, p95Later float64) (string, bool) {
		return fmt.Sprintf("ESTOI %.3f", estoi), later <= 5 && p95Later <= 20 && estoi >= 0.99
	})
}

// asCleanLater is asClean for packets that are held back by one or two others: whoever waits for them has to wait as long, so
// two packet times of delay are allowed. A codec with memory makes something else of sound that has moved within its frames, so it is held
// against what was said, as the clean runs are (decision 0021).
func asCleanLater(all twins) func(*pair, *page.File) {
	return besideTwin(all, "at most 45 ms more; ESTOI against what was said within .01 of the clean runs'", func(p *pair, _, _, p95Later float64) (string, bool) {
		clean := math.Inf(1)
		for _, twin := range all {
			clean = min(clean, twin.likeSaid())
		}
		like := p.likeSaid()
		return fmt.Sprintf("ESTOI %.3f, clean %.3f", like, clean), p95Later <= 45 && like >= clean-0.01
	})
}

// likeSaid is the ESTOI of what was heard against what was said, before any codec, later by what the codec itself holds back.
func (p *pair) likeSaid() float64 {
	rate := p.profile.SampleRateHz
	from := int(settled * float64(rate))
	lag, _ := lagOf(p.track.PCM, p.clean, from, from, rate)
	said := append(make([]float64, max(lag, 0)), p.track.PCM...)
	return metric.ESTOI(p.part(said, settled, p.seconds()), p.part(p.aligned, settled, p.seconds()), rate)
}

// besideTwin holds a call against others in which the same was said: as says how like it is, and whether that is enough, by its ESTOI against
// the most like of them, and by how many ms it was later in the median and in the 95th percentile.
func besideTwin(all twins, wanted string, as func(p *pair, estoi, later, p95Later float64) (string, bool)) func(*pair, *page.File) {
	return func(p *pair, f *page.File) {
		row := page.Row{Case: "10 % duplicates; 5 % reordered", What: p.name + ", " + p.codec, Wanted: wanted}
		if err := firstOf(p.failed, all.failed()); err != nil {
			f.Rows = append(f.Rows, missed(row.Case, row.What, err))
			return
		}
		judgeOther(p, f)
		estoi, later, p95Later := p.likeTwin(all)
		like, ok := as(p, estoi, later, p95Later)
		row.Got = fmt.Sprintf("%+.1f ms (p95 %+.1f); %s; %d gaps, %d clicks", later, p95Later, like, p.call.Gaps, p.call.Clicks)
		row.OK = ok && p.call.Gaps == 0
		f.Rows = append(f.Rows, row)
	}
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// judgeBursts asks for the intelligibility that is left when packets are lost in bursts and come in bunches.
func judgeBursts(all twins) func(*pair, *page.File) {
	return func(p *pair, f *page.File) {
		row := page.Row{Case: "5 % loss in bursts of 3, spikes to 250 ms", What: p.codec, Wanted: "ESTOI ≥ .90"}
		if err := firstOf(p.failed, all.failed()); err != nil {
			f.Rows = append(f.Rows, missed(row.Case, row.What, err))
			return
		}
		judgeOther(p, f)
		estoi, later, p95Later := p.likeTwin(all)
		row.Got = fmt.Sprintf("%.3f; delay %+.0f ms (p95 %+.0f); longest gap %.0f ms, %d clicks", estoi, later, p95Later, p.call.LongestGapMs, p.call.Clicks)
		row.OK = estoi >= 0.9
		f.Rows = append(f.Rows, row)
	}
}
