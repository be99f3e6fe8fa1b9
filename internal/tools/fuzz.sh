#!/bin/bash
# fuzz.sh TIME: runs each fuzz target of the module for TIME, one after the other.
set -euo pipefail
time=${1:-10s}
found=0
for dir in $(git ls-files '*_test.go' | xargs grep -lE '^func Fuzz' | xargs -n1 dirname | sort -u); do
  for target in $(grep -hoE '^func Fuzz[A-Za-z0-9_]+' "$dir"/*_test.go | awk '{print $2}' | sort -u); do
    found=$((found + 1))
    echo "fuzz $dir $target"
    go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "./$dir" | grep -vE '^fuzz: elapsed' || exit 1
  done
done
[ "$found" -gt 0 ] || { echo "no fuzz target found" >&2; exit 1; }
echo "$found fuzz targets, $time each"
