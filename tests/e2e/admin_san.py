#!/usr/bin/env python3
# transports: both
"""The admin address of a generated service: pages, methods, hostile callers, readiness while calls finish, limits."""
import json
import os
import pathlib
import re
import resource
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e

project = e2e.scaffold("user-service", "--proto", e2e.USER_PROTO)
handler = project / "server/user_service/get_user.c"
source = handler.read_text()
# id 99 takes until there is a file `go`
changed = source.replace("{\n", "{\n    while (req->id == 99 && access(\"go\", F_OK) != 0) {\n        (void)poll(NULL, 0, 5);\n    }\n", 1)
handler.write_text("#include <poll.h>\n#include <unistd.h>\n" + changed)
go = pathlib.Path("go")
e2e.run("make", "-C", project, *e2e.make_args())
program, client = project / "build/user-service", project / "build/user-service-client"
server = e2e.Server(program, "--database-url", "sqlite::memory:")


def get(path, method="GET", data=None, admin=None):
    request = urllib.request.Request(f"http://{admin or server.admin}{path}", method=method, data=data)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as e:
        return e.code, e.headers, e.read().decode()


def connect():
    host, port = server.admin.rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=40)


def raw(text):
    """All that the server says to these bytes until it closes, or says nothing for a while."""
    with connect() as s:
        s.sendall(text)
        s.settimeout(3)
        got = b""
        try:
            while piece := s.recv(65536):
                got += piece
        except (TimeoutError, ConnectionResetError):
            pass
        return got


def sample(name, text):
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.M)
    return float(found.group(1)) if found else e2e.fail(f"no {name} in\n{text}")


