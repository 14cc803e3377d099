#!/bin/sh
# What a call costs, or a message of a stream, in instructions, on each transport beside the same work straight on the
# library below it: within a few % of what tests/bench/instructions.json keeps; of unary calls on the C core at most 5 %
# more, 10 % with all that is built in, on nghttp2, which takes a third of it, 25 % and 30 %.
# On purpose: tests/bench/run.py instructions --write.
exec "$CSVC_SOURCE/tests/bench/run.py" instructions --check
