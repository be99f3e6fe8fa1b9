#!/bin/bash
# run.sh: loads the signalling of bin/confbridge in each of its ways and prints what came of it, a line of JSON each, also to
# bench/results/DATE-COMMIT-signal.jsonl, and as a table to docs/benchmarks.md. It takes about twelve minutes. The names of the runs are those of goals.go.
# Everything is on loopback, bounded in time, and ended by its process id.
set -euo pipefail
cd "$(dirname "$0")/../.."
dir=$(mktemp -d)
bridge=
cleanup() {
  [ -z "$bridge" ] || kill "$bridge" 2>/dev/null || true
  rm -rf "$dir"
}
trap cleanup EXIT
go build -o "$dir/" ./bench/signal ./bench/load
out=bench/results/$(date -u +%Y-%m-%d)-$(git rev-parse --short HEAD)-signal.jsonl
"$dir/signal" machine | tee "$out"

# start LIMITS: a bridge with these limits on the ports that bench/load uses too.
start() {
  cat >"$dir/c.yaml" <<YAML
sip: {listen: ["udp://127.0.0.1:10560", "tcp://127.0.0.1:10560", "tls://127.0.0.1:10561"], limits: {$1}}
media: {ports: 12000-39999}
api: {grpc: "127.0.0.1:10551", http: "127.0.0.1:10580"}
data_dir: $dir/data
log: {level: error}
YAML
  setsid bin/confbridge serve --config "$dir/c.yaml" >/dev/null &
  bridge=$!
  # Precedence over other work, as the load gives itself where it may.
  { renice -n -10 -p "$bridge" && echo -10 >"/proc/$bridge/autogroup"; } >/dev/null 2>&1 || true
  for _ in $(seq 100); do
    curl -sf http://127.0.0.1:10580/readyz >/dev/null && return
    sleep 0.1
  done
  echo "run.sh: the bridge is not ready" >&2
  exit 1
}

stop() {
  kill "$bridge"
  wait "$bridge"
  bridge=
}

# say NAME COMMAND...: one run.
say() {
  local name=$1
  shift
  "$@" | sed "s/^{/{\"name\":\"$name\",/" | tee -a "$out"
}

open="half_open: 100000, half_open_per_source: 100000"

start ""
say "100 calls a second" "$dir/signal" calls --rate 100 --for 15s --pid "$bridge"
say "500 calls a second" "$dir/signal" calls --rate 500 --for 30s --pid "$bridge"
say "500 calls a second, of SIPp" "$dir/signal" sipp --rate 500 --for 30s --hold 100ms --pid "$bridge"
stop
# From ten addresses, so that it is the bridge that is at its limit, and not one source at that of sources; for longer than a transaction lives, so
# that what is called sustained has their memory too.
start ""
say "the highest rate in full" "$dir/signal" able --rate 500 --for 35s --sources 10 --pid "$bridge"
able=$(tail -1 "$out" | sed 's/.*"rate":\([0-9]*\).*/\1/')
[ "$able" -gt 0 ] || { echo "run.sh: not even a few calls are answered in full: the machine is busy otherwise" >&2; exit 1; }
sleep 35 # transactions live for 32 s (RFC 3261 §17.2)
say "three times that" "$dir/signal" calls --rate $((3 * able)) --for 60s --sources 10 --pid "$bridge"
sleep 60 # the memory of what was is given back
say "a minute later" "$dir/signal" calls --rate 100 --for 5s --pid "$bridge"
stop
start "$open"
say "2000 answered, never acknowledged" "$dir/signal" unacked --rate 500 --calls 2000 --for 10s --pid "$bridge"
stop
for calls in 2000 10000; do
  start "$open"
  say "$calls refused, never acknowledged" "$dir/signal" unacked --rate 800 --calls "$calls" --for 20s --room %20 --pid "$bridge"
  stop
done
start "connections: 6000, requests_per_second: 100000"
say "5000 idle TCP connections" "$dir/signal" idle --calls 5000 --for 5s --pid "$bridge"
stop
start "connections: 6000, requests_per_second: 100000"
say "1000 idle TLS connections" "$dir/signal" idle --tls --to 127.0.0.1:10561 --calls 1000 --for 5s --pid "$bridge"
stop
start ""
say "5000 requests at once on one connection" "$dir/signal" pipelined --calls 5000 --for 30s --pid "$bridge"
say "OPTIONS, 800 a second" "$dir/signal" flood --rate 800 --for 5s --pid "$bridge"
sleep 3 # the source's bucket is full again
say "OPTIONS, 20000 a second" "$dir/signal" flood --rate 20000 --for 8s --pid "$bridge"
stop

# ten NAME: ten calls with sound.
ten() {
  "$dir/load" --name "$1" --server bin/confbridge --legs 10 --rooms 1 --talkers 2 --for 12s --rate 50 --out "$dir/load.json" >/dev/null
}

# keep writes what ten has measured.
keep() {
  tr -d '\n' <"$dir/load.json" | sed 's/  */ /g' | tee -a "$out"
  echo | tee -a "$out"
}

ten "ten calls"
keep
ten "ten calls under that flood" &
load=$!
sleep 6
"$dir/signal" flood --rate 20000 --for 8s >/dev/null
wait "$load"
keep
"$dir/signal" table "$out" docs/benchmarks.md
