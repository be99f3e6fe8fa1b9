package sounds

import (
	"strconv"
	"time"
)

// The languages that have rules for numbers and sentences. Others say numbers digit by digit, and sentences in the order of English.
const (
	English = "en"
	German  = "de"
)

// MaxNumber is the greatest number that is said in words; greater ones are said digit by digit.
const MaxNumber = 9_999_999

// Parts of numbers. From 0 to 99 each number is a prompt of its own, number/0 to number/99.
const (
	hundred     = "number/hundred"
	thousand    = "number/thousand"
	million     = "number/million"
	and         = "number/and"      // English alone
	millions    = "number/millions" // German alone, as what follows: one before a noun that is masculine or none,
	oneOf       = "number/ein"
	oneFeminine = "number/eine"  // feminine,
	oneDative   = "number/einer" // feminine in the dative
)

func small(n int) string { return "number/" + strconv.Itoa(n) }

// Number is the prompts that say n by the rules of a language: in English 214 is two, hundred, and, fourteen; in German zwei, hundert,
// vierzehn. Numbers below 0 and above MaxNumber, and all numbers in languages without rules, are said digit by digit, without a sign.
func Number(language string, n int) []string {
	if n < 0 || n > MaxNumber {
		return Digits(strconv.Itoa(n))
	}
	switch language {
	case English:
		return english(n)
	case German:
		return german(n, small(1))
	}
	return Digits(strconv.Itoa(n))
}

// Digits is the prompts that say a number as it is dialled: 4242 is four, two, four, two. The star and the pound key are said too;
// everything else is passed over.
func Digits(number string) []string {
	var names []string
	for _, c := range number {
		switch {
		case c >= '0' && c <= '9':
			names = append(names, small(int(c-'0')))
		case c == '*':
			names = append(names, "key/star")
		case c == '#':
			names = append(names, "key/pound")
		}
	}
	return names
}

func english(n int) []string {
	var names []string
	if n >= 1_000_000 {
		names = append(names, small(n/1_000_000), million)
	}
	if n/1000%1000 > 0 {
		names = append(names, englishBelowThousand(n/1000%1000)...)
		names = append(names, thousand)
	}
	rest := n % 1000
	if rest > 0 && rest < 100 && n >= 1000 { // one thousand and one
		names = append(names, and)
	}
	if rest > 0 || n == 0 {
		names = append(names, englishBelowThousand(rest)...)
	}
	return names
}

func englishBelowThousand(n int) []string {
	if n < 100 {
		return []string{small(n)}
	}
	names := []string{small(n / 100), hundred}
	if n%100 > 0 {
		names = append(names, and, small(n%100))
	}
	return names
}

// german is n, whose last part is one where it ends with a one: eins where nothing follows, ein Teilnehmer, eine Million.
func german(n int, one string) []string {
	var names []string
	switch n / 1_000_000 {
	case 0:
	case 1:
		names = append(names, oneFeminine, million)
	default:
		names = append(names, small(n/1_000_000), millions)
	}
	if n/1000%1000 > 0 {
		names = append(names, germanBelowThousand(n/1000%1000, oneOf)...)
		names = append(names, thousand)
	}
	if n%1000 > 0 || n == 0 {
		names = append(names, germanBelowThousand(n%1000, one)...)
	}
	return names
}

func germanBelowThousand(n int, one string) []string {
	var names []string
	if n >= 100 {
		hundreds := small(n / 100)
		if n/100 == 1 {
			hundreds = oneOf
		}
		names = append(names, hundreds, hundred)
		if n%100 == 0 {
			return names
		}
	}
	if n%100 == 1 {
		return append(names, one)
	}
	return append(names, small(n%100))
}

// clock is the prompts of a time of day: nine thirty A M; neun Uhr dreißig.
func clock(language string, t time.Time) []string {
	hour, minute := t.Hour(), t.Minute()
	if language == German {
		names := append(german(hour, oneOf), "time/oclock")
		if minute > 0 {
			names = append(names, german(minute, small(1))...)
		}
		return names
	}
	half := "time/am"
	if hour >= 12 {
		half = "time/pm"
	}
	names := []string{small((hour+11)%12 + 1)}
	switch {
	case minute == 0:
	case minute < 10:
		names = append(names, "time/oh", small(minute))
	default:
		names = append(names, small(minute))
	}
	return append(names, half)
}

// date is the prompts of a day: Tuesday, March third; Dienstag, dem dritten März.
func date(language string, t time.Time) []string {
	weekday := "weekday/" + strconv.Itoa(int(t.Weekday()))
	month, day := "month/"+strconv.Itoa(int(t.Month())), "day/"+strconv.Itoa(t.Day())
	if language == German {
		return []string{weekday, "time/dem", day, month}
	}
	return []string{weekday, month, day}
}
