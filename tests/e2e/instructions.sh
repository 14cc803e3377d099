#!/bin/sh
# What a call costs, or a message of a stream, in instructions, beside the raw C core: within a few % of what
# tests/bench/instructions.json keeps; of unary calls at most 5 % more, 10 % with all that is built in.
# On purpose: tests/bench/run.py instructions --write.
exec "$CSVC_SOURCE/tests/bench/run.py" instructions --check
