#!/usr/bin/env python3
# transports: both
"""As a new user would: a proto with the four kinds, new-service, make, make run; then Python and JavaScript programs, written the way those
languages' own tutorials write them, and the generated client call each kind, the client as the project's README says; SIGTERM ends it with 0."""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e

PROTO = """syntax = "proto3";
package route;

message Point { int32 latitude = 1; int32 longitude = 2; }
message Area { Point low = 1; Point high = 2; }
message Feature { string name = 1; Point location = 2; }
message Summary { int32 point_count = 1; int32 distance = 2; }
message Note { Point location = 1; string message = 2; }

service RouteGuide {
  rpc GetFeature(Point) returns (Feature);
  rpc ListFeatures(Area) returns (stream Feature);
  rpc RecordRoute(stream Point) returns (Summary);
  rpc RouteChat(stream Note) returns (stream Note);
}
"""

# What a user puts in place of each stub's body.
BODIES = {
    "get_feature": """
    rsp->name = csvc_printf(ctx, "at %d,%d", req->latitude, req->longitude);
    rsp->location = csvc_calloc(ctx, 1, sizeof(*rsp->location));
    if (rsp->name == NULL || rsp->location == NULL) {
        return csvc_fail(ctx, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    }
    *rsp->location = *req;
    return CSVC_OK;
""",
    "list_features": """
    csvc_code code = CSVC_OK;

    if (req->low == NULL || req->high == NULL) {
        return csvc_fail(ctx, CSVC_INVALID_ARGUMENT, "an area has two corners");
    }
    for (int32_t i = req->low->latitude; code == CSVC_OK && i <= req->high->latitude; i++) {
        Route__Feature feature = ROUTE__FEATURE__INIT;
        Route__Point location = ROUTE__POINT__INIT;

        location.latitude = i;
        feature.name = (char *)"somewhere";
        feature.location = &location;
        code = route_guide_list_features_send(out, &feature);
    }
    return code;
""",
    "record_route": """
    const Route__Point *req;

    (void)ctx;
    while (route_guide_record_route_recv(in, &req)) {
        rsp->point_count++;
        rsp->distance += req->latitude;
    }
    return csvc_stream_code(in);
""",
    "route_chat": """
    const Route__Note *req;
    csvc_code code = CSVC_OK;

    (void)ctx;
    while (code == CSVC_OK && route_guide_route_chat_recv(in, &req)) {
        code = route_guide_route_chat_send(out, req);
    }
    return code != CSVC_OK ? code : csvc_stream_code(in);
""",
}

PYTHON = '''
import sys
import grpc
import route_pb2, route_pb2_grpc

with grpc.insecure_channel(sys.argv[1]) as channel:
    stub = route_pb2_grpc.RouteGuideStub(channel)
    feature = stub.GetFeature(route_pb2.Point(latitude=409146138, longitude=-746188906))
    assert feature.name == "at 409146138,-746188906" and feature.location.latitude == 409146138, feature

    area = route_pb2.Area(low=route_pb2.Point(latitude=1), high=route_pb2.Point(latitude=500))
    assert [f.location.latitude for f in stub.ListFeatures(area)] == list(range(1, 501))

    def points():
        for i in range(300):
            yield route_pb2.Point(latitude=i)
    summary = stub.RecordRoute(points())
    assert (summary.point_count, summary.distance) == (300, 299 * 300 // 2), summary

    def notes():
        for text in ("first", "second", "third"):
            yield route_pb2.Note(message=text)
    assert [n.message for n in stub.RouteChat(notes())] == ["first", "second", "third"]

    try:
        list(stub.ListFeatures(route_pb2.Area()))
        raise AssertionError("no error")
    except grpc.RpcError as e:
        assert (e.code(), e.details()) == (grpc.StatusCode.INVALID_ARGUMENT, "an area has two corners"), e
'''

JAVASCRIPT = r'''
const assert = require('assert');
const grpc = require('@grpc/grpc-js');
const protoLoader = require('@grpc/proto-loader');

const definition = protoLoader.loadSync(process.argv[3], {keepCase: true, longs: String, enums: String, defaults: true, oneofs: true});
const route = grpc.loadPackageDefinition(definition).route;
const client = new route.RouteGuide(process.argv[2], grpc.credentials.createInsecure());

function getFeature(next) {
  client.getFeature({latitude: 3, longitude: 4}, (error, feature) => {
    assert.ifError(error);
    assert.deepStrictEqual(feature, {name: 'at 3,4', location: {latitude: 3, longitude: 4}});
    next();
  });
}
function listFeatures(next) {
  const seen = [];
  const call = client.listFeatures({low: {latitude: 1}, high: {latitude: 500}});
  call.on('data', (feature) => seen.push(feature.location.latitude));
  call.on('error', assert.ifError);
  call.on('end', () => {
    assert.deepStrictEqual(seen, Array.from({length: 500}, (_, i) => i + 1));
    next();
  });
}
function recordRoute(next) {
  const call = client.recordRoute((error, summary) => {
    assert.ifError(error);
    assert.deepStrictEqual(summary, {point_count: 300, distance: 299 * 300 / 2});
    next();
  });
  for (let i = 0; i < 300; i++) {
    call.write({latitude: i});
  }
  call.end();
}
function routeChat(next) {
  const texts = ['first', 'second', 'third'];
  const seen = [];
  const call = client.routeChat();
  call.on('data', (note) => {
    seen.push(note.message);
    if (seen.length < texts.length) {
      call.write({message: texts[seen.length]});  // a word for a word
    } else {
      call.end();
    }
  });
  call.on('error', assert.ifError);
  call.on('end', () => {
    assert.deepStrictEqual(seen, texts);
    next();
  });
  call.write({message: texts[0]});
}
function refused(next) {
  const call = client.listFeatures({});
  call.on('data', () => assert.fail('a message'));
  call.on('error', (error) => {
    assert.strictEqual(error.code, grpc.status.INVALID_ARGUMENT);
    assert.strictEqual(error.details, 'an area has two corners');
    next();
  });
}
getFeature(() => listFeatures(() => recordRoute(() => routeChat(() => refused(() => client.close())))));
'''

