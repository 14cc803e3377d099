#!/bin/sh
# What a call costs, in instructions: within 3 % of what tests/bench/instructions.json keeps, and at most 5 % over the raw
# C core. On purpose: tests/bench/run.py instructions --write.
exec "$CSVC_SOURCE/tests/bench/run.py" instructions --check
