#!/usr/bin/env python3
"""A service and what watches it: systemd's socket hears of it, --health, the load test's report, and every query of the dashboard and
every alert asked of a real Prometheus that scraped it under that load."""
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e

proto = pathlib.Path("user.proto")
text = e2e.USER_PROTO.read_text()
proto.write_text(text.replace("service UserService {", """service UserService {
  rpc StreamUsers(StreamUsersRequest) returns (stream User);
  rpc Chat(stream User) returns (stream User);
""") + "message StreamUsersRequest {}\n")
project = e2e.scaffold("user-service", "--proto", proto)
build = project / "build"
deploy = project / "deploy"

# ---- the socket of sd_notify ----


def heard(sock):
    sock.settimeout(30)
    return sock.recv(1000).decode()


def tells(name, env_name):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(name)
        server = e2e.Server(build / "user-service", "--database-url", "sqlite::memory:", env={"NOTIFY_SOCKET": env_name}).start()
        e2e.equal(heard(sock), "READY=1", f"what {env_name} hears at the start")
        server.ask()
        e2e.equal(heard(sock), "STOPPING=1", "at the stop")
        server.stop()
        sock.settimeout(0)
        try:
            e2e.fail(f"and then {sock.recv(1000)}")
        except BlockingIOError:
            pass


tells("notify", str(pathlib.Path.cwd() / "notify"))
tells(f"\0csvc-test-{os.getpid()}", f"@csvc-test-{os.getpid()}")
# nobody who listens, and no address: it serves all the same, and says so
for bad, says in ((str(pathlib.Path.cwd() / "nobody"), "does not take"), ("relative", "names no unix socket")):
    with e2e.Server(build / "user-service", "--database-url", "sqlite::memory:", env={"NOTIFY_SOCKET": bad}) as server:
        pass
    if says not in server.text():
        e2e.fail(f"NOTIFY_SOCKET={bad}:\n{server.text()}")
# a start that fails tells nobody that it is ready
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
    sock.bind("notify2")
    done = e2e.run(build / "user-service", "--database-url", "sqlite:/nowhere/x.db", check=1,
                   env={**e2e.environment(), "NOTIFY_SOCKET": str(pathlib.Path.cwd() / "notify2"), "GRPC_ADDR": "127.0.0.1:0"})
    sock.settimeout(0)
    try:
        e2e.fail(f"a start that failed says {sock.recv(1000)}")
    except BlockingIOError:
        pass

# ---- --health ----


def health(*arguments, check):
    return e2e.run(build / "user-service", "--health", *arguments, check=check).stderr


with e2e.Server(build / "user-service", "--database-url", "sqlite::memory:", "--shutdown-delay", "10m", expect=None) as server:
    port = server.admin.rsplit(":", 1)[1]
    e2e.equal(health("--admin-addr", server.admin, check=0), "", "a server that is ready")
    health(f"--admin-addr=0.0.0.0:{port}", check=0)
    server.ask()
    until = time.monotonic() + 30
    while "stopping" not in server.text() and time.monotonic() < until:
        time.sleep(0.01)
    said = health("--admin-addr", server.admin, check=1)
    if "not ready" not in said:
        e2e.fail(f"a server that stops: {said}")
    server.process.send_signal(signal.SIGTERM)  # the second one ends it at once
if "nobody answers at" not in health("--admin-addr", server.admin, check=1):
    e2e.fail("--health of nobody")
health("--admin-addr", "nonsense", check=2)
if "there is none" not in health("--admin-addr", "off", check=1):
    e2e.fail("--health without an admin address")
with socket.socket() as mute:  # takes connections, and says nothing
    mute.bind(("127.0.0.1", 0))
    mute.listen()
    if "no answer in time" not in health("--admin-addr", f"127.0.0.1:{mute.getsockname()[1]}", check=1):
        e2e.fail("--health of somebody who is silent")

# ---- the load test, with Prometheus looking ----

