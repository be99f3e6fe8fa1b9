// Package config is confbridge's configuration: its keys, their defaults, and a reader that reports every fault of a
// file at once, with line and column. It opens nothing but the file.
package config

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/confbridge/confbridge/mixer/codec"
)

// Config is what `confbridge serve` runs with. Default is what it is without a file.
type Config struct {
	SIP           SIP
	Media         Media
	Rooms         Rooms
	Numbers       []Number // where dialled numbers lead; those that are not here are numbers of rooms
	Distributions Distributions
	Recording     Recording
	Sounds        Sounds
	CDR           CDR
	API           API
	Trace         Trace
	DataDir       string
	Store         Store
	Log           Log
}

// Media is how sound travels.
type Media struct {
	Ports PortRange
	// Timeout is how long a call may send nothing before it is ended.
	Timeout time.Duration
	// Codecs are those that are spoken, by name, in order of preference.
	Codecs []string
	// IOURing lets io_uring do the system calls of many calls together, where the kernel has it.
	IOURing bool
}

// PortRange is the UDP ports of RTP and RTCP: the first even, the last odd.
type PortRange struct{ First, Last int }

func (r PortRange) String() string { return fmt.Sprintf("%d-%d", r.First, r.Last) }

func (r PortRange) contains(port int) bool { return r.First <= port && port <= r.Last }

// Rooms is which rooms there are.
type Rooms struct {
	// OnDemand makes an open room of a number that nobody configured when it is called.
	OnDemand bool
	// EmptyGrace is how long such a room stays when everybody has left.
	EmptyGrace time.Duration
	// What rooms are set to where nobody says anything else: how many are mixed at once (AllTalkers: all), whether voices are brought to
	// one level, and whether noise is taken out of what telephones send.
	MaxTalkers       int
	AGC              bool
	NoiseSuppression bool
	// Opus is what encoders of Opus spend; BitrateBps 0 is the usual.
	Opus codec.Effort
	Modes
	Speech
	// List is the rooms that are declared here.
	List []Room
}

// AllTalkers is a Rooms.MaxTalkers without a limit.
const AllTalkers = -1

// maxTalkers is the most that it can be otherwise.
const maxTalkers = 16

// Store is where rooms and events are kept.
type Store struct {
	// URL is that of a NATS server with JetStream; empty: within the bridge, below DataDir.
	URL string
	// CredentialsFile is the user there; empty: none.
	CredentialsFile string
}

// API is where programs and moderators reach the bridge: host:port each.
type API struct {
	GRPC, HTTP string
	// Pprof lets programs on the same machine take profiles of the bridge, over HTTP.
	Pprof bool
}

// Trace is which SIP messages are kept for those who look for a fault, and where copies go.
type Trace struct {
	// Calls is how many calls are kept; 0 keeps and copies nothing.
	Calls int
	// HEP is host:port of a Homer, which gets copies by HEPv3 over UDP; empty: nobody does.
	HEP string
	// HEPID is the number of this bridge there; HEPPassword its authentication key, empty for none.
	HEPID       uint32
	HEPPassword string
}

// Log is what the bridge says on standard error.
type Log struct {
	Level  slog.Level
	Format string // "text" or "json"
}

// Default is the configuration without a file.
func Default() Config {
	return Config{
		SIP:           defaultSIP(),
		Distributions: defaultDistributions(),
		Recording:     defaultRecording(),
		Sounds:        defaultSounds(),
		CDR:           CDR{Enabled: true, Keep: 90 * 24 * time.Hour, MaxSize: 64 << 20},
		Media:         Media{Ports: PortRange{First: 20000, Last: 29999}, Timeout: time.Minute, Codecs: []string{"opus", "G722", "PCMU", "PCMA"}, IOURing: true},
		Rooms:         Rooms{OnDemand: true, EmptyGrace: 10 * time.Second, MaxTalkers: 4, AGC: true, Opus: codec.Effort{Complexity: codec.DefaultComplexity}, Modes: defaultModes(), Speech: defaultSpeech()},
		API:           API{GRPC: "127.0.0.1:50051", HTTP: "127.0.0.1:8080"},
		Trace:         Trace{Calls: 1000, HEPID: 2001},
		DataDir:       "./data",
		Log:           Log{Level: slog.LevelInfo, Format: "text"},
	}
}
