#!/bin/bash
# run.sh [RATE]: loads the signalling of bin/confbridge in each of its ways and prints what came of it, a line of JSON each, also to
# bench/results/DATE-COMMIT-signal.jsonl. RATE is the calls a second that this machine can serve (1000), of which three times is offered.
# Everything is on loopback, bounded in time, and ended by its process id.
set -euo pipefail
cd "$(dirname "$0")/../.."
rate=${1:-1000}
dir=$(mktemp -d)
bridge=
cleanup() {
  [ -z "$bridge" ] || kill "$bridge" 2>/dev/null || true
  rm -rf "$dir"
}
trap cleanup EXIT
go build -o "$dir/" ./bench/signal ./bench/load
out=bench/results/$(date -u +%Y-%m-%d)-$(git rev-parse --short HEAD)-signal.jsonl
: >"$out"

# start LIMITS: a bridge with these limits on the ports that bench/load uses too.
start() {
  cat >"$dir/c.yaml" <<YAML
sip: {listen: ["udp://127.0.0.1:10560", "tcp://127.0.0.1:10560", "tls://127.0.0.1:10561"], limits: {$1}}
media: {ports: 12000-39999}
api: {grpc: "127.0.0.1:10551", http: "127.0.0.1:10580"}
data_dir: $dir/data
log: {level: error}
YAML
  bin/confbridge serve --config "$dir/c.yaml" >/dev/null &
  bridge=$!
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

start ""
say "100 calls a second" "$dir/signal" calls --rate 100 --for 15s --pid "$bridge"
say "500 calls a second" "$dir/signal" calls --rate 500 --for 30s --pid "$bridge"
say "$rate calls a second" "$dir/signal" calls --rate "$rate" --for 20s --pid "$bridge"
say "three times $rate" "$dir/signal" calls --rate $((3 * rate)) --for 60s --pid "$bridge"
sleep 60 # transactions live for 32 s (RFC 3261 §17.2), and the memory of what was is given back
say "a minute later" "$dir/signal" calls --rate 100 --for 5s --pid "$bridge"
stop
start "half_open: 100000, half_open_per_source: 100000"
say "2000 answered, never acknowledged" "$dir/signal" unacked --rate 500 --calls 2000 --for 10s --pid "$bridge"
stop
start ""
say "10000 refused, never acknowledged" "$dir/signal" unacked --rate 800 --calls 10000 --for 20s --room %20 --pid "$bridge"
stop
start "connections: 6000, requests_per_second: 100000"
say "5000 idle connections" "$dir/signal" idle --calls 5000 --for 5s --pid "$bridge"
stop

"$dir/load" --name "ten calls under that flood" --server bin/confbridge --legs 10 --rooms 1 --talkers 2 --for 12s --rate 50 --out "$dir/load.json" >/dev/null &
load=$!
sleep 6
say "OPTIONS, 20000 a second" "$dir/signal" flood --rate 20000 --for 8s
wait "$load"
tr -d '\n' <"$dir/load.json" | sed 's/  */ /g' | tee -a "$out"
echo | tee -a "$out"
