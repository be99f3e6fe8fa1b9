#!/bin/bash
# fuzz.sh TIME [PARTS]: runs each fuzz target of the module for TIME (10s, 10m), one after the other. With PARTS it runs those of every PARTS-th package;
# which ones goes by the commit's hash, so that in some commits all have had their turn. (Their seeds are run by every `go test`.)
#
# Runs are bounded by count, in rounds until TIME is over: a run bounded by time fails without a finding when its time is up while
# its workers are busy ("context deadline exceeded", golang.org/issue/75804, in the toolchain up to Go 1.26).
set -euo pipefail
time=${1:-10s}
parts=${2:-1}
case "$time" in
  *m) seconds=$((${time%m} * 60)) ;;
  *s) seconds=${time%s} ;;
  *) echo "fuzz.sh: $time is neither seconds (10s) nor minutes (10m)" >&2; exit 2 ;;
esac
bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
corpus=$(go env GOCACHE)/fuzz
module=$(go list -m)
found=0

now() { date +%s%3N; }

# fuzz DIR TARGET: rounds of as many runs as the round before says will fill what is left. The first is small: targets differ by a
# factor of 100.
fuzz() {
  local end=$(($(now) + seconds * 1000)) runs=1000 all=0 start took left
  while left=$((end - $(now))) && [ $left -gt 0 ]; do
    start=$(now)
    (cd "$1" && "$bin/test" -test.run '^$' -test.fuzz "^$2\$" -test.fuzztime "${runs}x" -test.fuzzcachedir "$corpus/$module/$1") \
      >"$bin/out" 2>&1 || { grep -vE '^fuzz: elapsed' "$bin/out"; return 1; }
    took=$(($(now) - start))
    all=$((all + runs))
    left=$((end - $(now)))
    [ $left -gt 0 ] || break
    runs=$((runs * left / (took + 1)))
    # what a round needs to start is more than a few runs of it
    [ $runs -ge 500 ] || runs=500
    [ $runs -le $((all * 20)) ] || runs=$((all * 20))
  done
  echo "  $all runs"
}

for dir in $(git ls-files '*_test.go' | xargs grep -lE '^func Fuzz' | xargs -n1 dirname | sort -u | "$(dirname "$0")/part.sh" "$parts"); do
  go test -c -fuzz=. -o "$bin/test" "./$dir"
  for target in $(grep -hoE '^func Fuzz[A-Za-z0-9_]+' "$dir"/*_test.go | awk '{print $2}' | sort -u); do
    found=$((found + 1))
    echo "fuzz $dir $target"
    fuzz "$dir" "$target"
  done
done
[ "$found" -gt 0 ] || { echo "no fuzz target found" >&2; exit 1; }
echo "$found fuzz targets, $time each$([ "$parts" -eq 1 ] || echo "; those of one package in $parts")"
