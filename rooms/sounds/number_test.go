package sounds

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// spoken is names as text: in German what belongs to one word is one word.
func spoken(said map[string]string, language string, names []string) string {
	var words []string
	for _, name := range names {
		words = append(words, said[name])
	}
	if language == English {
		return strings.Join(words, " ")
	}
	var b strings.Builder
	for i, w := range words {
		apart := w == "Million" || w == "Millionen"
		if i > 0 && (apart || strings.HasPrefix(words[i-1], "Million")) {
			b.WriteByte(' ')
		}
		b.WriteString(w)
	}
	return b.String()
}

func TestNumbersAreSaidAsPeopleSayThem(t *testing.T) {
	english, german := texts(t, English), texts(t, German)
	for _, row := range []struct {
		n      int
		en, de string
	}{
		{0, "zero", "null"},
		{1, "one", "eins"},
		{2, "two", "zwei"},
		{6, "six", "sechs"},
		{7, "seven", "sieben"},
		{10, "ten", "zehn"},
		{11, "eleven", "elf"},
		{12, "twelve", "zwölf"},
		{13, "thirteen", "dreizehn"},
		{16, "sixteen", "sechzehn"},
		{17, "seventeen", "siebzehn"},
		{19, "nineteen", "neunzehn"},
		{20, "twenty", "zwanzig"},
		{21, "twenty-one", "einundzwanzig"},
		{22, "twenty-two", "zweiundzwanzig"},
		{30, "thirty", "dreißig"},
		{31, "thirty-one", "einunddreißig"},
		{40, "forty", "vierzig"},
		{55, "fifty-five", "fünfundfünfzig"},
		{66, "sixty-six", "sechsundsechzig"},
		{77, "seventy-seven", "siebenundsiebzig"},
		{80, "eighty", "achtzig"},
		{90, "ninety", "neunzig"},
		{99, "ninety-nine", "neunundneunzig"},
		{100, "one hundred", "einhundert"},
		{101, "one hundred and one", "einhunderteins"},
		{110, "one hundred and ten", "einhundertzehn"},
		{111, "one hundred and eleven", "einhundertelf"},
		{121, "one hundred and twenty-one", "einhunderteinundzwanzig"},
		{200, "two hundred", "zweihundert"},
		{201, "two hundred and one", "zweihunderteins"},
		{214, "two hundred and fourteen", "zweihundertvierzehn"},
		{300, "three hundred", "dreihundert"},
		{517, "five hundred and seventeen", "fünfhundertsiebzehn"},
		{699, "six hundred and ninety-nine", "sechshundertneunundneunzig"},
		{999, "nine hundred and ninety-nine", "neunhundertneunundneunzig"},
		{1000, "one thousand", "eintausend"},
		{1001, "one thousand and one", "eintausendeins"},
		{1010, "one thousand and ten", "eintausendzehn"},
		{1099, "one thousand and ninety-nine", "eintausendneunundneunzig"},
		{1100, "one thousand one hundred", "eintausendeinhundert"},
		{1101, "one thousand one hundred and one", "eintausendeinhunderteins"},
		{1214, "one thousand two hundred and fourteen", "eintausendzweihundertvierzehn"},
		{2000, "two thousand", "zweitausend"},
		{4242, "four thousand two hundred and forty-two", "viertausendzweihundertzweiundvierzig"},
		{9999, "nine thousand nine hundred and ninety-nine", "neuntausendneunhundertneunundneunzig"},
		{10_000, "ten thousand", "zehntausend"},
		{11_000, "eleven thousand", "elftausend"},
		{12_345, "twelve thousand three hundred and forty-five", "zwölftausenddreihundertfünfundvierzig"},
		{21_000, "twenty-one thousand", "einundzwanzigtausend"},
		{21_001, "twenty-one thousand and one", "einundzwanzigtausendeins"},
		{99_999, "ninety-nine thousand nine hundred and ninety-nine", "neunundneunzigtausendneunhundertneunundneunzig"},
		{100_000, "one hundred thousand", "einhunderttausend"},
		{100_001, "one hundred thousand and one", "einhunderttausendeins"},
		{101_000, "one hundred and one thousand", "einhunderteintausend"},
		{101_101, "one hundred and one thousand one hundred and one", "einhunderteintausendeinhunderteins"},
		{214_214, "two hundred and fourteen thousand two hundred and fourteen", "zweihundertvierzehntausendzweihundertvierzehn"},
		{500_000, "five hundred thousand", "fünfhunderttausend"},
		{999_999, "nine hundred and ninety-nine thousand nine hundred and ninety-nine", "neunhundertneunundneunzigtausendneunhundertneunundneunzig"},
		{1_000_000, "one million", "eine Million"},
		{1_000_001, "one million and one", "eine Million eins"},
		{1_000_100, "one million one hundred", "eine Million einhundert"},
		{1_001_000, "one million one thousand", "eine Million eintausend"},
		{1_100_000, "one million one hundred thousand", "eine Million einhunderttausend"},
		{1_234_567, "one million two hundred and thirty-four thousand five hundred and sixty-seven", "eine Million zweihundertvierunddreißigtausendfünfhundertsiebenundsechzig"},
		{2_000_000, "two million", "zwei Millionen"},
		{2_000_021, "two million and twenty-one", "zwei Millionen einundzwanzig"},
		{7_070_707, "seven million seventy thousand seven hundred and seven", "sieben Millionen siebzigtausendsiebenhundertsieben"},
		{9_999_999, "nine million nine hundred and ninety-nine thousand nine hundred and ninety-nine", "neun Millionen neunhundertneunundneunzigtausendneunhundertneunundneunzig"},
	} {
		if got := spoken(english, English, Number(English, row.n)); got != row.en {
			t.Errorf("%d in English: got %q, want %q", row.n, got, row.en)
		}
		if got := spoken(german, German, Number(German, row.n)); got != row.de {
			t.Errorf("%d in German: got %q, want %q", row.n, got, row.de)
		}
	}
}