with server:
    # pages
    status, headers, text = get("/metrics")
    e2e.equal((status, headers["content-type"]), (200, "text/plain; version=0.0.4; charset=utf-8"), "/metrics")
    e2e.equal(int(headers["content-length"]), len(text.encode()), "its length")
    e2e.equal(get("/healthz")[::2], (200, "ok\n"), "/healthz")
    e2e.equal(get("/readyz")[::2], (200, "ready\n"), "/readyz")
    config = json.loads(get("/debug/config")[2])
    e2e.equal(config["DATABASE_URL"], {"value": "sqlite::memory:", "from": "flag"}, "a flag")
    e2e.equal(config["GRPC_ADDR"]["from"], "variable", "a variable")
    e2e.equal(config["MAX_QUEUED"], {"value": "4096", "from": "default"}, "a default")
    e2e.equal(json.loads(get("/debug/calls")[2]), {"total": 0, "calls": []}, "/debug/calls")
    e2e.equal(get("/metrics?name=x")[0], 200, "a query")

    # other paths, other methods
    for path in ("/", "/metric", "/metrics/", "/debug", "/%6detrics/x", "/../etc/passwd"):
        e2e.equal(get(path)[0], 404, path)
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        status, headers, _ = get("/metrics", method, b"x=1")
        e2e.equal((status, headers["allow"]), (405, "GET, HEAD"), method)
    status, headers, text = get("/healthz", "HEAD")
    e2e.equal((status, headers["content-length"], text), (200, "3", ""), "HEAD")

    # bodies, which no page wants
    said = raw(b"POST /metrics HTTP/1.1\r\nhost: x\r\ncontent-length: 20000\r\n\r\n" + b"x" * 20000)
    e2e.equal(said.startswith(b"HTTP/1.1 405") and said.endswith(b"GET and HEAD only\n"), True, f"a long body: {said}")
    for length in (b"100000", b"99999999999999999999", b"-1", b"1x"):
        said = raw(b"POST /metrics HTTP/1.1\r\nhost: x\r\ncontent-length: " + length + b"\r\n\r\n")
        e2e.equal(b" 200 " in said, False, f"content-length {length}: {said}")
    said = raw(b"GET /healthz HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabcGET /readyz HTTP/1.1\r\nhost: x\r\n\r\n")
    e2e.equal((said.count(b" 200 "), b"ready" in said), (2, True), f"a body, then a request: {said}")
    said = raw(b"POST /healthz HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
    e2e.equal(b" 200 " in said, False, f"chunks: {said}")

    # several requests on one connection
    answers = raw(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n" + b"GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    e2e.equal(answers.count(b"HTTP/1.1 200"), 2, f"pipelined requests: {answers}")

    # hostile ones
    for name, text in (("no HTTP", b"\x16\x03\x01\x00\x00garbage\r\n\r\n"), ("no method", b"/metrics\r\n\r\n"),
                       ("a long line", b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n"),
                       ("many headers", b"GET /metrics HTTP/1.1\r\n" + b"x-a: b\r\n" * 20_000 + b"\r\n"),
                       ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), ("nothing", b"\r\n")):
        raw(text)
        e2e.equal(get("/healthz")[0], 200, f"after {name}")
    many = [connect() for _ in range(200)]
    time_up = time.monotonic() + 30
    many[0].sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
    e2e.equal(b"200" in many[0].recv(4096), True, "the first of many connections")
    turned_away = 0
    for s in many[100:]:
        s.settimeout(5)
        try:
            turned_away += s.recv(1) == b""
        except ConnectionResetError:
            turned_away += 1
        except TimeoutError:
            pass
    e2e.equal(turned_away, 100, "connections over the maximum")
    for s in many:
        s.close()
    while time.monotonic() < time_up:
        try:
            if get("/healthz")[0] == 200:
                break
        except (ConnectionError, OSError):
            pass  # the closed ones are still being counted
    e2e.equal(get("/healthz")[0], 200, "after many connections")

    # without descriptors, not even a spare one, callers wait and nothing spins
    def cpu_seconds():
        fields = pathlib.Path(f"/proc/{server.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    _, most = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
    before, _ = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (12, most))
    with connect():
        began = cpu_seconds()
        time.sleep(1)
        e2e.equal(cpu_seconds() - began < 0.2, True, "the time it takes to wait for descriptors")
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (before, most))
    e2e.equal(get("/healthz")[0], 200, "once there are descriptors again")

    # who dawdles is let go, and holds nobody up meanwhile
    if not e2e.SAN:
        with connect() as slow:
            began = time.monotonic()
            slow.sendall(b"GET /healthz HTTP/1.1\r\n")
            slow.settimeout(1)
            closed = False
            while not closed and time.monotonic() < began + 30:
                try:
                    slow.sendall(b"x")
                    closed = slow.recv(100) == b""
                except TimeoutError:
                    pass
                except OSError:
                    closed = True
                e2e.equal(get("/healthz")[0], 200, "while another dawdles")
            e2e.equal(closed, True, "a request that never ends")

    # one port, one program
    done = e2e.run(program, "--admin-addr", server.admin, "--grpc-addr", "127.0.0.1:0", "--database-url", "sqlite::memory:", check=1)
    for word in (server.admin, "in use", "--admin-addr"):
        e2e.equal(word in done.stderr, True, f"{word!r} in {done.stderr!r}")
    done = e2e.run(program, "--admin-addr", "nowhere", "--grpc-addr", "127.0.0.1:0", "--database-url", "sqlite::memory:", check=2)
    e2e.equal("--admin-addr" in done.stderr, True, done.stderr)

    # calls in flight, and readiness while they finish
    e2e.run(client, "--addr", server.address, "create-user", "--username", "ada", "--email", "a@b.c")
    waiting = subprocess.Popen([client, "--addr", server.address, "--timeout", "20s", "get-user", "--id", "99"], stderr=subprocess.DEVNULL)
    until = time.monotonic() + 10
    while not (calls := json.loads(get("/debug/calls")[2]))["total"] and time.monotonic() < until:
        pass
    e2e.equal(calls["total"], 1, "calls in flight")
    call = calls["calls"][0]
    e2e.equal(call["method"], "/user.UserService/GetUser", "its method")
    e2e.equal(call["peer"].startswith("ipv4:127.0.0.1:"), True, f"its peer {call}")
    # 1 % more: core-timeout-rounding
    e2e.equal(0 <= call["age_ms"] < 10_000 and 10_000 < call["deadline_ms"] <= 20_200, True, f"its times {call}")
    server.ask()
    while get("/readyz")[0] == 200 and time.monotonic() < until:
        pass
    e2e.equal(get("/readyz")[::2], (503, "not ready\n"), "/readyz while it stops")
    e2e.equal(get("/healthz")[0], 200, "/healthz while it stops")
    labels = '{grpc_type="unary",grpc_service="user.UserService",grpc_method="GetUser"'
    text = get("/metrics")[2]
    e2e.equal(sample(f"grpc_server_started_total{labels}}}", text), 1, "started while it stops")
    e2e.equal(sample(f'grpc_server_handled_total{labels},grpc_code="NotFound"}}', text), 0, "handled while it stops")
    go.touch()
    e2e.equal(waiting.wait(30), 64 + 5, "the call that was in flight")

# off, and limits
with e2e.Server(program, "--admin-addr=off", "--call-rate=1", "--call-burst=2", "--database-url=sqlite::memory:") as limited:
    e2e.equal(limited.admin, None, "--admin-addr=off")
    results = [e2e.run(client, "--addr", limited.address, "get-user", "--id", "1", check=None) for _ in range(20)]
    over = [r for r in results if r.returncode == 64 + 8]
    e2e.equal(bool(over) and "more than 1 calls a second; try again in" in over[0].stderr, True, f"--call-rate: {results[-1]}")
go.unlink()
with e2e.Server(program, "--max-calls=1", "--database-url=sqlite::memory:") as limited:
    waiting = subprocess.Popen([client, "--addr", limited.address, "get-user", "--id", "99"], stderr=subprocess.DEVNULL)
    while not json.loads(get("/debug/calls", admin=limited.admin)[2])["total"]:
        pass
    done = e2e.run(client, "--addr", limited.address, "get-user", "--id", "1", check=64 + 8)
    e2e.equal("1 calls in flight" in done.stderr, True, done.stderr)
    go.touch()
    waiting.wait(30)

# a password is shown to nobody: to SQLite this URL is a file in the folder a:, to everybody else it has a password
pathlib.Path("a:").mkdir()
with e2e.Server(program, env={"DATABASE_URL": "sqlite:a://ada:hunter2@b.db"}) as guarded:
    shown = get("/debug/config", admin=guarded.admin)[2]
    e2e.equal(("hunter2" in shown or "hunter2" in guarded.text(), "ada:***@b.db" in shown), (False, True), shown)
e2e.equal(pathlib.Path("a:/ada:hunter2@b.db").exists(), True, "the file that was meant")
done = subprocess.run([program, "--help"], stdout=subprocess.PIPE, text=True, check=True)
e2e.equal("--admin-addr" in done.stdout and "--max-calls" in done.stdout, True, "--help")
