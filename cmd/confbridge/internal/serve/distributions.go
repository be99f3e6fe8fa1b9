package serve

import (
	"log/slog"
	"net/netip"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/confbridge/confbridge/cmd/confbridge/internal/config"
	"github.com/confbridge/confbridge/media/sap"
	"github.com/confbridge/confbridge/rooms/distribution"
	"github.com/confbridge/confbridge/rooms/distributor"
)

// distributorConfig is what the file says of distributions, in the words of package distributor.
func distributorConfig(cfg config.Config, sounds distributor.Sounds, radio *sap.Announcer, log *slog.Logger) distributor.Config {
	d := cfg.Distributions
	return distributor.Config{
		Policy: d.Policy(),
		Sounds: sounds, Announcer: radio, Origin: d.Origin, Log: log,
	}
}

// declaredDistributions are those that the file gives a room.
func declaredDistributions(r config.Room) (*distribution.Set, error) {
	all := make([]distribution.Distribution, len(r.Distributions))
	for i, d := range r.Distributions {
		var err error
		if all[i], err = d.Declared(r.Number, r.DisplayName); err != nil {
			return nil, err
		}
	}
	return distribution.NewSet(all...)
}

// declaredSources are those that the file has a room take in.
func declaredSources(r config.Room) (*distribution.SourceSet, error) {
	all := make([]distribution.Source, len(r.Sources))
	for i, s := range r.Sources {
		all[i] = s.Source
	}
	return distribution.NewSourceSet(all...)
}

// others says how much others announce where the bridge does. It runs on the announcer's goroutine.
func (m *Main) others(nic string, to netip.AddrPort, ours func(source netip.Addr, hash uint16) bool) int {
	return m.around.Count(nic, to, ours)
}

// radioMetrics count what is announced.
func radioMetrics(radio *sap.Announcer) []prometheus.Collector {
	counter := func(result string, count func() uint64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "confbridge_sap_packets_total", Help: "Announcements of distributions and their deletions (SAP), by whether they could be sent.",
			ConstLabels: prometheus.Labels{"result": result},
		}, func() float64 { return float64(count()) })
	}
	return []prometheus.Collector{
		counter("sent", func() uint64 { sent, _ := radio.Sent(); return sent }),
		counter("failed", func() uint64 { _, failed := radio.Sent(); return failed }),
	}
}