// long, where it is set, has what takes longer than a test may.
const long = "CONFBRIDGE_TEST_LONG"

// Every number is said so that it is understood: what is said is read back by rules of its own. All ten million take half a minute of a processor.
func TestEveryNumberIsUnderstood(t *testing.T) {
	step := 97
	if os.Getenv(long) != "" {
		step = 1
	}
	for _, language := range Languages() {
		said := texts(t, language)
		missing := map[string]bool{}
		for n := 0; n <= MaxNumber; {
			names := Number(language, n)
			if got := understood(names); got != n {
				t.Fatalf("%s: %d: got %q, which is %d", language, n, names, got)
			}
			for _, name := range names {
				if said[name] == "" && !missing[name] {
					missing[name] = true
					t.Errorf("%s: %d: %s is no prompt", language, n, name)
				}
			}
			if len(names) > 13 {
				t.Errorf("%s: %d: got %d prompts, want at most 13", language, n, len(names))
			}
			if n < 10_000 || n == MaxNumber {
				n++
			} else {
				n = min(n+step, MaxNumber)
			}
		}
	}
}

// understood is the number that was said: units are gathered, multiplied by hundred, and thousand and million close a group. -1: it makes no
// sense.
func understood(names []string) int {
	total, group, before := 0, 0, 1_000_000_000
	for i, name := range names {
		switch part := strings.TrimPrefix(name, "number/"); part {
		case "and":
			if i == 0 || i == len(names)-1 {
				return -1
			}
		case "ein", "eine", "einer":
			group++
		case "hundred":
			if group < 1 || group > 9 {
				return -1
			}
			group *= 100
		case "thousand", "million", "millions":
			unit := 1000
			if part != "thousand" {
				unit = 1_000_000
			}
			if group == 0 || unit >= before || part == "millions" && group == 1 {
				return -1
			}
			total, group, before = total+group*unit, 0, unit
		default:
			n, known := smallNumbers[part]
			if !known || group%100 != 0 || n == 0 && len(names) > 1 {
				return -1
			}
			group += n
		}
	}
	return total + group
}

var smallNumbers = func() map[string]int {
	all := map[string]int{}
	for n := range 100 {
		all[strconv.Itoa(n)] = n
	}
	return all
}()

func TestDigitsAreSaidOneByOne(t *testing.T) {
	for _, row := range []struct {
		got, want []string
	}{
		{Digits("4020"), []string{"number/4", "number/0", "number/2", "number/0"}},
		{Digits("*6#"), []string{"key/star", "number/6", "key/pound"}},
		{Digits("+49 (30)"), []string{"number/4", "number/9", "number/3", "number/0"}},
		{Number(English, 10_000_000), Digits("10000000")},
		{Number(German, -5), []string{"number/5"}},
		{Number("fr", 42), []string{"number/4", "number/2"}},
		{KeyHelp(HelpMute, "*6"), []string{HelpMute, "key/star", "number/6"}},
	} {
		if !slices.Equal(row.got, row.want) {
			t.Errorf("got %q, want %q", row.got, row.want)
		}
	}
}

