"""Sections of run.py that call servers."""
import os
import re
import socket
import struct
import subprocess
import tempfile

from harness import BENCH, CLIENT_CPU, CPUS, SERVER_CPU, Best, Server, exists, pinned

RAW, BARE, GO, TONIC = "raw C core", "bare nghttp2", "grpc-go", "tonic"
BASES = (GO, TONIC, BARE)
ROUNDS = 5
UNARY_SECONDS = 0.8
TRANSPORTS = {"c-svc": "--transport=nghttp2", "c-svc on the C core": "--transport=grpc-core"}


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


def unary_peers():
    peers = {}
    for name, flag in TRANSPORTS.items():
        for what in ("inline", "pool"):
            peers[f"{name}, {what}"] = [BENCH / "csvc_server", flag, f"--{what}"]
            peers[f"{name}, {what}, built in"] = [BENCH / "csvc_server", flag, f"--{what}", "--built-in"]
    return exists({**peers, RAW: [BENCH / "raw_server"], "grpc++ callback": [BENCH / "cpp_server"],
                   "grpc++ async": [BENCH / "cpp_server", "--async"], GO: [BENCH / "go_server"],
                   TONIC: [BENCH / "tonic_server"], BARE: [BENCH / "bare_nghttp2_server"]})


def unary(report):
    peers = unary_peers()
    with tempfile.NamedTemporaryFile() as body:
        body.write(sum_request())
        body.flush()
        for connections, streams in ((8, 32), (64, 1)):
            best = Best(peers)
            for _ in range(ROUNDS):
                for name, command in peers.items():
                    with Server(*command) as server:
                        calls = calls_for(h2load(server.port, connections, streams, 5000, body.name))
                        before = server.cpu_seconds()
                        rate = h2load(server.port, connections, streams, calls, body.name)
                        best.add(name, rate, (server.cpu_seconds() - before) / calls)
            report.rates(f"unary, {connections} connections x {streams} calls at a time, h2load", best, "call", BASES)


def calls_for(rate):
    """About as long for each server, however fast."""
    return int(min(max(rate * UNARY_SECONDS, 20_000), 500_000))


def loops(report):
    """Two pollers beside one, by CPU time: h2load needs one of the two CPUs, too, so the rates say little."""
    both = ",".join(map(str, CPUS))
    peers = {f"{name}, {what}": [BENCH / "csvc_server", flag, f"--{what}"]
             for name, flag in TRANSPORTS.items() for what in ("inline", "pool")}
    rows = []
    with tempfile.NamedTemporaryFile() as body:
        body.write(sum_request())
        body.flush()
        cases = [(name, pollers) for name in peers for pollers in (1, 2)]
        best = Best(cases)
        for _ in range(ROUNDS):
            for name, pollers in cases:
                with Server(*peers[name], "--loops", pollers, cpu=SERVER_CPU if pollers == 1 else both) as server:
                    calls = calls_for(h2load(server.port, 16, 16, 5000, body.name))
                    before = server.cpu_seconds()
                    rate = h2load(server.port, 16, 16, calls, body.name)
                    best.add((name, pollers), rate, (server.cpu_seconds() - before) / calls)
    for name in peers:
        one, two = best.cpu[name, 1], best.cpu[name, 2]
        rows.append((name, f"{one * 1e6:.2f}", f"{two * 1e6:.2f}", f"{2 * one / two:.2f}", f"{best.rate[name, 1]:,.0f}",
                     f"{best.rate[name, 2]:,.0f}"))
    report.table("two pollers, 16 connections x 16 calls at a time", (
        "", "CPU µs a call, one", "two", "two CPUs do × one", "calls/s, one", "two, of a CPU and what h2load leaves"), rows)


def stream_load(server, mode, connections, streams, messages):
    """Messages a second, CPU seconds a message, and of ping-pong the times from a request to its reply, microseconds."""
    before = server.cpu_seconds()
    out = subprocess.run(pinned(CLIENT_CPU, BENCH / "stream_load", "--port", server.port, "--mode", mode,
                                "--connections", connections, "--streams", streams, "--messages", messages),
                         stdout=subprocess.PIPE, text=True, check=True, timeout=300).stdout
    seconds, n, *waited = map(float, out.split())
    return n / seconds, (server.cpu_seconds() - before) / n, *waited


def stream_peers():
    ours = {}
    for name, flag in TRANSPORTS.items():
        ours[name] = [BENCH / "csvc_stream_server", flag]
        ours[f"{name}, detached"] = [BENCH / "csvc_stream_server", flag, "--detached"]
    return exists({**ours, RAW: [BENCH / "raw_stream_server"], "grpc++ callback": [BENCH / "cpp_server"],
                   GO: [BENCH / "go_server"], TONIC: [BENCH / "tonic_server"], BARE: [BENCH / "bare_nghttp2_server"]})


