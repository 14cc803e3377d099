#!/bin/sh
# Writes tests/golden/gen anew with the programs of a stage:   tests/golden/regenerate.sh build/stage [DIR]
# Only our own files are kept: what protoc-gen-c makes of a message is its business, and stores have tests of their own.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
stage=$(cd "$1" && pwd)
out=${2:-$here/gen}
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
cd "$here/proto"
find . -name '*.proto' ! -path ./acme/options.proto | sed 's|^\./||' | LC_ALL=C sort > "$made/protos"
# shellcheck disable=SC2046 # names without blanks, one a line
protoc -I. --plugin="$stage/bin/protoc-gen-c-svc" --c-svc_out="$made" $(cat "$made/protos")
cd "$made"
rm -rf "$out"
find . -name '*.csvc.[ch]' | sed 's|^\./||' | while read -r f; do
    mkdir -p "$out/$(dirname "$f")"
    cp "$f" "$out/$f"
done