func TestSentencesAgreeWithTheirNumbers(t *testing.T) {
	day := func(d, hour, minute int) time.Time {
		return time.Date(2026, time.March, d, hour, minute, 0, 0, time.UTC)
	}
	newYear := time.Date(2026, time.December, 31, 23, 59, 0, 0, time.UTC)
	said := map[string]map[string]string{English: texts(t, English), German: texts(t, German)}
	for _, row := range []struct {
		sentence func(language string) []string
		en, de   string
	}{
		{
			func(l string) []string { return Participants(l, 0) },
			"There are zero participants in the conference.", "Es sind null Teilnehmer in der Konferenz.",
		},
		{
			func(l string) []string { return Participants(l, 1) },
			"There is one participant in the conference.", "Es ist ein Teilnehmer in der Konferenz.",
		},
		{
			func(l string) []string { return Participants(l, 21) },
			"There are twenty-one participants in the conference.", "Es sind einundzwanzig Teilnehmer in der Konferenz.",
		},
		{
			func(l string) []string { return Participants(l, 101) },
			"There are one hundred and one participants in the conference.", "Es sind ein hundert ein Teilnehmer in der Konferenz.",
		},
		{
			func(l string) []string { return Hand(l, 1) },
			"Your hand is raised. You are number one", "Sie haben sich gemeldet. Sie sind Nummer eins",
		},
		{
			func(l string) []string { return EndsIn(l, 1) },
			"The conference ends in one minute.", "Die Konferenz endet in einer Minute.",
		},
		{
			func(l string) []string { return EndsIn(l, 10) },
			"The conference ends in ten minutes.", "Die Konferenz endet in zehn Minuten.",
		},
		{
			func(l string) []string { return Opens(l, day(3, 9, 0), day(3, 8, 0)) },
			"The conference opens today at nine A M", "Die Konferenz öffnet heute um neun Uhr",
		},
		{
			func(l string) []string { return Opens(l, day(3, 13, 5), day(2, 23, 0)) },
			"The conference opens tomorrow at one oh five P M", "Die Konferenz öffnet morgen um dreizehn Uhr fünf",
		},
		{
			func(l string) []string { return Opens(l, day(3, 0, 30), day(1, 23, 0)) },
			"The conference opens on Tuesday March third at twelve thirty A M", "Die Konferenz öffnet am Dienstag dem dritten März um null Uhr dreißig",
		},
		{
			func(l string) []string { return Opens(l, day(21, 1, 1), day(1, 23, 0)) },
			"The conference opens on Saturday March twenty-first at one oh one A M", "Die Konferenz öffnet am Samstag dem einundzwanzigsten März um ein Uhr eins",
		},
		{
			func(l string) []string { return Opens(l, newYear.Add(12*time.Hour+time.Minute), newYear) },
			"The conference opens tomorrow at twelve P M", "Die Konferenz öffnet morgen um zwölf Uhr",
		},
		{
			func(l string) []string { return Opens(l, day(3, 12, 0), day(3, 12, 0).AddDate(-1, 0, 0)) },
			"The conference opens on Tuesday March third at twelve P M", "Die Konferenz öffnet am Dienstag dem dritten März um zwölf Uhr",
		},
		{
			func(string) []string { return KeyHelp(HelpHand, "*9") },
			"To raise or lower your hand, press star nine", "Um sich zu melden oder die Meldung zurückzunehmen, drücken Sie Stern neun",
		},
	} {
		for language, want := range map[string]string{English: row.en, German: row.de} {
			var words []string
			for _, name := range row.sentence(language) {
				words = append(words, said[language][name])
			}
			if got := strings.Join(words, " "); got != want {
				t.Errorf("%s: got %q, want %q", language, got, want)
			}
		}
	}
}

// Whatever days and times are spoken of, there are prompts for it.
func TestEveryDayAndTimeHasItsPrompts(t *testing.T) {
	now := time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)
	for _, language := range Languages() {
		said := texts(t, language)
		for at := now; at.Year() < 2028; at = at.Add(17 * time.Hour).Add(7 * time.Minute) {
			for _, name := range Opens(language, at, now) {
				if said[name] == "" {
					t.Fatalf("%s: %v: %s is no prompt", language, at, name)
				}
			}
		}
	}
	if got := len(Opens(English, now.AddDate(0, 0, 9).Add(9*time.Hour), now)); got != 7 {
		t.Errorf("got %d prompts, want 7", got)
	}
}
