#!/bin/sh
# generator/pb is what the plugin itself makes of descriptor.proto, plugin.proto and the options. `--write` puts it there.
set -eu
mkdir out
protoc --plugin="$CSVC_STAGE/bin/protoc-gen-c-svc" --c-svc_out=c_package=csvc_pb:out \
    -I"$CSVC_SOURCE/runtime/proto" -I"$CSVC_SOURCE/generator/pb" -I/usr/include \
    google/protobuf/descriptor.proto google/protobuf/compiler/plugin.proto c_svc/options.proto pb_c/options.proto
cd out
if [ "${1:-}" = --write ]; then
    cp -r . "$CSVC_SOURCE/generator/pb/"
    exit 0
fi
find . -type f | sort > ../emitted
(cd "$CSVC_SOURCE/generator/pb" && git ls-files -- '*.c' '*.h' | sed 's,^,./,' | sort) > ../checked-in
diff ../checked-in ../emitted || { echo 'the list of files differs; run: tests/e2e/bootstrap.sh --write'; exit 1; }
while read -r f; do
    diff -u "$CSVC_SOURCE/generator/pb/$f" "$f" || { echo 'run: tests/e2e/bootstrap.sh --write'; exit 1; }
done < ../emitted
