#!/usr/bin/env python3
# transports: both
"""A real Prometheus scrapes a generated service under load; its HTTP API shows the calls. promtool finds nothing to say."""
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e

project = e2e.scaffold("user-service", "--proto", e2e.USER_PROTO)
e2e.python_stubs(e2e.USER_PROTO, ".")
with socket.socket() as s:
    s.bind(("127.0.0.1", 0))
    port = s.getsockname()[1]

pathlib.Path("load.py").write_text('''
import sys, grpc, user_pb2 as pb, user_pb2_grpc as rpc
channel = grpc.insecure_channel(sys.argv[1])
stub = rpc.UserServiceStub(channel)
user = stub.CreateUser(pb.CreateUserRequest(username="ada", email="ada@example.org"), timeout=10).user
for _ in range(500):
    stub.GetUser(pb.GetUserRequest(id=user.id), timeout=10)
for i in range(30):
    try:
        stub.GetUser(pb.GetUserRequest(id=1000 + i), timeout=10)
    except grpc.RpcError as e:
        assert e.code() == grpc.StatusCode.NOT_FOUND, e
for i in range(7):
    try:
        channel.unary_unary(f"/made.Up{i}/Method")(b"", timeout=10)
    except grpc.RpcError as e:
        assert e.code() == grpc.StatusCode.UNIMPLEMENTED, e
''')


def query(expression):
    """What Prometheus answers: {labels without its own: value}."""
    url = f"http://127.0.0.1:{port}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
    with urllib.request.urlopen(url, timeout=10) as answer:
        result = json.load(answer)["data"]["result"]
    return {tuple(sorted((k, v) for k, v in r["metric"].items() if k not in ("__name__", "job", "instance"))):
            float(r["value"][1]) for r in result}


def wait(expression, expected, what):
    until = time.monotonic() + 60
    got = None
    while time.monotonic() < until:
        try:
            got = list(query(expression).values())
            if got == [expected]:
                return
        except OSError:
            pass  # it has not started yet
        time.sleep(0.2)
    e2e.fail(f"{what}: {expression} gives {got}, not {expected}\n{pathlib.Path('prometheus.log').read_text()}")


with e2e.Server(project / "build/user-service", "--database-url", "sqlite::memory:") as server:
    pathlib.Path("prometheus.yml").write_text(f'''
global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}
scrape_configs:
  - job_name: user-service
    static_configs: [{{targets: ["{server.admin}"]}}]
''')
    with open("prometheus.log", "wb") as log:
        prometheus = subprocess.Popen(["prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=tsdb",
                                       f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)
    try:
        wait("up", 1, "the first scrape")
        of = '{grpc_service="user.UserService",grpc_method="%s"%s}'
        # there before the first call, so that its rate can be seen
        wait("grpc_server_started_total" + of % ("GetUser", ""), 0, "zeros from the start")
        e2e.equal(len(query("grpc_server_handled_total" + of % ("GetUser", ""))), 17, "a series for each code")
        e2e.run(*e2e.python_client("load.py", server.address))
        wait("grpc_server_started_total" + of % ("GetUser", ""), 530, "calls started")
        wait("grpc_server_handled_total" + of % ("GetUser", ',grpc_code="OK"'), 500, "calls handled")
        wait("grpc_server_handled_total" + of % ("GetUser", ',grpc_code="NotFound"'), 30, "calls that failed")
        wait("grpc_server_msg_received_total" + of % ("GetUser", ""), 530, "messages received")
        wait("grpc_server_msg_sent_total" + of % ("GetUser", ""), 500, "messages sent")
        wait("grpc_server_handling_seconds_count" + of % ("GetUser", ""), 530, "durations")
        wait('grpc_server_handling_seconds_bucket{grpc_method="GetUser",le="+Inf"}', 530, "durations at most endless")
        wait('grpc_server_started_total{grpc_service="unknown"}', 7, "calls of what nobody serves")
        wait("csvc_server_connections_accepted_total > 0 and csvc_server_connections_open == 0", 1, "connections that came and went")
        wait("sum(csvc_server_connections_refused_total)", 0, "connections refused")
        # what dashboards ask
        quantile = query('histogram_quantile(0.99, sum by (le) (rate(grpc_server_handling_seconds_bucket[30s])))')
        e2e.equal(0 < list(quantile.values())[0] < 10, True, f"p99 {quantile}")
        wait("min_over_time(up[1h])", 1, "no scrape failed")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/targets", timeout=10) as answer:
            target = json.load(answer)["data"]["activeTargets"][0]
        e2e.equal((target["health"], target["lastError"]), ("up", ""), "the target")
    finally:
        prometheus.terminate()
        prometheus.wait(30)

    with urllib.request.urlopen(f"http://{server.admin}/metrics", timeout=10) as answer:
        text = answer.read()
    done = subprocess.run(["promtool", "check", "metrics"], input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    e2e.equal((done.returncode, done.stdout), (0, b""), "promtool check metrics")
    guide = (e2e.SOURCE / "docs/metrics.md").read_text()
    reasons = re.findall(r'_refused_total{reason="(\w+)"}', text.decode())
    e2e.equal((len(reasons) >= 4, [r for r in reasons if f"`{r}`" not in guide]), (True, []),
              "reasons for refusing, and those that docs/metrics.md has not")
    families = re.findall(rb"^# TYPE (\S+) (\S+)$", text, re.M)
    e2e.equal(len(families), len(set(families)), "a family is there once")
