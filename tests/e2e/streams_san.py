#!/usr/bin/env python3
# transports: both
"""The four kinds of rpc, scaffolded, its handlers written as the guide says, called by Python's gRPC and by the generated client."""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e
import four_kinds

CLIENT = r'''
import sys, grpc
import all_pb2 as pb, all_pb2_grpc as rpc

s = rpc.AllServiceStub(grpc.insecure_channel(sys.argv[1]))
def numbers(n):
    return (pb.Num(id=i) for i in range(n))
def code_of(call):
    try:
        call()
    except grpc.RpcError as e:
        return e.code()
for n in (0, 1, 1000):
    assert [x.id for x in s.Down(pb.Num(id=n), timeout=60)] == list(range(n))
    assert s.Up(numbers(n), timeout=60).id == n * (n - 1) // 2
    assert [x.id for x in s.Both(numbers(n), timeout=60)] == list(range(n))
assert code_of(lambda: s.One(pb.Num(), timeout=60)) == grpc.StatusCode.UNIMPLEMENTED
endless = s.Down(pb.Num(id=10**12), timeout=60)
next(endless)
endless.cancel()
assert code_of(lambda: list(s.Down(pb.Num(id=10**12), timeout=0.3))) == grpc.StatusCode.DEADLINE_EXCEEDED
assert s.Up(numbers(3), timeout=60).id == 3
'''



def json_lines(text):
    return [json.loads(line) for line in text.splitlines()]


class Client:
    """The generated command-line client against one server."""

    def __init__(self, program, address):
        self.program = str(program)
        self.env = {**e2e.environment(), "GRPC_ADDR": address}

    def start(self, *arguments, **more):
        pipe = subprocess.PIPE
        return subprocess.Popen([self.program, *arguments], env=self.env, **{"stdin": pipe, "stdout": pipe, "stderr": pipe, "text": True, **more})

    def call(self, *arguments, given="", exit_code=0, err=""):
        """What it printed; it must have ended with this code and said this on standard error."""
        process = self.start(*arguments)
        out, told = process.communicate(given, timeout=120)
        e2e.equal((process.returncode, told), (exit_code, err), f"{arguments} < {given[:80]!r}")
        return out


def ends(process, expected, what):
    process.wait(60)
    e2e.equal(process.returncode, expected, what)
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream:
            stream.close()


def numbers(n):
    return "".join('{"id": %d}\n' % i for i in range(n))


def each_kind(client):
    e2e.equal(client.call("down", "--id", "3"), '{}\n{"id": "1"}\n{"id": "2"}\n', "server streaming")
    e2e.equal(client.call("down"), "", "none")
    e2e.equal(client.call("up", given='{"id": 1}\n\n  \t\r\n{"id": "2"}\r\n{"id": 3}'), '{"id": "6"}\n', "client streaming")
    e2e.equal(client.call("up"), "{}\n", "an empty stream")
    e2e.equal(client.call("up", "--id=5"), '{"id": "5"}\n', "flags are one message")
    e2e.equal(client.call("up", "--json", '{"id": 5}\n{"id": 6}'), '{"id": "11"}\n', "lines of --json")
    pathlib.Path("lines.jsonl").write_text(numbers(11))
    e2e.equal(client.call("--json", "@lines.jsonl", "up", given="not read"), '{"id": "55"}\n', "lines of a file")
    e2e.equal(client.call("up", "--json=-", given=numbers(3)), '{"id": "3"}\n', "lines of -")
    e2e.equal(json_lines(client.call("both", given=numbers(20000))), [{"id": str(i)} if i else {} for i in range(20000)], "bidi")
    e2e.equal(client.call("both", "--text=x"), '{"text": "x"}\n', "bidi, flags")


def wrong_input(client):
    process = client.start("up")
    out, err = process.communicate('{"id": 1}\n\n{"id": tru}\n{"id": 2}\n', timeout=60)
    e2e.equal((process.returncode, out, err[:16]), (2, "", "up: line 3: not "), err)
    if ", 3:8: " not in err:
        e2e.fail(f"no line and column: {err}")
    client.call("both", "--max-line-bytes=20", given='{"text": "%s"}\n' % ("x" * 30), exit_code=2,
                err="both: line 1: longer than 20 bytes (--max-line-bytes)\n")
    client.call("--max-line-bytes=0", "both", exit_code=2, err="all-service-client: --max-line-bytes: '0' is not a whole number from 1 to 1073741824\n"
                "Try 'all-service-client --help'.\n")
    client.call("up", "--json", "@nothing.json", exit_code=2, err="up: --json: nothing.json: No such file or directory\n")
    client.call("both", "--json=-", "--id=1", exit_code=2, err="both: --json gives all messages of the stream; flags of fields, its one\n"
                "Try 'all-service-client both --help'.\n")


