#!/bin/sh
# The sets of tests/golden: as they are kept, twice the same, clean under every compiler and standard, and they work.
set -eu
golden=$CSVC_SOURCE/tests/golden
protos='user.proto empty.proto kinds.proto legacy.proto shop.proto acme/types.proto acme/notes.proto'

"$golden/regenerate.sh" "$CSVC_STAGE" "$PWD/once"
"$golden/regenerate.sh" "$CSVC_STAGE" "$PWD/twice"
diff -r once twice || { echo 'two runs differ'; exit 1; }
diff -ru "$golden/gen" once || { echo 'when this is meant: tests/golden/regenerate.sh STAGE'; exit 1; }

# protoc-gen-c's files beside ours.
mkdir on off types
# shellcheck disable=SC2086
protoc -I"$golden/proto" --plugin="$CSVC_STAGE/bin/protoc-gen-c-svc" --c-svc_out=on $protos
find on -name '*.csvc.[ch]' | sed 's|^on/||' | while read -r f; do cmp "on/$f" "once/$f"; done
for f in $protos; do
    for ending in pb-c.h pb-c.c csvc.h csvc.c; do
        [ -s "on/${f%.proto}.$ending" ] || { echo "no ${f%.proto}.$ending"; exit 1; }
    done
done

# With messages=off: ours alone, and the same. kinds.proto has a field `base`, which only our own request to protoc-gen-c
# makes room for, so it is refused.
# shellcheck disable=SC2046
protoc -I"$golden/proto" --plugin="$CSVC_STAGE/bin/protoc-gen-c-svc" --c-svc_out=messages=off:off \
    $(printf '%s\n' $protos | grep -v kinds)
if find off -name '*.pb-c.*' | grep .; then exit 1; fi
find off -name '*.csvc.[ch]' | sed 's|^off/||' | while read -r f; do cmp "off/$f" "once/$f"; done
if protoc -I"$golden/proto" --plugin="$CSVC_STAGE/bin/protoc-gen-c-svc" --c-svc_out=messages=off:off kinds.proto 2> refused; then
    echo 'a field called base went through'
    exit 1
fi
grep -q '^kinds.proto:[0-9]*:[0-9]*: error: ' refused

# An imported file that only options use is part of the set, down to descriptor.proto, and its header is not asked for.
mkdir options
cat > only_options.proto <<'END'
syntax = "proto3";
package only;
import "acme/options.proto";
message M {}
service S { rpc R(M) returns (M) { option (acme.audience) = "all"; } }
END
protoc -I. -I"$golden/proto" --plugin="$CSVC_STAGE/bin/protoc-gen-c-svc" --c-svc_out=options only_options.proto
grep -q '^static const csvc_file acme__options__embedded = {' options/only_options.csvc.c
grep -q '^static const csvc_file google__protobuf__descriptor__embedded = {' options/only_options.csvc.c
grep -q '^    &acme__options__embedded,' options/only_options.csvc.c
if grep -E 'include.*(acme|google)' options/only_options.*; then exit 1; fi

base="-I$CSVC_STAGE/include $(pkg-config --cflags libprotobuf-c)"
wkt=$CSVC_STAGE/include/csvc-wkt
warnings='-Wall -Wextra -Wpedantic -Werror -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wwrite-strings -Wundef'

# Messages of another making (messages=off), in a folder of their own.
mkdir pb
for f in $protos; do
    mkdir -p "pb/$(dirname "$f")"
    cp "on/${f%.proto}.pb-c.h" "pb/${f%.proto}.pb-c.h"
done

compile_all() { # what
    if [ -z "${CSVC_SAN:-}" ]; then
        for c in $(cd once && find . -name '*.csvc.c') ; do
            for cc in gcc clang-14; do
                # protobuf-c's headers are not C99 where there is a oneof, so they are the system's here
                # shellcheck disable=SC2086
                $cc -std=c99 $warnings -Ionce -isystem pb -isystem "$wkt" $base -c -o c.o "once/$c"
                # shellcheck disable=SC2086
                $cc -std=c11 $warnings -Ion -I"$wkt" $base -c -o c.o "on/$c"
            done
        done
        for h in $(cd once && find . -name '*.csvc.h' | sed 's|^\./||'); do
            printf '#include "%s"\n#include "%s"\nint main(void) { return 0; }\n' "$h" "$h" > h.cc
            for standard in c++11 c++17; do
                # shellcheck disable=SC2086
                g++ -std=$standard -Wall -Wextra -Wpedantic -Werror -Ion -I"$wkt" $base -c -o h.o h.cc
                # shellcheck disable=SC2086
                clang++-14 -std=$standard -Wall -Wextra -Wpedantic -Werror -Ion -I"$wkt" $base -c -o h.o h.cc
            done
        done
        cat > init.cc <<'END'
#include "user.csvc.h"
int main() { return user_service_ops_init().struct_size == sizeof(user_service_ops) ? 0 : 1; }
END
        # shellcheck disable=SC2086
        g++ -std=c++11 -Wall -Wextra -Wpedantic -Werror -Ion -I"$wkt" $base -o init init.cc
        ./init
    fi
}
compile_all

# Linked and run.
sed -n 's/^extern const csvc_message_type \(.*\);/\&\1,/p' on/*.csvc.h on/acme/*.csvc.h > types/types.h
san=${CSVC_SAN:+-fsanitize=$CSVC_SAN}
objects=
for c in $(find on options -name '*.c') "$golden/check.c"; do
    o=$(echo "$c" | tr / _).o
    case $c in
    *.pb-c.c) strict= ;; # not ours
    *) strict=$warnings ;;
    esac
    # shellcheck disable=SC2086
    gcc -std=c11 -D_POSIX_C_SOURCE=200809L -g $strict $san -Itypes -Ion -Ioptions -I"$wkt" $base -c -o "$o" "$c"
    objects="$objects $o"
done
# shellcheck disable=SC2086,SC2046
gcc -pthread $san -o check $objects "$CSVC_STAGE/lib/libcsvc-wkt.a" "$CSVC_STAGE/lib/libcsvc.a" \
    $(pkg-config --libs libprotobuf-c zlib) -lm
./check