proto = pathlib.Path.cwd() / "route.proto"
proto.write_text(PROTO)
made = e2e.run("c-svc", "new-service", "route-service", "--proto", proto)
project = pathlib.Path.cwd() / "route-service"
for line in ("route-service: 1 service, 4 rpcs, no storage.", "4 handlers are yours to write", "Next:  cd route-service && make run",
             "build/route-service-client get-feature --latitude 1 --longitude 1"):
    if line not in made.stdout:
        e2e.fail(f"no {line!r} in\n{made.stdout}")
if len((project / "server/main.c").read_text().splitlines()) >= 60:
    e2e.fail("main.c is no table of contents")

# As it was born: no warning, all tests pass, each stub shows how its stream is used and is listed.
built = e2e.run("make", "-C", project, "-j2", *e2e.make_args())
if built.stderr or built.stdout.count("todo: ") != 4:
    e2e.fail(f"make:\n{built.stdout}{built.stderr}")
tested = e2e.run("make", "-C", project, "-j2", "test", *e2e.make_args())
if tested.stderr or "route-service: all 5 test programs passed." not in tested.stdout:
    e2e.fail(f"make test:\n{tested.stdout}{tested.stderr}")
for rpc, body in BODIES.items():
    path = project / f"server/route_guide/{rpc}.c"
    text = path.read_text()
    for used in re.findall(rf"route_guide_{rpc}_(?:recv|send)\(", body):
        if used not in text:
            e2e.fail(f"the stub of {rpc} does not show {used}:\n{text}")
    path.write_text(re.sub(r"\n\{\n.*", lambda _: "\n{\n    (void)svc;\n" + body + "}\n", text, flags=re.S))
built = e2e.run("make", "-C", project, "-j2", *e2e.make_args())
if built.stderr or "todo: " in built.stdout:
    e2e.fail(f"make:\n{built.stdout}{built.stderr}")

# The README's lines, as they stand there.
readme = (project / "README.md").read_text()
stream_lines = re.findall(r"^printf .*-client [\w-]+$", readme, re.M)
e2e.equal(len(stream_lines), 2, f"lines for rpcs that take streams in\n{readme}")

log = open("run.log", "w+b")
env = {**e2e.environment(), "GRPC_ADDR": "127.0.0.1:0", "ADMIN_ADDR": "off"}
# a group to find the server in; in our session, where tests/run.py looks for what is left
running = subprocess.Popen(["make", "-C", str(project), "run", *e2e.make_args()], env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=os.setpgrp)
address = None
until = time.monotonic() + 60
while address is None and running.poll() is None and time.monotonic() < until:
    log.seek(0)
    found = re.search(r"listening.*?grpc=([\w.:]+)", log.read().decode(errors="replace"))
    address = found.group(1) if found else time.sleep(0.02)
if address is None:
    e2e.fail(f"make run: {pathlib.Path('run.log').read_text()}")

try:
    e2e.python_stubs(proto, ".")
    pathlib.Path("client.py").write_text(PYTHON)
    e2e.run(*e2e.python_client("client.py", address))
    if shutil.which("node") and (e2e.PEERS / "node/node_modules/@grpc/proto-loader").exists():
        pathlib.Path("client.js").write_text(JAVASCRIPT)
        e2e.run("node", "client.js", address, proto, env={**e2e.environment(), "NODE_PATH": str(e2e.PEERS / "node/node_modules")}, timeout=120)
    else:
        e2e.not_tried("a JavaScript client of the four kinds", "there is no node with @grpc/proto-loader")

    called = {**e2e.environment(), "GRPC_ADDR": address}
    client = project / "build/route-service-client"
    e2e.equal(e2e.run(client, "get-feature", "--latitude=1", env=called).stdout, '{"name": "at 1,0", "location": {"latitude": 1}}\n', "unary")
    e2e.equal(e2e.run(client, "list-features", "--low.latitude=1", "--high.latitude=3", env=called).stdout.count("\n"), 3, "server streaming")
    expected = {"record-route": '{"pointCount": 2, "distance": 2}\n', "route-chat": '{"message": "hello"}\n' * 2}
    for line in stream_lines:
        e2e.equal(e2e.run("sh", "-c", line, cwd=project, env=called).stdout, expected[line.split()[-1]], line)
finally:
    server = int(subprocess.run(["pgrep", "-g", str(running.pid), "-x", "route-service"], capture_output=True, text=True, check=True).stdout)
    os.kill(server, signal.SIGTERM)
    running.wait(60)
e2e.equal(running.returncode, 0, f"make run after SIGTERM: {pathlib.Path('run.log').read_text()}")