def the_server_ends_first(client):
    """While standard input is open, and while it is full."""
    process = client.start("up")
    process.stdin.write('{"id": 1}\n{"id": -7}\n')
    process.stdin.flush()
    process.wait(60)
    e2e.equal((process.returncode, process.stderr.read()), (64 + 11, "up: OUT_OF_RANGE: -7 is negative\n"), "a failure")
    ends(process, 64 + 11, "early failure")
    process = client.start("both")
    process.stdin.write('{"id": 4}\n{"id": -1}\n')
    process.stdin.flush()
    process.wait(60)
    e2e.equal((process.stdout.read(), process.stderr.read()), ('{"id": "4"}\n', ""), "an early OK")
    ends(process, 0, "early OK")
    with open("endless", "w") as f:
        f.write('{"id": -1}\n' + numbers(300000))
    with open("endless") as f:
        process = client.start("both", stdin=f)
        ends(process, 0, "with much to send")


def a_conversation(client):
    """At a terminal: a line, its reply, the next line; Ctrl-D ends it."""
    ours, theirs = os.openpty()
    process = client.start("both", stdin=theirs, stderr=theirs, stdout=subprocess.PIPE)
    os.close(theirs)
    e2e.equal(os.read(ours, 200), b"both: each line is a message as JSON; Ctrl-D ends\r\n", "a hint")
    for i in range(1, 6):
        os.write(ours, b'{"id": %d}\n' % i)
        e2e.equal(process.stdout.readline(), '{"id": "%d"}\n' % i, "a reply")
    os.write(ours, b"\x04")
    ends(process, 0, "Ctrl-D")
    os.close(ours)


def ended_from_outside(client):
    for number in (signal.SIGINT, signal.SIGTERM):
        process = client.start("down", "--id=1000000000000")
        process.stdout.readline()
        process.send_signal(number)
        process.stdout.read()
        ends(process, -number, "a signal, server streaming")
        process = client.start("both")
        process.stdin.write('{"id": 1}\n')
        process.stdin.flush()
        process.stdout.readline()
        process.send_signal(number)
        e2e.equal(process.stderr.read(), "", "no words at a signal")
        ends(process, -number, "a signal, bidi")
    done = subprocess.run(["bash", "-c", '"$0" down --id 1000000000000 | head -2; echo "${PIPESTATUS[0]}"', client.program],
                          env=client.env, capture_output=True, text=True, timeout=60, check=False)
    e2e.equal((done.stdout, done.stderr), ('{}\n{"id": "1"}\n141\n', ""), "head")
    # nobody reads, and nothing comes either: it ends all the same
    process = client.start("both")
    process.stdout.close()
    process.stdout = None
    ends(process, -signal.SIGPIPE, "a quiet stream whose reader has gone")
    with open("/dev/full", "w") as full:
        process = client.start("down", "--id=10", stdout=full)
        e2e.equal(process.stderr.read(), "down: cannot write to standard output\n", "a full disk")
        ends(process, 1, "a full disk")
    client.call("--timeout=200ms", "both", "--json=@/dev/zero", "--max-line-bytes=1000", exit_code=2, err="both: line 1: longer than 1000 bytes (--max-line-bytes)\n")
    process = client.start("--timeout=300ms", "both")
    e2e.equal(process.stderr.read()[:23], "both: DEADLINE_EXCEEDED", "a deadline while standard input is open")
    ends(process, 64 + 4, "a deadline")


def without_waiting(project, address):
    """The generated functions that do not wait, from a program of C."""
    flags = e2e.run("pkg-config", "--cflags", "--libs", "libcsvc-grpc-core", "libcsvc").stdout.split()
    san = [f"-fsanitize={e2e.SAN}"] if e2e.SAN else []
    e2e.run("cc", "-std=c11", "-D_POSIX_C_SOURCE=200809L", "-Wall", "-Wextra", "-Werror", "-g", "-pthread", *san, "-Igen", "-o", "build/calls",
            e2e.SOURCE / "tests/e2e/support/four_kinds_async.c", "gen/all.csvc.c", "gen/all.pb-c.c", *flags, f"-Wl,-rpath,{e2e.STAGE}/lib", cwd=project)
    out = e2e.run(project / "build/calls", address).stdout
    e2e.equal(re.sub(r"(cancelled: CANCELLED), .*", r"\1", out).splitlines(), [
        "one: UNIMPLEMENTED, 0 messages, sum 0, half-closes 0",
        "down: OK, 1000 messages, sum 499500, half-closes 1",
        "up: OK, 1 messages, sum 499500, half-closes 1",
        "both: OK, 1000 messages, sum 499500, half-closes 1",
        "cancelled: CANCELLED",
    ], "the functions that do not wait")


project = four_kinds.project()
pathlib.Path("client.py").write_text(CLIENT)
e2e.python_stubs(pathlib.Path.cwd() / "all.proto", ".")
with e2e.Server(project / "build/all-service", cwd=project) as server:
    e2e.run(*e2e.python_client("client.py", server.address))
    without_waiting(project, server.address)
    client = Client(project / "build/all-service-client", server.address)
    each_kind(client)
    wrong_input(client)
    the_server_ends_first(client)
    a_conversation(client)
    ended_from_outside(client)
