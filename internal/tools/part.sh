#!/bin/bash
# part.sh PARTS: every PARTS-th of the lines that it reads; which ones goes by the commit's hash, so that in some commits all have had their turn.
set -euo pipefail
parts=${1:-1}
case "$parts" in
  ''|*[!0-9]*|0) echo "part.sh: $parts is not a number of parts" >&2; exit 2 ;;
esac
hash=$(git rev-parse HEAD)
awk -v turn=$((16#${hash:0:6})) -v parts="$parts" '(NR + turn) % parts == 0'
