#!/usr/bin/env bash
# Makes the samples again from their protos: `make samples`. A sample is what c-svc emits, untouched.
#   samples/regenerate.sh STAGE FOLDER      writes the samples below FOLDER
set -euo pipefail
stage=$1
out=$(cd "$2" && pwd)
samples=$(cd "$(dirname "$0")" && pwd)
export PATH="$stage/bin:$PATH"
new=$(mktemp -d)
trap 'rm -rf "$new"' EXIT

c-svc new-service user-service --proto "$samples/user/proto/user.proto" --dir "$new/user" > "$new/log" 2>&1 || {
    cat "$new/log" >&2
    exit 1
}

for sample in user; do
    rm -rf "${out:?}/$sample"
    cp -R "$new/$sample" "$out/$sample"
done
