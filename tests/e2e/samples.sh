#!/bin/sh
# The samples are what the programs emit: not a byte differs.
set -eu
mkdir out
"$CSVC_SOURCE/samples/regenerate.sh" "$CSVC_STAGE" out
cd "$CSVC_SOURCE/samples"
git ls-files user | while read -r f; do [ -f "$f" ] && echo "$f"; done | sort > "$OLDPWD/checked-in"
cd "$OLDPWD/out"
find user -type f | sort > ../emitted
diff ../checked-in ../emitted || { echo 'the list of files differs; run: make samples'; exit 1; }
while read -r f; do
    diff -u "$CSVC_SOURCE/samples/$f" "$f" || { echo 'run: make samples'; exit 1; }
done < ../emitted