def streams(report):
    peers = stream_peers()
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
        report.rates(title, best, "message", BASES, (("p50 µs", "{:.0f}"), ("p99 µs", "{:.0f}")) if mode == "echo" else ())


class Watched:
    """Streams that are open and wait for what is published."""

    def __init__(self, server, connections, n_streams, messages):
        self.load = subprocess.Popen(pinned(CLIENT_CPU, BENCH / "stream_load", "--port", server.port, "--mode", "watch",
                                            "--connections", connections, "--streams", n_streams, "--messages", messages),
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.load.stdout.readline() != "open\n":
            raise SystemExit("not all streams were opened")

    def publish(self):
        """Seconds, messages."""
        out, _ = self.load.communicate("go\n", timeout=300)
        if self.load.returncode != 0:
            raise SystemExit("the fan-out failed")
        return map(float, out.split())


def fan_out_peers():
    return {name: command for name, command in stream_peers().items() if "detached" not in name and "grpc++" not in name}


def fan_out(report):
    peers = fan_out_peers()
    for connections, n_streams, rounds in ((100, 10, 200), (20, 500, 20)):
        best = Best(peers)
        for _ in range(ROUNDS):
            for name, command in peers.items():
                with Server(*command) as server:
                    watched = Watched(server, connections, n_streams, rounds)
                    before = server.cpu_seconds()
                    seconds, told = watched.publish()
                    best.add(name, told / seconds, (server.cpu_seconds() - before) / told)
        report.rates(f"fan-out of 100 bytes to {connections * n_streams:,} streams over {connections} connections", best,
                     "delivery", BASES)


def idle(report, connections=20, n_streams=500, n_connections=8000):
    """Memory by what is resident before and while they are open; each connection has had one call."""
    peers = fan_out_peers()
    rows = []
    for name, command in peers.items():
        with Server(*command) as server:
            Watched(server, 1, 10, 1).publish()
            empty = server.resident_kib()
            watched = Watched(server, connections, n_streams, 1)
            a_stream = (server.resident_kib() - empty) / (connections * n_streams)
            watched.publish()
        with Server(*command) as server:
            Watched(server, 1, 10, 1).publish()
            empty = server.resident_kib()
            open_ones = [idle_connection(server.port) for _ in range(n_connections)]
            a_connection = (server.resident_kib() - empty) / n_connections
            for one in open_ones:
                one.close()
        rows.append((name, f"{a_stream:.1f}", f"{a_connection:.1f}"))
    report.table("memory, KiB", ("", f"an idle stream, of {connections * n_streams:,} on {connections} connections",
                                 f"an idle connection, of {n_connections:,}"), rows)


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def idle_connection(port):
    """A socket on which one call of Publish was made and answered."""
    def literal(name, value):
        return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value

    head = b"".join(literal(name, value) for name, value in (
        (b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/bench.Calc/Publish"), (b":authority", b"bench"),
        (b"content-type", b"application/grpc"), (b"te", b"trailers")))
    sock = socket.create_connection(("127.0.0.1", port), 60)
    sock.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0) + frame(1, 4, 1, head) + frame(0, 1, 1, sum_request()))
    got = sock.makefile("rb")
    while True:
        length, kind, flags, stream = struct.unpack(">IBBI", b"\0" + got.read(9))
        payload = got.read(length)
        if kind in (4, 6) and not flags & 1:  # SETTINGS, PING
            sock.sendall(frame(kind, 1, 0, payload if kind == 6 else b""))
        if stream == 1 and flags & 1:
            return sock


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
        report.rates(f"calls of a client, {title}", best, "call", [RAW])


def start(report):
    peers = exists({"c-svc, built in, without the C core": [BENCH / "csvc_server_light", "--pool", "--built-in"],
                    "c-svc, built in": [BENCH / "csvc_server", "--pool", "--built-in"],
                    RAW: [BENCH / "raw_server"], "grpc++ callback": [BENCH / "cpp_server"], GO: [BENCH / "go_server"],
                    TONIC: [BENCH / "tonic_server"], BARE: [BENCH / "bare_nghttp2_server"]})
    spent = dict.fromkeys(peers, float("inf"))
    memory = dict.fromkeys(peers, float("inf"))
    for _ in range(ROUNDS):
        for name, command in peers.items():
            with Server(*command) as server:
                spent[name] = min(spent[name], server.start_ms)
                memory[name] = min(memory[name], server.resident_kib())
    report.table("from exec to serving, and memory then", ("", "ms", "MiB resident"),
                 [(name, f"{spent[name]:.1f}", f"{memory[name] / 1024:.1f}") for name in peers])
