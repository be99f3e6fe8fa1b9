package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var compareAddrs = cmpopts.EquateComparable(Listener{})

func noEnv(string) string { return "" }

func env(vars map[string]string) func(string) string {
	return func(name string) string { return vars[name] }
}

func TestEachFaultIsReportedWithItsLine(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, yaml string
		want       []string
	}{
		{"an unknown key at the top", "sipp: {}\n", []string{
			"c.yaml:1:1: sipp: no such key; there are sip, media, rooms, api, data_dir, log",
		}},
		{"an unknown key in a section", "sip:\n  listn: []\n", []string{
			"c.yaml:2:3: sip.listn: no such key; there are listen, advertise, domain",
		}},
		{"a key that stands twice", "log:\n  level: info\n  level: warn\n", []string{
			"c.yaml:3:3: log.level: stands here for the second time",
		}},
		{"a section that is text", "media: fast\n", []string{"c.yaml:1:8: media: is text, not keys with values"}},
		{"a list instead of everything", "- a\n", []string{"c.yaml:1:1: is a list, not keys with values"}},
		{"a number where an address belongs", "api:\n  grpc: 50051\n", []string{
			`c.yaml:2:9: api.grpc: "50051" is not an address with a port, like 127.0.0.1:8080`,
		}},
		{"a number where a duration belongs", "media:\n  timeout: 60\n", []string{
			`c.yaml:2:12: media.timeout: "60" is not a duration, like 30s or 5m`,
		}},
		{"true where text belongs", "log:\n  level: true\n", []string{"c.yaml:2:10: log.level: is true or false, not text"}},
		{"text where a list belongs", "sip:\n  listen: udp://0.0.0.0:5060\n", []string{
			"c.yaml:2:11: sip.listen: is text, not a list",
		}},
		{"an empty list of listeners", "sip:\n  listen: []\n", []string{"c.yaml:2:11: sip.listen: is an empty list"}},
		{"text where true or false belongs", "rooms:\n  on_demand: maybe\n", []string{
			"c.yaml:2:14: rooms.on_demand: is text, not true or false",
		}},
		{"nothing where text belongs", "log:\n  level:\n", []string{"c.yaml:2:3: log.level: is nothing, not text"}},
		{"an address without a scheme", "sip:\n  listen: [\"0.0.0.0:5060\"]\n", []string{
			`c.yaml:2:12: sip.listen[0]: "0.0.0.0:5060" is not of the form udp://0.0.0.0:5060`,
		}},
		{"a transport that is still to come", "sip:\n  listen: [\"tls://0.0.0.0:5061\"]\n", []string{
			"c.yaml:2:12: sip.listen[0]: tls:// cannot be served yet; udp:// and tcp:// can",
		}},
		{"a transport that is none", "sip:\n  listen: [\"http://0.0.0.0:5061\"]\n", []string{
			`c.yaml:2:12: sip.listen[0]: "http" is no SIP transport; udp:// and tcp:// are`,
		}},
		{"an address without a port", "sip:\n  listen: [\"udp://0.0.0.0\"]\n", []string{
			`c.yaml:2:12: sip.listen[0]: "0.0.0.0" is not an IP address with a port, like 0.0.0.0:5060 or [::]:5060`,
		}},
		{"a host with a port to advertise", "sip:\n  advertise: example.com:5060\n", []string{
			`c.yaml:2:14: sip.advertise: "example.com:5060" is neither an IP address nor a host name (without a port)`,
		}},
		{"an API address without a port", "api:\n  http: localhost\n", []string{
			`c.yaml:2:9: api.http: "localhost" is not an address with a port, like 127.0.0.1:8080`,
		}},
		{"an API port that is none", "api:\n  http: localhost:99999\n", []string{
			`c.yaml:2:9: api.http: "99999" is not a port: want 0 to 65535`,
		}},
		{"ports that are no range", "media:\n  ports: many\n", []string{
			`c.yaml:2:10: media.ports: "many" is not a range of ports, like 20000-29999`,
		}},
		{"ports that begin odd", "media:\n  ports: 20001-29999\n", []string{
			"c.yaml:2:10: media.ports: 20001-29999 begins with an odd port: RTP takes the even one, RTCP the next",
		}},
		{"ports that end even", "media:\n  ports: 20000-20002\n", []string{
			"c.yaml:2:10: media.ports: 20000-20002 ends with an even port, which lacks its odd neighbour",
		}},
		{"ports the wrong way round", "media:\n  ports: 29999-20000\n", []string{
			"c.yaml:2:10: media.ports: 29999-20000 ends before it begins",
		}},
		{"ports that are too few", "media:\n  ports: 20000-20000\n", []string{
			"c.yaml:2:10: media.ports: 20000-20000 is too small: a call takes two ports, one even and the next",
		}},
		{"ports out of bounds", "media:\n  ports: 60000-70001\n", []string{
			"c.yaml:2:10: media.ports: 60000-70001 is not within 1024-65535",
		}},
		{"a duration without a unit", "media:\n  timeout: \"60\"\n", []string{
			`c.yaml:2:12: media.timeout: "60" is not a duration, like 30s or 5m`,
		}},
		{"a duration out of bounds", "media:\n  timeout: 100h\n", []string{
			"c.yaml:2:12: media.timeout: 100h is not within 1s to 1h",
		}},
		{"a log level that is none", "log: {level: loud}\n", []string{
			`c.yaml:1:14: log.level: "loud" is not one of debug, info, warn, error`,
		}},
		{"a log format that is none", "log: {format: xml}\n", []string{
			`c.yaml:1:15: log.format: "xml" is not one of text, json`,
		}},
		{"a data_dir that is a file", "data_dir: " + file + "\n", []string{
			`c.yaml:1:11: data_dir: "` + file + `" cannot be used: ` + file + ` is not a folder`,
		}},
		{"a data_dir below a file", "data_dir: " + file + "/data\n", []string{
			`c.yaml:1:11: data_dir: "` + file + `/data" cannot be used: stat ` + file + `/data: not a directory`,
		}},
		{"a data_dir that nobody can make", "data_dir: /proc/nope/data\n", []string{
			`c.yaml:1:11: data_dir: "/proc/nope/data" cannot be written: /proc: no such file or directory`,
		}},
		{"a data_dir that is empty", "data_dir: \"\"\n", []string{"c.yaml:1:11: data_dir: is empty: name a folder"}},
		{"the same listener twice", "sip:\n  listen:\n    - udp://0.0.0.0:5060\n    - udp://127.0.0.1:5060\n", []string{
			"c.yaml:4:7: sip.listen[1]: udp 127.0.0.1:5060 is wanted by both sip.listen[0] and sip.listen[1]",
		}},
		{":: takes the port of IPv4 too", "sip:\n  listen: [\"tcp://[::]:5060\", \"tcp://127.0.0.1:5060\"]\n", []string{
			"c.yaml:2:31: sip.listen[1]: tcp 127.0.0.1:5060 is wanted by both sip.listen[0] and sip.listen[1]",
		}},
		{"the API on a SIP port", "api:\n  grpc: 127.0.0.1:5060\n", []string{
			"c.yaml:2:9: api.grpc: tcp 127.0.0.1:5060 is wanted by both sip.listen and api.grpc",
		}},
		{"gRPC on the default port of HTTP", "api:\n  grpc: localhost:8080\n", []string{
			"c.yaml:2:9: api.grpc: tcp 127.0.0.1:8080 is wanted by both api.grpc and api.http",
		}},
		{"a SIP port among the media ports", "sip:\n  listen: [\"udp://127.0.0.1:25060\"]\n", []string{
			"c.yaml:2:12: sip.listen[0]: port 25060 of sip.listen[0] lies in media.ports, 20000-29999",
		}},
		{"media ports around the API", "media:\n  ports: 50000-50099\n", []string{
			"c.yaml:2:10: media.ports: port 50051 of api.grpc lies in media.ports, 50000-50099",
		}},
		{"text that is no YAML", "sip: [\n", []string{"c.yaml:1:6: no valid YAML: sequence end token ']' not found"}},
		{"a second document", "log: {level: warn}\n---\nlog: {level: info}\n", []string{
			"c.yaml:3:4: a second document begins here; only one is read",
		}},
		{"many faults at once, in the file's order", "sip:\n  domain: a b\nmedia:\n  ports: 1-2\nnope: 1\n", []string{
			`c.yaml:2:11: sip.domain: "a b" is neither an IP address nor a host name (without a port)`,
			"c.yaml:4:10: media.ports: 1-2 is not within 1024-65535",
			"c.yaml:4:10: media.ports: 1-2 begins with an odd port: RTP takes the even one, RTCP the next",
			"c.yaml:4:10: media.ports: 1-2 ends with an even port, which lacks its odd neighbour",
			"c.yaml:5:1: nope: no such key; there are sip, media, rooms, api, data_dir, log",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse("c.yaml", []byte(tt.yaml), noEnv)
			if err == nil {
				t.Fatal("got no error")
			}
			if diff := cmp.Diff(tt.want, strings.Split(err.Error(), "\n")); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEnvironmentOverridesTheFile(t *testing.T) {
	got, err := Parse("c.yaml", []byte("data_dir: /tmp/a\nsip: {listen: [\"udp://1.2.3.4:1\"]}\n"), env(map[string]string{
		"CONFBRIDGE_DATA_DIR":   "/tmp/b",
		"CONFBRIDGE_SIP_LISTEN": "udp://127.0.0.1:5070, tcp://127.0.0.1:5070",
	}))
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.DataDir = "/tmp/b"
	want.SIP.Listen = nil
	for _, s := range []string{"udp://127.0.0.1:5070", "tcp://127.0.0.1:5070"} {
		if err := addListener(&want, s); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, got, compareAddrs); diff != "" {
		t.Errorf("config (-want +got):\n%s", diff)
	}
}

func TestFaultsOfTheEnvironmentNameTheVariable(t *testing.T) {
	_, err := Parse("c.yaml", nil, env(map[string]string{
		"CONFBRIDGE_MEDIA_PORTS": "1",
		"CONFBRIDGE_API_GRPC":    "0.0.0.0:5060",
	}))
	want := `CONFBRIDGE_MEDIA_PORTS: media.ports: "1" is not a range of ports, like 20000-29999` + "\n" +
		"CONFBRIDGE_API_GRPC: api.grpc: tcp 0.0.0.0:5060 is wanted by both sip.listen and api.grpc"
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestExampleFileIsTheDefaults(t *testing.T) {
	got, err := Load("../../../../deploy/confbridge.yaml", noEnv)
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	if diff := cmp.Diff(want, got, compareAddrs); diff != "" {
		t.Errorf("deploy/confbridge.yaml (-defaults +file):\n%s", diff)
	}
}

func TestExampleFileShowsEveryKey(t *testing.T) {
	data, err := os.ReadFile("../../../../deploy/confbridge.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys() {
		name := k.path[strings.LastIndex(k.path, ".")+1:]
		if !strings.Contains(string(data), name+":") {
			t.Errorf("deploy/confbridge.yaml lacks %s", k.path)
		}
		if k.env != "" && !strings.Contains(string(data), k.env) {
			t.Errorf("deploy/confbridge.yaml does not name %s", k.env)
		}
	}
}

func TestFormatIsReadAsItWas(t *testing.T) {
	want, err := Parse("", []byte("sip: {advertise: 192.0.2.1, domain: example.com}\nmedia: {timeout: 1m30s}\n"+
		"rooms: {on_demand: false, empty_grace: 2h}\nlog: {level: debug, format: json}\n"), noEnv)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Parse("", []byte(Format(want)), noEnv)
	if err != nil {
		t.Fatalf("%v\n%s", err, Format(want))
	}
	if diff := cmp.Diff(want, got, compareAddrs); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAFileThatIsNotThere(t *testing.T) {
	_, err := Load("/nowhere/c.yaml", noEnv)
	if err == nil || err.Error() != "/nowhere/c.yaml: no such file or directory" {
		t.Errorf("got %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(Format(Default())))
	f.Add([]byte("sip: {listen: [a, 1, null]}\nmedia:\n  ports: 1-2\n"))
	f.Add([]byte("a: &x [*x]\n<<: *x\n? [a]\n: b\n"))
	f.Add([]byte("log: !!str {level: |\n  info\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("c.yaml", data, noEnv)
		var faults Faults
		if err != nil && (!errors.As(err, &faults) || len(faults) == 0) {
			t.Fatalf("got %T without faults", err)
		}
		if err == nil && len(c.SIP.Listen) == 0 {
			t.Fatal("a configuration without listeners passed")
		}
	})
}
