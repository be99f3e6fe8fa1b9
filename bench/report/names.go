package report

// The runs that goals are about, by their names.
const (
	PCMUOneRoom   = "PCMU, 300 in 1 room"
	PCMUManyRooms = "PCMU, 300 in 75 rooms"
	G722          = "G.722, 100 in 1 room"
	Opus          = "Opus, 100 in 1 room"
	Mixed         = "all codecs, 300 in 1 room"
	Few           = "PCMU, 150 in 1 room"
	Many          = "PCMU, 1500 in 1 room"
	ManyOneProc   = "PCMU, 1500 in 1 room, 1 processor"
	OpusSilent    = "Opus, 300 in 1 room, nobody talks"
	Churn         = "PCMU, 1000 in 50 rooms, 20 calls a second come and go"
	OnHold        = "PCMU, 1000 on hold"
	Idle          = "1000 rooms, nobody in them"
)
