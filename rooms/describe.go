package rooms

import "time"

// kept is the room as it is kept.
func (s *state) kept() Kept {
	return Kept{Number: s.room.number, Settings: s.set, Created: s.created, Declared: s.declared}
}

func (s *state) info() Info {
	info := Info{
		Number: s.room.number, Settings: s.set, OnDemand: s.onDemand, Declared: s.declared, Created: s.created, Started: s.started,
		Participants: len(s.members), Sequence: s.room.log.shown(len(s.pending)),
		RecordingPaused: s.taping.paused, Closed: !s.hours.open, TurnsAt: s.hours.until,
	}
	if of := s.room.sideOf; of != nil {
		info.SideOf = of.number
	}
	info.Locked, info.LockDialled = s.locked(), s.lock.dialled
	info.HasPIN, info.HasModeratorPIN = s.set.PINs.Has()
	if s.taping.tape != nil {
		info.Recorded = s.taping.made.ID
	}
	if len(s.members) > 0 {
		info.SampleRateHz, info.OpusComplexity = s.mix.rateHz, s.complexity()
	}
	return info
}

func (s *state) participants() []ParticipantInfo {
	infos := make([]ParticipantInfo, len(s.members))
	for i, m := range s.members {
		infos[i] = s.show(m)
	}
	return infos
}

func (s *state) snapshot() Snapshot {
	return Snapshot{Room: s.info(), Participants: s.participants(), Sequence: s.room.log.shown(0)}
}

func (s *state) describe(m *member) ParticipantInfo {
	return ParticipantInfo{
		ID: m.p.id, Room: s.room.number, Number: m.number, Caller: m.caller, Deaf: m.deaf, GainDB: m.gainDB,
		HearingGainDB: m.hearingDB, WhisperTo: m.whispersTo(),
		Place: m.place, Muted: m.mutedBy != MutedByNobody, MutedBy: m.mutedBy, HandPosition: s.handPosition(m), HasFloor: s.called == m,
		Talking: m.voice.talking, Joined: m.joined, Format: m.profile.Format, PacketTime: m.profile.PacketTime(), Media: m.voice.stream.Stats(),
		Dominant: s.floor.Dominant() == &m.voice.speaker, LevelDBFS: m.voice.vad.LevelDBFS(),
	}
}

// stay is show at the end of a leg, with the quality as of now and not of the last whole second.
func (s *state) stay(m *member) *Stay {
	info := s.show(m)
	info.Quality.Heard = m.assess(info.Media)
	return &Stay{ParticipantInfo: info, Ended: time.Now()}
}

// show is describe for whoever asks, with how well the member is heard and hears.
func (s *state) show(m *member) ParticipantInfo {
	info := s.describe(m)
	if m.heard.sounded() {
		info.Received = &Received{Format: m.heard.format, PacketTime: m.heard.packetTime()}
	}
	info.Quality = &Quality{Heard: m.voice.watch.now, Hears: m.peer}
	return info
}
