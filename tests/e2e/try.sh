#!/bin/sh
# make try, as a user would run it, from the stage.
set -eu
"$CSVC_SOURCE/samples/try.sh" "$CSVC_STAGE" "$PWD/try" > out 2>&1 || { cat out; exit 1; }
grep -q '"username": "ada"' out || { cat out; echo 'no JSON of ada'; exit 1; }
grep -q 'Ada King' out || { cat out; echo 'the update did not show'; exit 1; }
grep -q 'Next' out || { cat out; echo 'it does not say what to type next'; exit 1; }
