package trunk

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/confbridge/confbridge/sipua/message"
)

func TestRewrite(t *testing.T) {
	for _, row := range []struct {
		name  string
		rules []Rule
		in    string
		want  string
		ok    bool
	}{
		{"the carrier's prefix is stripped", []Rule{{Match: "+49301234*", Strip: 9}}, "+493012341000", "1000", true},
		{"one number is one room", []Rule{{Match: "+49301234…1000", To: "1000"}}, "+4930123451000", "1000", true},
		{"three dots are one ellipsis", []Rule{{Match: "+4930...", To: "x"}}, "+49301", "x", true},
		{"an international prefix becomes a plus", []Rule{{Match: "00*", Strip: 2, Add: "+"}, {Match: "0*", Strip: 1, Add: "+49"}}, "004930", "+4930", true},
		{"a national prefix becomes the country", []Rule{{Match: "00*", Strip: 2, Add: "+"}, {Match: "0*", Strip: 1, Add: "+49"}}, "030", "+4930", true},
		{"only the first rule that matches counts", []Rule{{Match: "1*", Add: "2"}, {Match: "2*", Add: "3"}}, "1", "21", true},
		{"a star stands for a star", []Rule{{Match: "+49301234*", To: "*"}}, "+493012341000", "1000", true},
		{"with something around it", []Rule{{Match: "0...9", To: "1…2"}}, "0779", "1772", true},
		{"a question mark is one character", []Rule{{Match: "1??", To: "x"}}, "1000", "1000", true},
		{"no rule leaves the number as it is", nil, "a-b", "a-b", true},
		{"more is stripped than there is", []Rule{{Match: "*", Strip: 9, Add: "5"}}, "12", "5", true},
		{"nothing is left", []Rule{{Match: "*", Strip: 9}}, "12", "", false},
		{"no number", nil, "", "", false},
		{"a number without end", nil, strings.Repeat("1", maxNumber+1), "", false},
		{"too much is added", []Rule{{Match: "*", Add: strings.Repeat("1", maxNumber)}}, "1", "", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, ok := rewrite(row.rules, row.in)
			if ok != row.ok || ok && got != row.want {
				t.Errorf("got %q, %v; want %q, %v", got, ok, row.want, row.ok)
			}
		})
	}
}

func TestParseRule(t *testing.T) {
	for text, want := range map[string]Rule{
		"+49301234* -> *":     {Match: "+49301234*", To: "*"},
		"+49301234…1000→1000": {Match: "+49301234…1000", To: "1000"},
		"0049->49":            {Match: "0049", To: "49"},
	} {
		if got, err := ParseRule(text); err != nil || got != want {
			t.Errorf("%q: got %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "1", "1 ->", "-> 1", "1 -> *", "1*2* -> *", "* -> **"} {
		if got, err := ParseRule(text); !errors.Is(err, ErrConfig) {
			t.Errorf("%q: got %+v, %v; want ErrConfig", text, got, err)
		}
	}
}

// TestPatternsAreThoseOfAModel compares with regular expressions.
func TestPatternsAreThoseOfAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringMatching(`[12+*?…]{0,8}`).Draw(t, "pattern")
		s := rapid.StringMatching(`[12+]{0,10}`).Draw(t, "number")
		model := "^"
		for _, r := range pattern {
			switch r {
			case '*', '…':
				model += ".*"
			case '?':
				model += "."
			default:
				model += regexp.QuoteMeta(string(r))
			}
		}
		if got, want := matches(pattern, s), regexp.MustCompile(model+"$").MatchString(s); got != want {
			t.Errorf("%q against %q: got %v, want %v", s, pattern, got, want)
		}
	})
}

func TestRewritingIsBoundedAndCannotPanic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		some := rapid.OneOf(rapid.String(), rapid.StringMatching(`[12*?.…]{0,5}`))
		rule := Rule{Match: some.Draw(t, "match"), To: some.Draw(t, "to")}
		if rapid.Bool().Draw(t, "strip") {
			rule = Rule{Match: rule.Match, Strip: rapid.IntRange(0, maxNumber).Draw(t, "strip"), Add: some.Draw(t, "add")}
		}
		if rule.check() != nil {
			return
		}
		got, ok := rewrite([]Rule{rule}, some.Draw(t, "number"))
		if ok && (got == "" || len(got) > maxNumber) {
			t.Errorf("got %d bytes", len(got))
		}
	})
}

func TestNumber(t *testing.T) {
	for in, want := range map[string]string{
		"tel:+1-201-555-0123":                    "+12015550123",
		"tel:7042;phone-context=example.com":     "7042",
		"sip:+1-201-555-0123@gw;user=phone":      "+12015550123",
		"sip:+1(201)555.0123@gw;user=PHONE":      "+12015550123",
		"sip:+4930;npdi@gw":                      "+4930",
		"sip:1234;phone-context=x@gw;user=phone": "1234",
		"sip:a-b@h":                              "a-b",
		"sip:a;b@h":                              "a;b",
		"sip:%31000@h":                           "1000",
		"sip:h":                                  "",
		"sip:;x@h":                               ";x",
		"sips:1000@h;user=ip":                    "1000",
	} {
		u, err := message.ParseURI(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := Number(u); got != want {
			t.Errorf("%s: got %q, want %q", in, got, want)
		}
	}
}

func TestNumberOfANumberIsItself(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u := message.URI{Scheme: "sip", Host: "h", User: message.EscapeUser(rapid.StringMatching(`[-+0-9.() a;]{1,12}`).Draw(t, "user"))}
		if rapid.Bool().Draw(t, "phone") {
			u.Params = u.Params.With("user", "phone")
		}
		once := Number(u)
		u.User = message.EscapeUser(once)
		if again := Number(u); again != once {
			t.Errorf("%q became %q", once, again)
		}
	})
}

func TestWhereTheDialledNumberIsRead(t *testing.T) {
	req := request("INVITE", "sip:4711@bridge.example", "To: <sip:1001@bridge.example>",
		"History-Info: <sip:1002@a>;index=1, <sip:4711@b>;index=1.1;mp=1",
		"Diversion: <sip:1009@a>;reason=unconditional, <tel:+1-003>;reason=user-busy", "P-Called-Party-ID: <sip:1004@a>")
	bare := request("INVITE", "sip:4711@bridge.example")
	for from, want := range map[NumberSource]string{
		RequestURI: "4711", requestURI: "4711", To: "1001", HistoryInfo: "1002", Diversion: "+1003", CalledParty: "1004",
	} {
		if got := dialled(req, from); got != want {
			t.Errorf("%s: got %q, want %q", from, got, want)
		}
		if got := dialled(bare, from); got != "4711" {
			t.Errorf("%s of a request without it: got %q, want the Request-URI", from, got)
		}
	}
}