bench = build / "user-service-bench"


def report(server, *arguments, check=0):
    """What a report says: its numbers by name, the codes; held to the sums that must hold."""
    done = e2e.run(bench, "--addr", server.address, *arguments, check=check)
    text = done.stdout
    numbers = {k: v for k, v in re.findall(r"^  ([\w/.]+) +([\d.]+(?: \w+)?)$", text, re.M)}
    codes = {k: int(v) for k, v in re.findall(r"^  ([A-Z_]+) +(\d+)", text.split("\nCodes\n")[1], re.M)}
    rows = [int(n) for n in re.findall(r"^  up to .*?(\d+) \|\**$", text, re.M)]
    e2e.equal(sum(codes.values()), int(numbers["count"]), f"codes of\n{text}")
    e2e.equal((len(rows), sum(rows)), (10, int(numbers["count"])), f"the histogram of\n{text}")
    return numbers, codes, text


def seconds(text):
    number, unit = text.split()
    return float(number) * {"s": 1, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}[unit]


with socket.socket() as s:
    s.bind(("127.0.0.1", 0))
    prometheus_port = s.getsockname()[1]


def query(expression):
    url = f"http://127.0.0.1:{prometheus_port}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)["data"]["result"]
    except urllib.error.HTTPError as error:
        if error.code == 503:
            raise ConnectionError("it is still starting") from error
        e2e.fail(f"{expression}: {error.read().decode()}")


