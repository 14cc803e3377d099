#!/bin/sh
# generator/pb and runtime/std/pb are what the plugin itself makes of descriptor.proto, plugin.proto, the options, and of the
# protocols of health and reflection. `--write` puts them there.
set -eu

# The folder that is checked in; the folders of protos; the files.
make_set() {
    place=$1
    includes=$2
    shift 2
    mkdir -p "out/$place"
    # shellcheck disable=SC2086
    protoc --plugin="$CSVC_STAGE/bin/protoc-gen-c-svc" --c-svc_out="c_package=csvc_pb:out/$place" $includes "$@"
}
make_set generator/pb "-I$CSVC_SOURCE/runtime/proto -I$CSVC_SOURCE/generator/pb -I/usr/include" \
    google/protobuf/descriptor.proto google/protobuf/compiler/plugin.proto c_svc/options.proto pb_c/options.proto
make_set runtime/std/pb "-I$CSVC_SOURCE/runtime/std/proto" grpc/health/v1/health.proto grpc/reflection/v1/reflection.proto

# v1alpha is v1 by another name: its messages would have the same C names, and only its descriptor is wanted.
mkdir alpha
protoc --plugin="$CSVC_STAGE/bin/protoc-gen-c-svc" --c-svc_out=c_package=csvc_pb.alpha:alpha -I"$CSVC_SOURCE/runtime/std/proto" \
    grpc/reflection/v1alpha/reflection.proto
mkdir -p out/runtime/std/pb/grpc/reflection/v1alpha
cp alpha/grpc/reflection/v1alpha/* out/runtime/std/pb/grpc/reflection/v1alpha/

cd out
if [ "${1:-}" = --write ]; then
    cp -r . "$CSVC_SOURCE/"
    exit 0
fi
find . -type f | sed 's,^\./,,' | sort > ../emitted
(cd "$CSVC_SOURCE" && git ls-files -- 'generator/pb/*.c' 'generator/pb/*.h' 'runtime/std/pb/*.c' 'runtime/std/pb/*.h' | sort) > ../checked-in
diff ../checked-in ../emitted || { echo 'the list of files differs; run: tests/e2e/bootstrap.sh --write'; exit 1; }
while read -r f; do
    diff -u "$CSVC_SOURCE/$f" "$f" || { echo 'run: tests/e2e/bootstrap.sh --write'; exit 1; }
done < ../emitted
