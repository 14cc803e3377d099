#!/usr/bin/env python3
"""make bench: ratios from one run, peers interleaved, best of five; never a verdict by the clock.

    tests/bench/run.py [unary] [store] [codec] [generator] [instructions]     (default: all)
    tests/bench/run.py instructions --check     compares with tests/bench/instructions.json, within 3 %
    tests/bench/run.py instructions --write     writes that file, on purpose

Servers run on one CPU, their client on another; programs come from build/bench (make bench builds them).
"""
import json
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("CSVC_BUILD", SOURCE / "build"))
STAGE = BUILD / "stage"
BENCH = BUILD / "bench"
KEPT = pathlib.Path(__file__).with_name("instructions.json")
ROUNDS = 5
TOLERANCE = 0.03

CPUS = sorted(os.sched_getaffinity(0))
SERVER_CPU, CLIENT_CPU = CPUS[0], CPUS[-1]


def pinned(cpu, *command):
    return ["taskset", "-c", str(cpu), *map(str, command)]


class Server:
    """A bench server on its CPU; prints `listening PORT` when it is ready."""

    def __init__(self, *command, cpu=SERVER_CPU):
        self.process = subprocess.Popen(pinned(cpu, *command), stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        found = re.search(r"listening (\d+)", line)
        if not found:
            raise SystemExit(f"{command}: said {line!r} instead of its port")
        self.port = int(found.group(1))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(30)


def sum_request():
    """SumRequest{a: 3, b: 4}, framed: nine bytes."""
    message = bytes([0x08, 3, 0x10, 4])
    return b"\0" + struct.pack(">I", len(message)) + message


def h2load(port, connections, streams, calls, body):
    """Requests a second; every answer must be a 200 with a body."""
    out = subprocess.run(pinned(CLIENT_CPU, "h2load", "-n", calls, "-c", connections, "-m", streams, "-t", 1,
                                "-d", body, "-H", "content-type: application/grpc", "-H", "te: trailers",
                                f"http://127.0.0.1:{port}/bench.Calc/Sum"),
                         stdout=subprocess.PIPE, text=True, check=True, timeout=300).stdout
    ok = int(re.search(r"(\d+) succeeded", out).group(1))
    if ok != calls:
        raise SystemExit(f"h2load: {ok} of {calls} succeeded\n{out}")
    return float(re.search(r"finished in [\d.]+\w+, ([\d.]+) req/s", out).group(1))


def unary():
    print("unary sum, requests/s, best of", ROUNDS)
    peers = {"raw C core": [BENCH / "raw_server"], "c-svc inline": [BENCH / "csvc_server", "--inline"],
             "c-svc pool": [BENCH / "csvc_server", "--pool"]}
    with tempfile.NamedTemporaryFile() as body:
        body.write(sum_request())
        body.flush()
        for connections, streams in ((8, 32), (64, 1)):
            best = dict.fromkeys(peers, 0.0)
            for _ in range(ROUNDS):
                for name, command in peers.items():
                    with Server(*command) as server:
                        h2load(server.port, connections, streams, 5000, body.name)
                        best[name] = max(best[name], h2load(server.port, connections, streams, 100_000, body.name))
            raw = best["raw C core"]
            for name, rate in best.items():
                print(f"  {connections:>2} x {streams:<2}  {name:<14}{rate:>10,.0f}/s   {rate / raw:.2f} of raw")


def instructions_of(command, few=2000, many=12000):
    """Instructions a call: the difference between two runs under callgrind that differ in the number of calls."""
    totals = []
    with tempfile.TemporaryDirectory() as folder, tempfile.NamedTemporaryFile() as body:
        body.write(sum_request())
        body.flush()
        for calls in (few, many):
            out = pathlib.Path(folder) / f"callgrind.{calls}"
            with Server("valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={out}", *command) as server:
                h2load(server.port, 8, 32, calls, body.name)
            totals.append(sum(int(n) for n in re.findall(r"^(?:summary|totals): (\d+)", out.read_text(), re.M)[:1]))
    return (totals[1] - totals[0]) / (many - few)


def instructions(mode=None):
    print("instructions a call (callgrind), unary sum, 8 x 32")
    got = {"raw": instructions_of([BENCH / "raw_server"]),
           "inline": instructions_of([BENCH / "csvc_server", "--inline"]),
           "built_in": instructions_of([BENCH / "csvc_server", "--inline", "--built-in"])}
    ratio = {k: v / got["raw"] for k, v in got.items()}
    print(f"  raw C core   {got['raw']:>10,.0f}\n  c-svc inline {got['inline']:>10,.0f}   {ratio['inline']:.3f} of raw\n"
          f"  the same with metrics, logging, limits {got['built_in']:>10,.0f}   {ratio['built_in']:.3f} of raw")
    if mode == "--write":
        KEPT.write_text(json.dumps({k: round(v) for k, v in got.items()}, indent=4) + "\n")
        return 0
    if mode == "--check":
        kept = json.loads(KEPT.read_text())
        # the library under both may differ between machines, what we add to it may not
        for name, most in (("inline", 1.05), ("built_in", 1.10)):
            limit = kept[name] / kept["raw"] * (1 + TOLERANCE)
            if ratio[name] > limit or ratio[name] > most:
                print(f"FAILED: {name} {ratio[name]:.3f} of raw; kept {kept[name] / kept['raw']:.3f}, and at most {most}")
                return 1
    return 0


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


def generator():
    print("generator, seconds, best of", ROUNDS)
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
    print(f"  10,000 messages, 2,000 rpcs: protoc-gen-c-svc {ours:.2f} (with protoc-gen-c in it), protoc-gen-c alone {theirs:.2f}")
    spent = []
    for i in range(ROUNDS):
        started = time.monotonic()
        subprocess.run(["c-svc", "new-service", f"user-service-{i}", "--proto", SOURCE / "samples/user/proto/user.proto"],
                       cwd=folder, env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        spent.append(time.monotonic() - started)
    print(f"  c-svc new-service: {min(spent):.2f}")
    shutil.rmtree(folder)


def program(name):
    def call():
        subprocess.run([BENCH / name], check=True)
    return call


SECTIONS = {"unary": unary, "store": program("store_bench"), "codec": program("codec_bench"),
            "generator": generator, "instructions": instructions}


def main():
    names = [a for a in sys.argv[1:] if not a.startswith("--")]
    flags = [a for a in sys.argv[1:] if a.startswith("--")]
    for name in names:
        if name not in SECTIONS:
            raise SystemExit(__doc__)
    if flags:
        return instructions(flags[0])
    for name in names or SECTIONS:
        SECTIONS[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main())
