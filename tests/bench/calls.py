"""Sections of run.py that call servers: unary, streams, fan-out, start."""
import os
import re
import struct
import subprocess
import tempfile

from harness import BENCH, CLIENT_CPU, Best, Server, exists, pinned

RAW = "raw C core"
ROUNDS = 3


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


def unary(report, calls=60_000):
    peers = exists({RAW: [BENCH / "raw_server"],
                    "c-svc inline": [BENCH / "csvc_server", "--inline"],
                    "c-svc inline, built in": [BENCH / "csvc_server", "--inline", "--built-in"],
                    "c-svc pool": [BENCH / "csvc_server", "--pool"],
                    "c-svc pool, built in": [BENCH / "csvc_server", "--pool", "--built-in"],
                    "grpc++ callback": [BENCH / "cpp_server"],
                    "grpc++ async": [BENCH / "cpp_server", "--async"],
                    "grpc-go": [BENCH / "go_server"]})
    with tempfile.NamedTemporaryFile() as body:
        body.write(sum_request())
        body.flush()
        for connections, streams in ((8, 32), (64, 1)):
            best = Best(peers)
            for _ in range(ROUNDS):
                for name, command in peers.items():
                    with Server(*command) as server:
                        h2load(server.port, connections, streams, 3000, body.name)
                        before = server.cpu_seconds()
                        rate = h2load(server.port, connections, streams, calls, body.name)
                        best.add(name, rate, (server.cpu_seconds() - before) / calls)
            report.rates(f"unary, {connections} connections x {streams} calls at a time, h2load", best, "call", RAW)


def stream_load(server, mode, connections, streams, messages):
    """Messages a second, CPU seconds a message."""
    before = server.cpu_seconds()
    out = subprocess.run(pinned(CLIENT_CPU, BENCH / "stream_load", "--port", server.port, "--mode", mode,
                                "--connections", connections, "--streams", streams, "--messages", messages),
                         stdout=subprocess.PIPE, text=True, check=True, timeout=300).stdout
    seconds, n = out.split()
    return int(n) / float(seconds), (server.cpu_seconds() - before) / int(n)


def streams(report):
    peers = exists({RAW: [BENCH / "raw_stream_server"],
                    "c-svc": [BENCH / "csvc_stream_server"],
                    "c-svc detached": [BENCH / "csvc_stream_server", "--detached"],
                    "grpc++ callback": [BENCH / "cpp_server"],
                    "grpc-go": [BENCH / "go_server"]})
    for title, mode, connections, n_streams, messages in (
            ("server streaming, one stream of 1,000,000 messages", "count", 1, 1, 1_000_000),
            ("client streaming, one stream of 1,000,000 messages", "add", 1, 1, 1_000_000),
            ("client streaming, 16 streams of 20,000 messages", "add", 2, 8, 20_000),
            ("ping-pong, one stream", "echo", 1, 1, 10_000),
            ("ping-pong, 8 connections x 8 streams", "echo", 8, 8, 2_000)):
        best = Best(peers)
        for _ in range(ROUNDS):
            for name, command in peers.items():
                with Server(*command) as server:
                    best.add(name, *stream_load(server, mode, connections, n_streams, messages))
        report.rates(title, best, "message", RAW)


def fan_out(report, connections=20, n_streams=500, rounds=20):
    peers = exists({RAW: [BENCH / "raw_stream_server"], "c-svc": [BENCH / "csvc_stream_server"],
                    "grpc-go": [BENCH / "go_server"]})
    best = Best(peers)
    memory = dict.fromkeys(peers, float("inf"))
    n = connections * n_streams
    for _ in range(ROUNDS):
        for name, command in peers.items():
            with Server(*command) as server:
                idle = server.resident_kib()
                load = subprocess.Popen(pinned(CLIENT_CPU, BENCH / "stream_load", "--port", server.port, "--mode", "watch",
                                               "--connections", connections, "--streams", n_streams,
                                               "--messages", rounds),
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
                if load.stdout.readline() != "open\n":
                    raise SystemExit(f"{name}: not all streams were opened")
                memory[name] = min(memory[name], (server.resident_kib() - idle) / n)
                before = server.cpu_seconds()
                out, _ = load.communicate("go\n", timeout=300)
                if load.returncode != 0:
                    raise SystemExit(f"{name}: the fan-out failed")
                seconds, told = out.split()
                best.add(name, int(told) / float(seconds), (server.cpu_seconds() - before) / int(told))
    rows = [(name, f"{best.rate[name]:,.0f}", f"{best.rate[name] / best.rate[RAW]:.2f}",
             f"{best.cpu[name] * 1e6:.2f}", f"{memory[name]:.1f}") for name in peers]
    report.table(f"fan-out of 100 bytes to {n:,} streams", ("", "deliveries/s", f"of {RAW}", "CPU µs a delivery",
                                                        "KiB an idle stream"), rows)


def client(report):
    """The same server for all; the client's CPU is what is looked at."""
    for title, calls, ours, theirs in (
            ("one thread that calls and waits", 20_000,
             {"c-svc client": []}, {RAW: [], f"{RAW}, a thread for its queue": ["--thread"]}),
            ("64 calls at a time", 60_000, {"c-svc client": ["--async", 64]}, {RAW: ["--async", 64]})):
        peers = {**{name: [BENCH / "raw_client", *flags] for name, flags in theirs.items()},
                 **{name: [BENCH / "csvc_client", *flags] for name, flags in ours.items()}}
        best = Best(peers)
        for _ in range(ROUNDS):
            for name, command in peers.items():
                with Server(BENCH / "raw_server") as server:
                    load = subprocess.Popen(pinned(CLIENT_CPU, *command, "--port", server.port, "--calls", calls),
                                            stdout=subprocess.PIPE, text=True)
                    out = load.stdout.read()
                    _, status, usage = os.wait4(load.pid, 0)
                    if status != 0:
                        raise SystemExit(f"{name}: a call failed")
                    best.add(name, int(out.split()[1]) / float(out.split()[0]),
                             (usage.ru_utime + usage.ru_stime) / calls)
        report.rates(f"calls of a client, {title}", best, "call", RAW)


def start(report):
    peers = exists({RAW: [BENCH / "raw_server"],
                    "c-svc, built in": [BENCH / "csvc_server", "--pool", "--built-in"],
                    "grpc++ callback": [BENCH / "cpp_server"], "grpc-go": [BENCH / "go_server"]})
    spent = dict.fromkeys(peers, float("inf"))
    memory = dict.fromkeys(peers, float("inf"))
    for _ in range(ROUNDS):
        for name, command in peers.items():
            with Server(*command) as server:
                spent[name] = min(spent[name], server.start_ms)
                memory[name] = min(memory[name], server.resident_kib())
    report.table("from exec to serving, and memory then", ("", "ms", "MiB resident"),
                 [(name, f"{spent[name]:.0f}", f"{memory[name] / 1024:.1f}") for name in peers])
