#!/bin/sh
# Style: clang-format, the layer rule over #include, banned functions, comments, whitespace.
set -u
cd "$CSVC_SOURCE" || exit 1
failed=0
passed=0
verdict() { # name, status
    if [ "$2" = 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "style: $1"
    fi
}

# Ours: not protoc-gen-c's output, not golden output, not what our own templates make.
ours() {
    git ls-files -- "$@" | grep -v -E '^samples/[^/]*/gen/|\.pb-c\.[ch]$|^generator/pb/|^runtime/std/pb/|^tests/(golden|past)/' |
        while read -r f; do [ -f "$f" ] && echo "$f"; done
}

if [ "${1:-}" = --ours ]; then
    shift
    ours "$@"
    exit
fi

ours '*.c' '*.h' | xargs clang-format-14 --dry-run --Werror
verdict "clang-format (make format mends it)" $?

tests/tools/layers.py
verdict "layer rule over #include" $?

# Every source of the library and the generator ends its includes with the list of banned functions.
without=$(ours 'runtime/*.c' 'generator/*.c' | grep -v -E '^runtime/base/alloc\.c$|^generator/tools/' |
    xargs grep -LE '[<"]base/banned\.h[>"]')
[ -z "$without" ]
verdict "no base/banned.h in: $without" $?

slashes=$(ours '*.c' '*.h' | xargs grep -nE '^[[:space:]]*//' )
[ -z "$slashes" ]
verdict "comments are /* */: $slashes" $?

long=$(ours '*.c' '*.h' | xargs wc -l | awk '$2 != "total" && $1 > 1000 {print $2 " (" $1 ")"}')
[ -z "$long" ]
verdict "files of more than 1,000 lines: $long" $?

blanks=$(git ls-files | grep -v -E '^tests/(golden|past|fuzz/corpus|protos)/|\.pb(-c\.[ch])?$' | xargs grep -lI -E '[[:blank:]]+$' 2>/dev/null | grep -v -E '\.md$')
[ -z "$blanks" ]
verdict "trailing blanks in: $blanks" $?

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
