"""Instructions a call or message, by callgrind: what a busy machine cannot change, so make check holds them."""
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import tempfile

from harness import BENCH, Server
from calls import h2load, sum_request

KEPT = pathlib.Path(__file__).with_name("instructions.json")
TOLERANCE, BY_TURNS = 0.03, 0.08  # of what is kept; where many streams take turns it varies more
THREADS = 0.20  # a caller that waits is woken sooner or later than its reply is read: how often depends on the machine's load

FEW, MANY = 1000, 6000
RAW_STREAMS = [BENCH / "raw_stream_server"]
BARE = [BENCH / "bare_nghttp2_server"]
CORE, NGHTTP2 = "--transport=grpc-core", "--transport=nghttp2"


def unary(server, n):
    with tempfile.NamedTemporaryFile() as body:
        body.write(sum_request())
        body.flush()
        h2load(server.port, 8, 32, n, body.name)


def stream(mode, connections=1, streams=1, each=1):
    """A load of n messages by stream_load; `each`: deliveries of one."""
    def load(server, n):
        subprocess.run([BENCH / "stream_load", "--port", str(server.port), "--mode", mode, "--connections", str(connections),
                        "--streams", str(streams), "--messages", str(n // (connections * streams))],
                       input="go\n", text=True, check=True, stdout=subprocess.DEVNULL, timeout=300)
    return load


def client(server, n):
    """The load is the program that is looked at: see total."""


def unary_server(transport, *flags):
    return [BENCH / "csvc_server", transport, *flags]


def stream_server(transport, *flags):
    return [BENCH / "csvc_stream_server", transport, *flags]


# what: (load, raw: the same work without us, {name: (command, the most it may be of raw; None: not held)})
CASES = {
    "unary": (unary, [BENCH / "raw_server"], {
        "inline": (unary_server(CORE, "--inline"), 1.05),
        "built_in": (unary_server(CORE, "--inline", "--built-in"), 1.10)}),
    "count": (stream("count"), RAW_STREAMS, {
        "pool": (stream_server(CORE), None), "detached": (stream_server(CORE, "--detached"), None)}),
    "add": (stream("add"), RAW_STREAMS, {"detached": (stream_server(CORE, "--detached"), None)}),
    "echo": (stream("echo", 8, 8), RAW_STREAMS, {"detached": (stream_server(CORE, "--detached"), None)}),
    "watch": (stream("watch", 2, 100), RAW_STREAMS, {"shared": (stream_server(CORE), None)}),
    "nghttp2_unary": (unary, BARE, {
        "transport": ([BENCH / "seam_server", NGHTTP2], 1.20),
        "inline": (unary_server(NGHTTP2, "--inline"), 1.25),
        "built_in": (unary_server(NGHTTP2, "--inline", "--built-in"), 1.30)}),
    "nghttp2_count": (stream("count"), BARE, {"detached": (stream_server(NGHTTP2, "--detached"), None)}),
    "nghttp2_add": (stream("add"), BARE, {"detached": (stream_server(NGHTTP2, "--detached"), None)}),
    "nghttp2_echo": (stream("echo", 8, 8), BARE, {"detached": (stream_server(NGHTTP2, "--detached"), None)}),
    "nghttp2_watch": (stream("watch", 2, 100), BARE, {"shared": (stream_server(NGHTTP2), None)}),
    "client": (client, [BENCH / "raw_client", "--thread"], {"blocking": ([BENCH / "csvc_client"], 1.10)}),
    "client_async": (client, [BENCH / "raw_client", "--async", "64"], {"async": ([BENCH / "csvc_client", "--async", "64"], 1.10)}),
}


def total(command, load, n):
    """Of a server that was started, served n and ended; or of a client that called n times."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "callgrind"
        looked_at = ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={out}", *map(str, command)]
        if load is client:
            with Server(BENCH / "raw_server") as server:
                subprocess.run([*looked_at, "--port", str(server.port), "--calls", str(n)], check=True,
                               stdout=subprocess.DEVNULL, timeout=300)
        else:
            with Server(*looked_at) as server:
                load(server, n)
        return int(re.search(r"^(?:summary|totals): (\d+)", out.read_text(), re.M).group(1))


def measure(cases):
    """{what: {name: instructions}}: the difference of two runs that differ in nothing but how much was asked."""
    wanted = [(what, name, command) for what, (_, raw, ours) in cases.items()
              for name, command in [("raw", raw), *((k, c) for k, (c, _) in ours.items())]]
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        runs = [(what, name, [pool.submit(total, command, cases[what][0], n) for n in (FEW, MANY)])
                for what, name, command in wanted]
        got = {what: {} for what in cases}
        for what, name, (few, many) in runs:
            got[what][name] = round((many.result() - few.result()) / (MANY - FEW))
    return got


def instructions(report, mode=None, names=()):
    cases = {k: v for k, v in CASES.items() if not names or k in names}
    got = measure(cases)
    rows = [(what, name, f"{n:,}", f"{n / one['raw']:.3f}") for what, one in got.items() for name, n in one.items()]
    report.table("instructions a call or message", ("", "", "instructions", "of raw"), rows)
    if mode == "--write":
        KEPT.write_text(json.dumps({**json.loads(KEPT.read_text()), **got}, indent=4) + "\n")
    failed = 0
    if mode == "--check":
        kept = json.loads(KEPT.read_text())
        # the library under both may differ between machines, what we add to it may not
        for what, (_, _, ours) in cases.items():
            for name, (_, most) in ours.items():
                ratio = got[what][name] / got[what]["raw"]
                before = kept[what][name] / kept[what]["raw"]
                tolerance = TOLERANCE if what.endswith("unary") else THREADS if name == "blocking" else BY_TURNS
                if ratio > before * (1 + tolerance) or (most is not None and ratio > most):
                    print(f"FAILED: {what} {name} {ratio:.3f} of raw; kept {before:.3f}"
                          + (f", and at most {most}" if most is not None else ""))
                    failed = 1
    return failed


LAYERS = (("runtime/base", "base"), ("runtime/codec", "codec"), ("runtime/transport/grpc_core", "transport/grpc_core"),
          ("runtime/transport/nghttp2", "transport/nghttp2"),
          ("runtime/transport", "transport"), ("runtime/rpc", "rpc"), ("runtime/interceptors", "interceptors"),
          ("tests/bench", "handler"))


def by_layer(out):
    """{layer: instructions} of one callgrind file."""
    text = subprocess.run(["callgrind_annotate", "--auto=no", "--threshold=100", str(out)], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True, check=True).stdout
    got = {}
    for count, where in re.findall(r"^ *([\d,]+) \([^)]*\)  (\S.*:.*)$", text, re.M):
        library = re.search(r"\[.*/(lib[a-z_]+2?|ld)[^/]*\]$", where)
        layer = next((name for prefix, name in LAYERS if where.startswith(prefix)), None)
        layer = layer or (library.group(1) if library else "")
        if layer.startswith("libabsl") or layer in ("libgrpc", "libgpr"):
            layer = "the C core (libgrpc, libgpr, abseil)"
        elif layer in ("libc", "ld", ""):
            layer = "libc (memory, locks, thread-local)"
        got[layer] = got.get(layer, 0) + int(count.replace(",", ""))
    return got


def layers(report):
    for what, name in (("unary", "built_in"), ("count", "pool"), ("add", "detached"), ("echo", "detached"),
                       ("nghttp2_unary", "built_in"), ("nghttp2_count", "detached"), ("nghttp2_add", "detached"),
                       ("nghttp2_echo", "detached"), ("nghttp2_watch", "shared")):
        load, _, programs = CASES[what]
        totals = []
        with tempfile.TemporaryDirectory() as folder:
            for n in (FEW, MANY):
                out = pathlib.Path(folder) / f"callgrind.{n}"
                with Server("valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={out}", *programs[name][0]) as server:
                    load(server, n)
                totals.append(by_layer(out))
        each = {k: (v - totals[0].get(k, 0)) / (MANY - FEW) for k, v in totals[1].items()}
        each = {k: v for k, v in each.items() if v >= 0.5}
        rows = [(k, f"{v:,.0f}", f"{100 * v / sum(each.values()):.1f} %") for k, v in sorted(each.items(), key=lambda e: -e[1])]
        report.table(f"{what}, {name}: where the instructions are", ("", "a message", ""), rows)
