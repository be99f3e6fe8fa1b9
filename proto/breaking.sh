#!/bin/sh
# Checks that the .proto files break nobody who uses those on the main branch. Needs no network. Run from the top of
# the repository: proto/breaking.sh [git ref]; without a ref origin/main, or main where there is no origin.
set -eu

ref=${1:-}
if [ -z "$ref" ]; then
	for ref in origin/main main; do
		git rev-parse --quiet --verify "$ref^{commit}" >/dev/null && break
		ref=
	done
fi
if [ -z "$ref" ] || ! git cat-file -e "$ref:proto/buf.yaml" 2>/dev/null; then
	echo "proto/breaking.sh: no earlier proto/ on ${ref:-main}: nothing to break"
	exit 0
fi

before=$(mktemp -d)
trap 'rm -rf "$before"' EXIT
git archive "$ref" proto | tar -x -C "$before"
go tool -modfile=internal/tools/go.mod buf breaking proto --against "$before/proto"
echo "proto/breaking.sh: nothing broken since $ref ($(git rev-parse --short "$ref"))"
