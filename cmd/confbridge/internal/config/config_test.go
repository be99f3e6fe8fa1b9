package config

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var compareAddrs = cmpopts.EquateComparable(Listener{}, netip.Prefix{}, netip.Addr{}, netip.AddrPort{})

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
			"c.yaml:1:1: sipp: no such key; there are sip, media, rooms, numbers, distributions, recording, sounds, cdr, api, trace, data_dir, store, log",
		}},
		{"an unknown key in a section", "sip:\n  listn: []\n", []string{
			"c.yaml:2:3: sip.listn: no such key; there are listen, advertise, external_networks, domain, tls, origins, ring, session_expires, anonymous, realm, algorithms, limits, dial_out, trunks",
		}},
		{"a key that stands twice", "log:\n  level: info\n  level: warn\n", []string{
			"c.yaml:3:3: log.level: stands here for the second time",
		}},
		{"files of records that hold next to nothing", "cdr:\n  max_size: 1KiB\n", []string{
			"c.yaml:2:13: cdr.max_size: 1KiB is less than 64KiB",
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
		{"a folder of sounds that is a file, and a voice that is nowhere", "sounds:\n  folder: " + file + "\n  voice: fr\n", []string{
			`c.yaml:2:11: sounds.folder: "` + file + `" cannot be read: not a directory`,
			`c.yaml:3:10: sounds.voice: there is no voice "fr": en and de are built in, others are folders in sounds.folder`,
		}},
		{"a voice that is a path", "sounds:\n  voice: ../en\n", []string{
			`c.yaml:2:10: sounds.voice: "../en" is no voice, like en or de-anna: a language, and a name of its own after a hyphen`,
		}},
		{"sounds without time and room", "sounds:\n  longest: 2h\n  cache: 0\n", []string{
			`c.yaml:2:12: sounds.longest: 2h is not within 1s to 1h`,
			`c.yaml:3:10: sounds.cache: "0" is too little: the last sound is always kept, so give it some room`,
		}},
		{"URLs that cannot be", "sounds:\n  urls: [\"ftp://a.example/\", \"https://b.example/?c\"]\n  url_max_bytes: 2GiB\n  url_timeout: 0s\n", []string{
			`c.yaml:2:10: sounds.urls[0]: "ftp://a.example/" is not like https://media.example.com/sounds/: it is neither https nor http, or has no host`,
			`c.yaml:2:30: sounds.urls[1]: "https://b.example/?c" is not like https://media.example.com/sounds/: it has a query`,
			`c.yaml:3:18: sounds.url_max_bytes: "2GiB" is not within 1 to 1GiB`,
			`c.yaml:4:16: sounds.url_timeout: 0s is not within 1s to 1m`,
		}},
		{"more talkers than can be mixed", "rooms:\n  max_talkers: 17\n", []string{
			`c.yaml:2:16: rooms.max_talkers: "17" is neither a number from 1 to 16 nor all`,
		}},
		{"speech that cannot be", "rooms:\n  speaking: always\n  announce: song\n  announce_limit: 0\n  voice: Anna\n  music: " + strings.Repeat("m", 256) + "\n", []string{
			`c.yaml:2:13: rooms.speaking: "always" is not one of answers, events`,
			`c.yaml:3:13: rooms.announce: "song" is not one of none, tone, words`,
			`c.yaml:4:19: rooms.announce_limit: "0" is not a number from 1 to 100000`,
			`c.yaml:5:10: rooms.voice: "Anna" is no voice, like en or de-anna: a language, and a name of its own after a hyphen`,
			"c.yaml:6:10: rooms.music: is longer than 255 bytes",
		}},
		{"keys that cannot be", "rooms:\n  keys:\n    \"*6\": dance\n    \"66\": mute\n    \"*7\": none\n    \"*71\": mute\n", []string{
			`c.yaml:3:11: rooms.keys.*6: "dance" is not one of none, help, count, deaf, quieter, louder, speak-quieter, speak-louder, mute, hand, yield, back, leave, ` +
				"lock, announce, lecture, admit, refuse, mute-all, record, pause, next, wait-for-host, lobby, kick, end, who, admit-all, unmute-all, whisper, " +
				"ban, move, side, heard-quieter, heard-louder, hears-quieter, hears-louder, mute-one, deaf-one, role, dial",
			`c.yaml:4:11: rooms.keys.66: command "66", want a star and 1 to 5 other keys`,
		}},
		{"rooms that no keys lead to, and no trunk", "rooms:\n  move_to: [\"2*\", \"sales\", \"\"]\n  dial_trunk: carrier\nsip:\n  trunks: [{name: carrier, networks: [192.0.2.1]}]\n", []string{
			`c.yaml:2:19: rooms.move_to[1]: "sales" is neither digits nor digits and a star behind them`,
			`c.yaml:2:28: rooms.move_to[2]: is empty`,
			`c.yaml:3:15: rooms.dial_trunk: "carrier" is none of sip.trunks that has dial.prefixes`,
		}},
		{"a command that another one begins", "rooms: {keys: {\"*61\": mute}}\n", []string{
			"c.yaml:1:15: rooms.keys: *6 (mute) is the beginning of *61 (mute)",
		}},
		{"keys of a room that cannot be", "rooms:\n  list:\n  - {number: 1, keys: {lock: \"*6\"}}\n  - {number: 2, keys: {dance: \"*6\", lock: \"6\"}}\n", []string{
			"c.yaml:3:23: rooms.list[0].keys: *6 is for mute and for lock",
			`c.yaml:4:31: rooms.list[1].keys.dance: "dance" is not one of none, help, count, deaf, quieter, louder, speak-quieter, speak-louder, mute, hand, yield, back, leave, ` +
				"lock, announce, lecture, admit, refuse, mute-all, record, pause, next, wait-for-host, lobby, kick, end, who, admit-all, unmute-all, whisper, " +
				"ban, move, side, heard-quieter, heard-louder, hears-quieter, hears-louder, mute-one, deaf-one, role, dial",
			`c.yaml:4:43: rooms.list[1].keys.lock: lock: command "6", want a star and 1 to 5 other keys`,
		}},
		{"modes that cannot be", "rooms:\n  lobby: 1\n  on_last_host_leave: sing\n  host_grace: 2h\n  reserved_for_hosts: -1\n  warn_before: [0s, 1m, 60s, 2m, 3m, 4m, 5m]\n", []string{
			"c.yaml:2:10: rooms.lobby: is a number, not true or false",
			`c.yaml:3:23: rooms.on_last_host_leave: "sing" is not one of go-on, end`,
			"c.yaml:4:15: rooms.host_grace: 2h is not within 0s to 1h",
			`c.yaml:5:23: rooms.reserved_for_hosts: "-1" is not a number from 0 to 100000`,
			"c.yaml:6:17: rooms.warn_before[0]: 0s is not within 1s to 168h",
			"c.yaml:6:25: rooms.warn_before[2]: 60s is there twice",
			"c.yaml:6:42: rooms.warn_before[6]: there are more than 4",
		}},
		{"nothing where text belongs", "log:\n  level:\n", []string{"c.yaml:2:3: log.level: is nothing, not text"}},
		{"an address without a scheme", "sip:\n  listen: [\"0.0.0.0:5060\"]\n", []string{
			`c.yaml:2:12: sip.listen[0]: "0.0.0.0:5060" is not of the form udp://0.0.0.0:5060`,
		}},
		{"a transport that is none", "sip:\n  listen: [\"http://0.0.0.0:5061\"]\n", []string{
			`c.yaml:2:12: sip.listen[0]: no such SIP transport: "http" is not one of udp, tcp, tls, ws, wss, sctp, sctp+udp`,
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
		{"calls to trace that are no number", "trace: {calls: many}\n", []string{
			`c.yaml:1:16: trace.calls: "many" is not a number from 0 to 100000`,
		}},
		{"a Homer without a port", "trace: {hep: homer}\n", []string{
			`c.yaml:1:14: trace.hep: "homer" is not an address with a port, like 127.0.0.1:8080`,
		}},
		{"a key for Homer that is too long", "trace:\n  hep_id: 5000000000\n  hep_password: " + strings.Repeat("x", 256) + "\n", []string{
			`c.yaml:2:11: trace.hep_id: "5000000000" is not a number from 0 to 4294967295`,
			"c.yaml:3:17: trace.hep_password: is longer than 255 bytes",
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
		{"media ports around SCTP over UDP", "media:\n  ports: 9000-9999\nsip: {listen: [\"sctp+udp://0.0.0.0:9899\"]}\n", []string{
			"c.yaml:3:16: sip.listen[0]: port 9899 of sip.listen[0] lies in media.ports, 9000-9999",
		}},
		{"TLS and TCP on one port", "sip:\n  listen: [\"tcp://0.0.0.0:5060\", {url: \"tls://127.0.0.1:5060\"}]\n", []string{
			"c.yaml:2:34: sip.listen[1]: tcp 127.0.0.1:5060 is wanted by both sip.listen[0] and sip.listen[1]",
		}},
		{"a listener without its URL", "sip:\n  listen: [{advertise: a.example}]\n", []string{
			"c.yaml:2:12: sip.listen[0].url: is missing",
		}},
		{"client certificates without an authority", "sip:\n  tls: {clients: required}\n", []string{
			"c.yaml:2:18: sip.tls.clients: needs sip.tls.ca, the authorities that are believed",
		}},
		{"codecs that are none, or twice", "media:\n  codecs: [opus, GSM, pcmu, OPUS]\n", []string{
			`c.yaml:2:18: media.codecs[1]: "GSM" is not one of opus, G722, PCMU, PCMA, L16`,
			"c.yaml:2:29: media.codecs[3]: opus is there twice",
		}},
		{"no codecs", "media:\n  codecs: []\n", []string{"c.yaml:2:11: media.codecs: is an empty list"}},
		{"a trunk's codec that is none", "sip:\n  trunks: [{name: a, networks: [10.0.0.1], codecs: [g722, G729]}]\n", []string{
			`c.yaml:2:59: sip.trunks[0].codecs[1]: "G729" is not one of opus, G722, PCMU, PCMA, L16`,
		}},
		{"a trunk that nothing tells", "sip:\n  trunks: [{name: a}]\n", []string{
			"c.yaml:2:12: sip.trunks[0]: nothing tells who it is: networks, tls_names, users or register.registrar",
		}},
		{"a rule that is none", "sip:\n  trunks: [{name: a, networks: [10.0.0.1], rewrite: [\"123\"]}]\n", []string{
			`c.yaml:2:54: sip.trunks[0].rewrite[0]: "123" is not FROM -> TO, like +49301234* -> *`,
		}},
		{"a transport that is none", "sip:\n  trunks: [{name: a, networks: [10.0.0.1], transport: TCP}]\n", []string{
			`c.yaml:2:55: sip.trunks[0].transport: "TCP" is not one of udp, tcp, tls, ws, wss, sctp`,
		}},
		{"a certificate without its key", "sip:\n  tls: {certificate: config_test.go}\n", []string{
			"c.yaml:2:22: sip.tls: certificate and key belong together",
		}},
		{"a certificate that is not there", "sip:\n  tls: {certificate: none.pem, key: none.pem}\n", []string{
			`c.yaml:2:22: sip.tls.certificate: "none.pem" cannot be read: no such file or directory`,
			`c.yaml:2:37: sip.tls.key: "none.pem" cannot be read: no such file or directory`,
		}},
		{"one more certificate, without its key", "sip:\n  tls: {more: [{certificate: none.pem}]}\n", []string{
			`c.yaml:2:16: sip.tls.more[0].key: is missing`,
			`c.yaml:2:30: sip.tls.more[0].certificate: "none.pem" cannot be read: no such file or directory`,
		}},
		{"a network that is none", "sip:\n  external_networks: [10.0.0.0/33]\n", []string{
			`c.yaml:2:23: sip.external_networks[0]: "10.0.0.0/33" is not a network, like 192.0.2.0/24, nor an address`,
		}},
		{"a limit that is no number", "sip:\n  limits: {calls: many, half_open: 0}\n", []string{
			`c.yaml:2:19: sip.limits.calls: "many" is not a number from 1 to 1000000`,
			`c.yaml:2:36: sip.limits.half_open: "0" is not a number from 1 to 1000000`,
		}},
		{"trunks that are no list", "sip:\n  trunks: {name: a}\n", []string{"c.yaml:2:11: sip.trunks: is keys with values, not a list"}},
		{"a trunk that is text", "sip:\n  trunks: [carrier]\n", []string{"c.yaml:2:12: sip.trunks[0]: is text, not keys with values"}},
		{"faults inside of trunks", "sip:\n  trunks:\n    - name: a b\n      networks: [x]\n    - calls: 0\n      nope: 1\n", []string{
			`c.yaml:3:13: sip.trunks[0].name: "a b" is not 1 to 63 letters, digits, - _ and dots`,
			`c.yaml:4:18: sip.trunks[0].networks[0]: "x" is not a network, like 192.0.2.0/24, nor an address`,
			"c.yaml:5:12: sip.trunks[1].name: is missing",
			`c.yaml:5:14: sip.trunks[1].calls: "0" is not a number from 1 to 100000`,
			"c.yaml:6:7: sip.trunks[1].nope: no such key; there are name, networks, tls_names, users, algorithms, trusted, rooms, " +
				"number_from, rewrite, calls, calls_per_second, codecs, keys, transport, register, ping, dial",
		}},
		{"a way of keys that there is not", "sip:\n  trunks: [{name: a, networks: [10.0.0.1], keys: sound}]\n", []string{
			`c.yaml:2:50: sip.trunks[0].keys: "sound" is not one of auto, rfc4733, inband`,
		}},
		{"two rooms of one number", "rooms:\n  list:\n    - number: \"1000\"\n    - {number: \"2\"}\n    - {number: 1000, agc: true}\n", []string{
			`c.yaml:5:7: rooms.list[2]: room "1000" is declared in line 3 already`,
		}},
		{"rooms that cannot be", "rooms:\n  list:\n    - {display_name: x}\n    - {number: a b, max_participants: 0, max_duration: 1y, max_talkers: 17, agc: 3}\n", []string{
			"c.yaml:3:7: rooms.list[0].number: is missing",
			`c.yaml:4:16: rooms.list[1].number: "a b" is not 1 to 64 letters, digits and -_.+*#`,
			`c.yaml:4:39: rooms.list[1].max_participants: "0" is not a number from 1 to 100000`,
			`c.yaml:4:56: rooms.list[1].max_duration: "1y" is not a duration, like 30s or 5m`,
			`c.yaml:4:73: rooms.list[1].max_talkers: "17" is neither a number from 1 to 16 nor all`,
			"c.yaml:4:82: rooms.list[1].agc: is a number, not true or false",
		}},
		{"PINs that cannot be", "rooms:\n  list:\n    - {number: 1, pin: 123, moderator_pin: $argon2id$x}\n    - {number: 2, pin: 1357, moderator_pin: 1357}\n", []string{
			"c.yaml:3:24: rooms.list[0].pin: is not 4 to 16 digits",
			"c.yaml:3:44: rooms.list[0].moderator_pin: is no PHC string of argon2id, like $argon2id$v=19$m=19456,t=2,p=1$SALT$KEY",
			"c.yaml:4:7: rooms.list[1].moderator_pin: is the same as pin",
		}},
		{"a store that is none", "store: {url: \"http://a\", credentials_file: /nothing}\n", []string{
			`c.yaml:1:14: store.url: "http://a" is not a NATS server, like nats://127.0.0.1:4222, without a user (store.credentials_file)`,
			`c.yaml:1:44: store.credentials_file: "/nothing" cannot be read: no such file or directory`,
		}},
		{"numbers that cannot be", "numbers: [{room: \"1 0\"}, {number: \"*1*\", voice: ../x}, {number: \"\", trunk: \"\"}, {number: \"7\", trunk: nobody, voice: fr}]\n", []string{
			"c.yaml:1:11: numbers[0].number: is missing",
			`c.yaml:1:18: numbers[0].room: "1 0" is not 1 to 64 letters, digits and -_.+*#`,
			`c.yaml:1:35: numbers[1].number: "*1*" has more than one star`,
			`c.yaml:1:49: numbers[1].voice: "../x" is no voice, like en or de-anna: a language, and a name of its own after a hyphen`,
			"c.yaml:1:65: numbers[2].number: is not 1 to 128 characters",
			"c.yaml:1:76: numbers[2].trunk: is empty",
			`c.yaml:1:81: numbers[3].trunk: there is no trunk "nobody"`,
			`c.yaml:1:81: numbers[3].voice: there is no voice "fr": en and de are built in, others are folders in sounds.folder`,
		}},
		{"a number that stands there twice", "numbers:\n  - number: 30*\n    room: \"1\"\n  - number: 30*\n    trunk: anonymous\n  - number: 30*\n", []string{
			`c.yaml:6:11: numbers[2]: "30*" stands in line 2 already`,
		}},
		{"two trunks of one name", "sip:\n  trunks: [{name: a, networks: [10.0.0.1]}, {name: a, networks: [10.0.0.2]}]\n", []string{
			`c.yaml:2:45: sip.trunks[1]: there is another trunk of the name "a"`,
		}},
		{"a user without a password", "sip:\n  trunks: [{name: a, users: {bob: \"\"}}]\n", []string{
			"c.yaml:2:35: sip.trunks[0].users.bob: has no password",
		}},
		{"a secret that the environment lacks", "sip:\n  trunks: [{name: a, users: {bob: env:NOBODY}}]\n", []string{
			"c.yaml:2:35: sip.trunks[0].users.bob: the environment variable NOBODY is empty or not set",
			"c.yaml:2:35: sip.trunks[0].users.bob: has no password",
		}},
		{"a registration without its registrar", "sip:\n  trunks: [{name: a, networks: [10.0.0.1], register: {user: x}}]\n", []string{
			"c.yaml:2:12: sip.trunks[0].register.registrar: is missing",
		}},
		{"dials that cannot be", "sip:\n  dial_out: {domains: [\"a b\"], calls: 0, rooms: [{prefixes: [\"+\"]}]}\n  trunks:\n" +
			"  - {name: a, networks: [10.0.0.1], dial: {uri: \"sip:h\"}}\n  - {name: b, networks: [10.0.0.2], dial: {prefixes: [\"+49 30\"]}}\n" +
			"  - {name: c, networks: [10.0.0.3], dial: {prefixes: [\"+\"], uri: \"h\", password: x}}\n", []string{
			`c.yaml:2:24: sip.dial_out.domains[0]: "a b" is neither an IP address nor a host name (without a port)`,
			`c.yaml:2:39: sip.dial_out.calls: "0" is not a number from 1 to 1000000`,
			"c.yaml:2:50: sip.dial_out.rooms[0].rooms: is missing",
			"c.yaml:4:5: sip.trunks[0].dial.prefixes: is missing: without it nothing is called",
			"c.yaml:5:5: sip.trunks[1].dial.uri: is missing, and neither register.registrar nor ping.uri says where it is",
			`c.yaml:5:5: sip.trunks[1].dial.prefixes: "+49 30" has separators; numbers are compared without`,
			"c.yaml:6:5: sip.trunks[2].dial.user: is missing",
			`c.yaml:6:66: sip.trunks[2].dial.uri: "h" is no SIP URI, like sip:sip.example.com`,
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
			"c.yaml:5:1: nope: no such key; there are sip, media, rooms, numbers, distributions, recording, sounds, cdr, api, trace, data_dir, store, log",
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
		"rooms: {on_demand: false, empty_grace: 2h, max_talkers: all, agc: false, noise_suppression: true, opus_complexity: 7, opus_bitrate: 64000,\n"+
		"  wait_for_host: true, on_last_host_leave: end, host_grace: 90s, lobby: true, lecture: true, mute_on_entry: true, allow_self_unmute: false,\n"+
		"  reserved_for_hosts: 2, warn_before: [10m, 1m30s], early_wait: 15m, record_names: true,\n"+
		"  speaking: events, announce: words, announce_limit: 7, voice: de, music: music/piano, keys: {\"*6\": none, \"*D\": mute},\n"+
		"  list: [{number: \"1\", display_name: \"a \\\"b\", max_participants: 3, max_duration: 1h30m, max_talkers: all, agc: false, noise_suppression: true, opus_complexity: 7, opus_bitrate: 64000,\n"+
		"    wait_for_host: true, on_last_host_leave: end, host_grace: 0s, lobby: true, lecture: false, mute_on_entry: true, allow_self_unmute: true,\n"+
		"    reserved_for_hosts: 0, warn_before: [2m], record_names: false, recording_content: both, recording_format: wav, recording_rule: with_host, recording_from: 0, keys: {lock: \"*##D\", end: \"\"}}, {number: \"*2\"}]}\nstore: {url: \"nats://a:1,tls://b\"}\n"+
		"trace: {calls: 0, hep: \"h:9060\", hep_id: 7}\nlog: {level: debug, format: json}\n"), noEnv)
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
	f.Add([]byte(trunksYAML))
	f.Add([]byte("sip: {trunks: [{users: [a], name: {b: c}}, 1, [2]], listen: [{url: 1}, {}]}"))
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

func TestAVoiceMayBeBuiltInOrAFolder(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "fr-claire"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, voice := range []string{"en", "de", "de-anna", "fr-claire"} {
		got, err := Parse("c.yaml", []byte("sounds: {folder: "+dir+", voice: "+voice+", longest: 90s, cache: 1GiB, urls: [\"https://a.example/b\"], url_max_bytes: 1MiB, url_timeout: 5s}\n"), noEnv)
		if err != nil {
			t.Errorf("%s: got %v, want no fault", voice, err)
		}
		want := Sounds{
			Folder: dir, Voice: voice, Longest: 90 * time.Second, CacheBytes: 1 << 30,
			URLs: []string{"https://a.example/b"}, URLBytes: 1 << 20, URLTimeout: 5 * time.Second,
		}
		if !cmp.Equal(got.Sounds, want) {
			t.Errorf("got %+v, want %+v", got.Sounds, want)
		}
	}
}
