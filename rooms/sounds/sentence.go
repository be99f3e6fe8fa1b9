package sounds

import (
	"slices"
	"time"
)

// Participants is the sentence that tells how many are in the conference: there are three participants in the conference. To
// one who is there and nobody else say Alone.
func Participants(language string, n int) []string {
	if n == 1 {
		return slices.Concat([]string{thereIs}, counted(language, n, oneOf), []string{participant})
	}
	return slices.Concat([]string{thereAre}, counted(language, n, oneOf), []string{participants})
}

// Hand is the sentence for one who has raised a hand: your hand is raised, you are number three.
func Hand(language string, place int) []string {
	return append([]string{HandRaised, youAreNumber}, Number(language, place)...)
}

// YouAre is the sentence that tells one its number: you are number three.
func YouAre(language string, number int) []string {
	return append([]string{youAreNumber}, Number(language, number)...)
}

// Person is the number of somebody, in front of a name: number three.
func Person(language string, number int) []string {
	return append([]string{person}, Number(language, number)...)
}

// Further is the sentence that tells how many others there are whose numbers are not told: further participants: twelve.
func Further(language string, n int) []string {
	return append([]string{furtherParticipants}, Number(language, n)...)
}

// EndsIn is the sentence that warns of the end: the conference ends in five minutes.
func EndsIn(language string, left int) []string {
	unit := minutes
	if left == 1 {
		unit = minute
	}
	return slices.Concat([]string{endsIn}, counted(language, left, oneDative), []string{unit})
}

// Opens is the sentence that tells when a conference opens: today, tomorrow, or on a day, at a time. The times are in the zone that people
// are told; now is when they hear it.
func Opens(language string, at, now time.Time) []string {
	var names []string
	switch {
	case sameDay(at, now):
		names = []string{opensToday}
	case sameDay(at, now.AddDate(0, 0, 1)):
		names = []string{opensTomorrow}
	default:
		names = append([]string{opensOn}, date(language, at)...)
	}
	return append(append(names, "time/at"), clock(language, at)...)
}

func sameDay(a, b time.Time) bool {
	return a.Year() == b.Year() && a.YearDay() == b.YearDay()
}

// KeyHelp is the sentence that tells what keys do: one of the prompts of help, HelpMute, and the keys, *6.
func KeyHelp(help, keys string) []string { return append([]string{help}, Digits(keys)...) }

// counted is n before a noun; in German one agrees with it.
func counted(language string, n int, one string) []string {
	if language != German || n < 0 || n > MaxNumber {
		return Number(language, n)
	}
	return german(n, one)
}