with e2e.Server(build / "user-service", "--database-url", "sqlite::memory:") as server:
    # the project's own file, scraping faster and somebody on loopback
    config = (deploy / "prometheus.yml").read_text().replace("user-service:9464", server.admin).replace("15s", "200ms")
    pathlib.Path("prometheus.yml").write_text(config)
    pathlib.Path("alerts.yml").write_text((deploy / "alerts.yml").read_text())
    with open("prometheus.log", "wb") as log:
        prometheus = subprocess.Popen(["prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=tsdb",
                                       f"--web.listen-address=127.0.0.1:{prometheus_port}"], stdout=log, stderr=log)
    try:
        until = time.monotonic() + 60
        while True:
            try:
                if query('up{job="user-service"} == 1'):
                    break
            except OSError:
                pass  # it has not started yet
            if time.monotonic() > until:
                e2e.fail(f"Prometheus does not scrape:\n{pathlib.Path('prometheus.log').read_text()}")
            time.sleep(0.1)
        numbers, codes, text = report(server, "-n", "300", "-c", "5", "create-user", "--username", "u{n}", "--email", "u{n}@example.org")
        e2e.equal(codes, {"OK": 300}, "names that are each call's own")
        numbers, codes, text = report(server, "-n", "2000", "-c", "20", "get-user", "--id", "1")
        e2e.equal((codes, numbers["count"]), ({"OK": 2000}, "2000"), "calls and codes")
        order = [seconds(numbers[k]) for k in ("fastest", "p10", "p50", "p90", "p99", "p99.9", "slowest")]
        e2e.equal(order, sorted(order), f"percentiles rise:\n{text}")
        e2e.equal(abs(2000 / seconds(numbers["total"]) / float(numbers["rps"]) - 1) < 0.05, True, f"rps is count by total:\n{text}")
        numbers, codes, text = report(server, "-d", "1s", "-c", "4", "list-users")
        e2e.equal((list(codes), 0.9 < seconds(numbers["total"]) < 30), (["OK"], True), "by time")
        # streams are read to their end: 300 users and, on SQLite, not one more
        numbers, codes, text = report(server, "-n", "20", "-c", "2", "stream-users")
        messages = float(numbers["messages/s"]) * seconds(numbers["total"])
        e2e.equal((codes, 0.9 < messages / 6000 < 1.1), ({"OK": 20}, True), f"messages of streams:\n{text}")
        numbers, codes, text = report(server, "-n", "20", "-c", "2", "chat", "--username", "ada", check=1)
        e2e.equal(codes, {"UNIMPLEMENTED": 20}, "a stub with streams both ways")
        done = e2e.run(bench, "--addr", server.address, "--json", '{"id": 1}', "chat", check=2)
        if "--json gives one request" not in done.stderr:
            e2e.fail(f"lines for a load test: {done.stderr}")
        # errors are counted by code, with a text; none that is OK is a failure
        numbers, codes, text = report(server, "-n", "50", "get-user", "--id", "999999", check=1)
        if codes != {"NOT_FOUND": 50} or "user 999999 not found" not in text:
            e2e.fail(f"calls that fail:\n{text}")
        for arguments, says in ((["-c", "0", "list-users"], "-c: '0' is not"), (["-c", "1001", "list-users"], "from 1 to 1000"),
                                (["-d", "soon", "list-users"], "is not a duration"), (["-n", "5", "-d", "1s", "list-users"], "different ends"),
                                (["list-users", "-n"], "-n needs a value"), (["-n", "5"], "which rpc?"), (["no-such"], "unknown rpc")):
            done = e2e.run(bench, *arguments, check=2)
            if says not in done.stderr or done.stdout != "":
                e2e.fail(f"{arguments}: {done.stderr}{done.stdout}")
        # told to stop, it reports what it has
        e2e.run(build / "user-service-client", "--addr", server.address, "delete-user", "--id", "300")
        process = subprocess.Popen([str(bench), "--addr", server.address, "-d", "10m", "get-user", "--id", "300"],
                                   env=e2e.environment(), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        counted = 'grpc_server_handled_total{grpc_method="GetUser", grpc_code="NotFound"} > 60'
        while not query(counted):
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        if process.returncode != 1 or "stopped early" not in out or "  NOT_FOUND " not in out:
            e2e.fail(f"stopped: {process.returncode}\n{out}{err}")

        # every query of the dashboard gives numbers
        dashboard = json.loads((deploy / "grafana/dashboard.json").read_text())
        queries = [(p["title"], t["expr"]) for p in dashboard["panels"] for t in p["targets"]]
        if len(queries) < 15:
            e2e.fail(f"the dashboard asks {len(queries)} things")
        for title, expression in queries:
            expression = expression.replace("$__rate_interval", "1m").replace("$instance", ".*")
            until = time.monotonic() + 30
            while True:
                result = query(expression)
                # an rpc that nobody calls has no quantile: NaN, of which Grafana draws nothing
                values = [float(r["value"][1]) for r in result if r["value"][1] != "NaN"]
                if values:
                    break
                if time.monotonic() > until:
                    e2e.fail(f"the dashboard's {title!r}: {expression} gives {result}")
                time.sleep(0.2)
            if title in ("Calls a second", "Connections", "Duration of unary calls, p99") and max(values) <= 0:
                e2e.fail(f"the dashboard's {title!r} sees no load: {result}")
        variable = dashboard["templating"]["list"][1]["query"]
        e2e.equal(variable, 'label_values(up{job="user-service"}, instance)', "the variable")
        # what the alerts speak of is there
        for metric in set(re.findall(r"\b((?:grpc|csvc)_\w+)\{", (deploy / "alerts.yml").read_text())):
            if not query(f'{metric}{{job="user-service"}}'):
                e2e.fail(f"an alert speaks of {metric}, which there is not")
        # all is well, as the alerts see it, but for those who asked for what there is not: NOT_FOUND wakes nobody
        with urllib.request.urlopen(f"http://127.0.0.1:{prometheus_port}/api/v1/rules", timeout=10) as answer:
            rules = [r for g in json.load(answer)["data"]["groups"] for r in g["rules"]]
        e2e.equal({r["health"] for r in rules} <= {"ok", "unknown"}, True, f"rules: {rules}")
        e2e.equal([r["name"] for r in rules if r["state"] == "firing"], [], "alerts")
    finally:
        prometheus.terminate()
        prometheus.wait(30)
