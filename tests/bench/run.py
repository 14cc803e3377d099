#!/usr/bin/env python3
"""make bench: ratios from one run, peers interleaved, best of several; never a verdict by the clock.

    tests/bench/run.py [SECTION...]             unary loops streams fan_out idle client start store codec
                                                generator update instructions layers
    tests/bench/run.py all                      all of them, and writes docs/internals/performance-figures.md
    tests/bench/run.py instructions --check     compares with tests/bench/instructions.json
    tests/bench/run.py instructions --write     writes that file, on purpose

Without a section: all of them, without writing. Servers run on one CPU, their client on another; programs come from
build/bench (make bench builds them).
"""
import pathlib
import subprocess
import sys
import time

import calls
import projects
from generator import generator
from harness import BENCH, SOURCE, Report
from instructions import instructions, layers

FIGURES = SOURCE / "docs/internals/performance-figures.md"


def program(name):
    def call(report):
        report.say(f"\n**{name}**\n\n```")
        report.say(subprocess.run([BENCH / name], check=True, stdout=subprocess.PIPE, text=True).stdout.rstrip())
        report.say("```")
    return call


SECTIONS = {"unary": calls.unary, "loops": calls.loops, "streams": calls.streams, "fan_out": calls.fan_out, "idle": calls.idle,
            "client": calls.client, "start": calls.start,
            "store": program("store_bench"), "codec": program("codec_bench"), "generator": generator, "update": projects.update,
            "instructions": instructions, "layers": layers}


def write_figures(report):
    models = [line.split(":", 1)[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
              if line.startswith("model name")]
    FIGURES.write_text("# Figures\n\nWritten by `tests/bench/run.py all`, not by hand: " + time.strftime("%Y-%m-%d") +
                       f", {len(models)} CPUs ({models[0] if models else 'unknown'}), the server on one, its client on\n"
                       "another. Rounds are interleaved, the best of each counts; what matters is how the rows of a table compare.\n"
                       + "\n".join(report.lines) + "\n")


def main():
    names = [a for a in sys.argv[1:] if not a.startswith("--")]
    flags = [a for a in sys.argv[1:] if a.startswith("--")]
    report = Report()
    if flags and names[:1] == ["instructions"]:
        return instructions(report, flags[0], names[1:])
    for name in names:
        if name not in [*SECTIONS, "all"]:
            raise SystemExit(__doc__)
    for name in SECTIONS if not names or "all" in names else names:
        SECTIONS[name](report)
    if "all" in names:
        write_figures(report)
    return 0


if __name__ == "__main__":
    sys.exit(main())
