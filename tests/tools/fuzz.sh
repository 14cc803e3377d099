#!/bin/sh
# Each fuzz target over its kept corpus, then on for FUZZ_SECONDS; a crash, a leak or a slow input fails and is shown.
# FUZZ_SEED other than 0 tries the same inputs every time, so that what passed once passes again.
set -u
passed=0
failed=0
for source in "$CSVC_SOURCE"/tests/fuzz/*_fuzz.c; do
    name=$(basename "$source" _fuzz.c)
    kept="$CSVC_SOURCE/tests/fuzz/corpus/$name"
    mkdir -p "new/$name"
    if [ ! -d "$kept" ] || [ -z "$(ls "$kept")" ]; then
        echo "$name: no kept corpus in tests/fuzz/corpus/$name"
        failed=$((failed + 1))
    elif "$CSVC_BUILD/fuzz/$name" -seed="$FUZZ_SEED" -max_total_time="$FUZZ_SECONDS" -timeout=20 -rss_limit_mb=2048 \
        -print_final_stats=0 -verbosity=0 -artifact_prefix="new/$name-" "new/$name" "$kept" > "new/$name.log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        # the input last: whoever shows only an end of this shows it
        echo "$name:"
        grep -v '^0x' "new/$name.log" | tail -n 30 | cut -c1-300
        for f in "new/$name-"*; do [ -f "$f" ] && { echo "$f:"; base64 "$f"; }; done
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
