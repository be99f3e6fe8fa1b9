// Package report is what the load measured: as JSON, as a table, and against the goals.
package report

import (
	"math"
	"time"

	"github.com/confbridge/confbridge/bench/archive"
)

// File is one go of the benchmark, as bench/results/NAME.json.
type File struct {
	Date   time.Time `json:"date"`
	Commit string    `json:"commit"` // with "+" where the tree had changes
	CPU    string    `json:"cpu"`
	Cores  int       `json:"cores"`
	Kernel string    `json:"kernel"`
	Go     string    `json:"go"`
	Runs   []Run     `json:"runs"`
	Ladder []Run     `json:"ladder,omitempty"` // ever more legs in one room, in the order in which they were tried
}

// Run is what one load of calls showed. A pointer is nil where nothing was measured.
type Run struct {
	Name    string  `json:"name"`
	Codec   string  `json:"codec,omitempty"` // empty: PCMU
	Legs    int     `json:"legs"`
	Rooms   int     `json:"rooms"`
	Talkers int     `json:"talkers"`
	Rate    float64 `json:"calls_per_second"`
	Seconds float64 `json:"seconds"` // of the steady window
	Speech  string  `json:"speech"`  // what made it
	Nice    int     `json:"nice"`    // of the load, the bridge and the floor

	Answered        int      `json:"answered"`
	Failures        []string `json:"failures,omitempty"` // the first few
	SetupMsP95      float64  `json:"setup_ms_p95"`       // INVITE to 200
	Retransmitted   int64    `json:"requests_retransmitted"`
	Repeated        int64    `json:"responses_repeated"`
	HangupSeconds   float64  `json:"hangup_seconds"` // all at once, until the last 200 to a BYE
	SocketsLeft     *int     `json:"sockets_left"`   // UDP sockets of the server more than before
	ParticipantLeft *int     `json:"participants_left"`

	BadLegs     int     `json:"bad_legs"` // from 1 % of packets lost or late
	PacketsIn   int     `json:"packets_received"`
	PacketsLost int     `json:"packets_lost"`
	PacketsLate int     `json:"packets_late"`
	HearWrong   int     `json:"hear_wrong"`  // legs that hear somebody they should not, or not all they should
	OwnToneDB   float64 `json:"own_tone_db"` // the worst: a talker's own tone against the others'

	HearNotes []string `json:"hear_notes,omitempty"` // the first few legs that hear wrong

	Chirps        int     `json:"chirps_found"`
	ChirpsMissed  int     `json:"chirps_missed"`
	MouthToEarP50 float64 `json:"mouth_to_ear_ms_p50"`
	MouthToEarP95 float64 `json:"mouth_to_ear_ms_p95"`
	MouthToEarMax float64 `json:"mouth_to_ear_ms_max"`
	// The distributions of mouth to ear, and of how far packets came behind their turn, at 0, 5, … 100 % of all; in ms.
	MouthToEarBy5 []float64 `json:"mouth_to_ear_ms_by_5_percent,omitempty"`
	LateBy5       []float64 `json:"late_ms_by_5_percent,omitempty"`

	ServerMicros *float64 `json:"server_us_per_leg_second"`
	FloorMicros  *float64 `json:"floor_us_per_leg_second"`
	Ratio        *float64 `json:"ratio"`
	IdleMicros   *float64 `json:"server_idle_us_per_second"` // before the first call
	RSSIdle      *int64   `json:"rss_idle_bytes"`
	RSSPerLeg    *float64 `json:"rss_per_leg_bytes"`

	Procs       int     `json:"gomaxprocs,omitempty"` // of the bridge; 0: all
	Hold        bool    `json:"hold,omitempty"`       // all had the room on hold, and sent nothing
	Churn       float64 `json:"churn_per_second,omitempty"`
	ChurnCalls  int     `json:"churn_calls,omitempty"` // that came and went within the window
	IdleRooms   int     `json:"idle_rooms,omitempty"`
	IdleSeconds float64 `json:"idle_seconds,omitempty"`

	TickMicros  *float64   `json:"tick_us,omitempty"`      // on average
	TracedTicks float64    `json:"traced_ticks,omitempty"` // of each room, while its system calls were counted
	LateMsP999  *float64   `json:"late_ms_p999,omitempty"` // by how much packets came behind their turn
	LateTicks   *int       `json:"late_ticks,omitempty"`   // frames that rooms skipped within the window
	Dialogues   *Dialogues `json:"dialogues,omitempty"`
	Recorded    *Recorded  `json:"recorded,omitempty"`
	// RecordCosts were measured before the window, of each format.
	RecordCosts []RecordCost `json:"record_costs,omitempty"`

	GeneratorLateMsP99 float64 `json:"generator_late_ms_p99"` // the load's own fault
	GeneratorLateMsMax float64 `json:"generator_late_ms_max"`
	Attempts           int     `json:"attempts,omitempty"` // of which the one shown was the least disturbed
	GeneratorUnsent    int     `json:"generator_unsent"`
}

// Dialogues is what became of those who dialled PINs meanwhile.
type Dialogues struct {
	Callers     int      `json:"callers"`
	AtOnce      float64  `json:"at_once"`    // in the dialogue, on average
	PerSecond   float64  `json:"per_second"` // let in
	Wrong       int      `json:"wrong_pins"`
	AnswerMsP50 float64  `json:"answer_ms_p50"` // the end of the last key to the first sound
	AnswerMsP95 float64  `json:"answer_ms_p95"`
	Failed      int      `json:"failed"` // calls that were not let in
	Failures    []string `json:"failures,omitempty"`
}

// Recorded is the recordings that were made meanwhile.
type Recorded struct {
	Recordings int `json:"recordings"`
	Gaps       int `json:"gaps"`
	Broken     int `json:"broken"` // that did not end with their rooms
}

// RecordCost is what it costs to record the mix of every room: medians, in µs of CPU per leg and second.
type RecordCost struct {
	Format   string  `json:"format"`
	Turns    int     `json:"turns"`
	Plain    float64 `json:"plain_us"`
	Recorded float64 `json:"recorded_us"`
	Extra    float64 `json:"extra_us"` // the median of the differences within a turn
}

// By5 is sorted at 0, 5, … 100 % of all, to a hundredth; nil where there is nothing.
func By5[T float32 | float64](sorted []T) []float64 {
	if len(sorted) == 0 {
		return nil
	}
	var all []float64
	for percent := 0; percent <= 100; percent += 5 {
		all = append(all, math.Round(100*float64(sorted[(len(sorted)-1)*percent/100]))/100)
	}
	return all
}

// Write writes f as dir/name.json.
func (f *File) Write(dir, name string) error { return archive.Write(dir, name, f) }

// ReadAll reads every file of dir, in order of their dates.
func ReadAll(dir string) ([]File, error) {
	return archive.ReadAll(dir, func(f File) time.Time { return f.Date })
}
