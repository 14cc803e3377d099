#!/usr/bin/env python3
"""c-svc with one transport alone, either of them: what is left out is not installed and not needed; a project serves with the other one."""
import json
import os
import pathlib
import re
import shutil
import sys
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e

BUILD = pathlib.Path(os.environ["CSVC_BUILD"])
NEEDED = {"grpc-core": "libgrpc.so", "nghttp2": "libnghttp2.so"}
HEADERS = {"grpc-core": "/grpc/", "nghttp2": "/nghttp2/"}
FOLDERS = {"grpc-core": "grpc_core", "nghttp2": "nghttp2"}


def only(kept, left):
    """Installs with `kept` alone below ./KEPT; the environment of somebody who has that."""
    build = pathlib.Path(f"build-{kept}").absolute()
    # what both builds have in common is not compiled again
    for name in ("obj/runtime", "obj/generator", "obj/wkt", "obj/embedded_templates.o", "gen", "wkt", "embed", "stage"):
        (build / name).parent.mkdir(parents=True, exist_ok=True)
        e2e.run("cp", "-a", BUILD / name, build / name)
    shutil.rmtree(build / f"obj/runtime/transport/{FOLDERS[left]}")
    for library in (build / "stage/lib").glob(f"libcsvc-{left}.*"):
        library.unlink()
    variable = "WITH_" + left.upper().replace("-", "_")
    e2e.run("make", "-C", e2e.SOURCE, f"B={build}", f"{variable}=0", f"DESTDIR={build}/to", "PREFIX=/usr", "install",
            env={k: v for k, v in os.environ.items() if not k.startswith("MAKE")}, timeout=600)
    prefix = build / "to/usr"
    files = [str(p.relative_to(prefix)) for p in prefix.rglob("*")]
    e2e.equal([f for f in files if f"csvc-{left}" in f], [], f"what of {left} was installed with {variable}=0")
    for name in (f"lib/libcsvc-{kept}.so", f"lib/libcsvc-{kept}.a", f"lib/pkgconfig/libcsvc-{kept}.pc", "lib/libcsvc.so", "bin/c-svc",
                 "include/csvc-wkt/google/protobuf/any.csvc.h"):
        if name not in files:
            e2e.fail(f"{variable}=0: {name} was not installed")
    # neither its library nor a header of it
    for file in [*prefix.glob("lib/*.so"), *prefix.glob("bin/*")]:
        if NEEDED[left] in e2e.run("ldd", file, env=dict(os.environ)).stdout:
            e2e.fail(f"{variable}=0: {file.name} needs {NEEDED[left]}")
    for depends in (build / "obj").rglob("*.d"):
        if re.search(rf"/include\S*{HEADERS[left]}", depends.read_text()):
            e2e.fail(f"{variable}=0: {depends.name} names a header of {left}'s")
    env = e2e.environment(prefix)
    del env["TRANSPORT"]
    doctor = e2e.run("c-svc", "doctor", env=env).stdout
    if f"-        libcsvc-{left} " not in doctor or "Everything is there." not in doctor or f" {left.split('-')[0]} " in doctor:
        e2e.fail(f"c-svc doctor with {kept} alone:\n{doctor}")
    return env


def create(client, server):
    """Calls it by the client that could be built."""
    reply = e2e.run(client, "--addr", server.address, "create-user", "--username", "ada", "--email", f"{server.process.pid}@example.org")
    e2e.equal(json.loads(reply.stdout)["user"]["username"], "ada", "who was created")


def serve(project, env, transport):
    """A server that says which transport it has, by default and when it is named; others it refuses."""
    program = project / "build/user-service"
    env = {**env, "DATABASE_URL": "sqlite::memory:"}
    for arguments in ((), ("--transport", transport)):
        server = e2e.Server(program, *arguments, env=env)
        server.env.pop("TRANSPORT", None)
        with server:
            if f" transport={transport} " not in server.text():
                e2e.fail(f"{arguments}: {server.text()}")
            create(clients[0], server)
    refused = e2e.run(program, "--transport=other", check=2, env=env).stderr
    if f"'other' is not one that this program was linked with: {transport}\n" not in refused:
        e2e.fail(refused)


clients = []
for kept, left in (("grpc-core", "nghttp2"), ("nghttp2", "grpc-core")):
    env = only(kept, left)
    folder = f"on-{kept}"
    e2e.run("c-svc", "new-service", "user-service", "--proto", e2e.USER_PROTO, "--dir", folder, env=env)
    project = pathlib.Path(folder).absolute()
    e2e.run("make", "-C", project, "-j2", env=env, timeout=600)
    clients += project.glob("build/user-service-client")
    e2e.equal(len(clients), 1, "clients that could be built")
    serve(project, env, kept)
    if NEEDED[left] in e2e.run("ldd", project / "build/user-service", env=env).stdout:
        e2e.fail(f"a service on {kept} needs {NEEDED[left]}")
    if kept == "grpc-core":
        e2e.run("make", "-C", project, "-j2", "test", env=env, timeout=600)
    else:
        said = e2e.run("make", "-C", project, "test", env=env, check=2).stderr
        if "pkg-config does not find libcsvc-grpc-core" not in said:
            e2e.fail(f"make test without what calls: {said}")
