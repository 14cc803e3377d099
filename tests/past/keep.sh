#!/bin/sh
# Keeps what today's c-svc makes of the sample, for tests/e2e/update_past.py: run it before each release, and whenever templates changed a lot.
#   tests/past/keep.sh STAGE [NAME]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
stage=${1:?the folder of the built c-svc, build/stage}
name=${2:-$(date +%Y-%m-%d)}
[ ! -e "$here/$name" ] || { echo "$here/$name is there already" >&2; exit 1; }
"$stage/bin/c-svc" new-service user-service --proto "$here/../../samples/user/proto/user.proto" --dir "$here/$name"
