#!/usr/bin/env python3
"""make bench: ratios from one run, peers interleaved, best of several; never a verdict by the clock.

    tests/bench/run.py [SECTION...]             unary loops streams fan_out idle client start store codec
                                                generator instructions layers
    tests/bench/run.py all                      all of them, and writes docs/internals/performance-figures.md
    tests/bench/run.py instructions --check     compares with tests/bench/instructions.json
    tests/bench/run.py instructions --write     writes that file, on purpose

Without a section: all of them, without writing. Servers run on one CPU, their client on another; programs come from
build/bench (make bench builds them).
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import calls
from harness import BENCH, SOURCE, STAGE, Report
from instructions import instructions, layers

FIGURES = SOURCE / "docs/internals/performance-figures.md"
ROUNDS = 5


def best_time(*command, rounds=ROUNDS, stdin=None):
    best = None
    for _ in range(rounds):
        with open(stdin or os.devnull, "rb") as source:
            started = time.monotonic()
            subprocess.run([str(c) for c in command], stdin=source, stdout=subprocess.DEVNULL, check=True)
            spent = time.monotonic() - started
        best = spent if best is None else min(best, spent)
    return best


def big_proto(messages, rpcs):
    text = ["syntax = \"proto3\";", "package big;"]
    for i in range(messages):
        text.append(f"message M{i} {{ int64 id = 1; string name = 2; repeated int32 xs = 3; "
                    f"M{max(i - 1, 0)} other = 4; }}")
    for s in range(20):
        text.append(f"service S{s} {{")
        text += [f"  rpc Call{s}N{i}(M{i}) returns (M{i + 1});" for i in range(rpcs // 20)]
        text.append("}")
    return "\n".join(text) + "\n"


def generator(report):
    env = {**os.environ, "PATH": f"{STAGE}/bin:{os.environ['PATH']}"}
    folder = pathlib.Path(tempfile.mkdtemp())
    (folder / "big.proto").write_text(big_proto(10_000, 2_000))
    # a recorder in a plugin's place gives the very request
    recorder = folder / "protoc-gen-record"
    recorder.write_text("#!/bin/sh\ncat > request\n")
    recorder.chmod(0o755)
    subprocess.run(["protoc", f"--plugin={recorder}", "--record_out=.", "big.proto"], cwd=folder, check=True)
    request = folder / "request"
    ours = best_time(STAGE / "bin/protoc-gen-c-svc", stdin=request)
    theirs = best_time("protoc-gen-c", stdin=request)
    spent = []
    for i in range(ROUNDS):
        started = time.monotonic()
        subprocess.run(["c-svc", "new-service", f"user-service-{i}", "--proto", SOURCE / "samples/user/proto/user.proto"],
                       cwd=folder, env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        spent.append(time.monotonic() - started)
    report.table(f"the generator, best of {ROUNDS}", ("", "seconds"), [
        ("protoc-gen-c-svc, 10,000 messages, 2,000 rpcs", f"{ours:.2f}"), ("protoc-gen-c alone, which is in it", f"{theirs:.2f}"),
        ("c-svc new-service", f"{min(spent):.2f}")])
    shutil.rmtree(folder)


def program(name):
    def call(report):
        report.say(f"\n**{name}**\n\n```")
        report.say(subprocess.run([BENCH / name], check=True, stdout=subprocess.PIPE, text=True).stdout.rstrip())
        report.say("```")
    return call


SECTIONS = {"unary": calls.unary, "loops": calls.loops, "streams": calls.streams, "fan_out": calls.fan_out, "idle": calls.idle,
            "client": calls.client, "start": calls.start,
            "store": program("store_bench"), "codec": program("codec_bench"), "generator": generator,
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
