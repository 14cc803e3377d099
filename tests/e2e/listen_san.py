#!/usr/bin/env python3
# transports: both
"""Where a generated server listens: docs/listening.md does what it says; socket files come and go; sockets that others opened
are served, across a restart, too, with nobody refused; what cannot be says why."""
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e

project = e2e.scaffold("user-service", "--proto", e2e.USER_PROTO)
program, client = project / "build/user-service", project / "build/user-service-client"
MEMORY = {"DATABASE_URL": "sqlite::memory:"}
text = (e2e.SOURCE / "docs/listening.md").read_text()
blocks = re.findall(r"<!-- (run|serve|file: \S+) -->\n```\w+\n(.*?)^```", text, re.M | re.S)
e2e.equal([kind for kind, _ in blocks], ["serve", "run", "file: user-service.socket", "file: user-service.service", "serve"],
          "what there is to run in docs/listening.md")


def mine(command):
    """A command of the page: ports and names that others have not taken."""
    return command.replace(":50051", ":0").replace("abstract:user-service", f"abstract:user-service-{os.getpid()}")


def call(address, *arguments, check=0):
    return e2e.run(client, "--addr", address, "--timeout", "20s", "list-users", *arguments, check=check)


def listening():
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    s.listen(64)
    return s, f"127.0.0.1:{s.getsockname()[1]}"


def refused(what, code, words, *arguments, env=None):
    done = e2e.run(program, *arguments, env={**e2e.environment(), **MEMORY, "ADMIN_ADDR": "off", **(env or {})}, check=code)
    for word in words:
        if word not in done.stderr:
            e2e.fail(f"{what}: no {word!r} in\n{done.stderr}")


# ---- the page ----
serve = mine(blocks[0][1]).split()
with e2e.Server(project / serve[0], *serve[1:], cwd=project, env={**MEMORY, "GRPC_ADDR": ""}) as server:
    call(server.address)
    e2e.run("sh", "-ec", mine(blocks[1][1]), cwd=project)
    # a client that has the server's own setting
    e2e.run(client, "list-users", env={**e2e.environment(), "GRPC_ADDR": serve[-1].replace("127.0.0.1:0", server.address)})
    # another server on any of them
    for address in ("unix:user-service/user-service.sock", mine("unix-abstract:user-service"), server.address):
        refused(f"a second server on {address}", 1, [address, "in use"], "--grpc-addr", f"127.0.0.1:0,{address}")
    if not (project / "user-service.sock").is_socket():
        e2e.fail("there is no user-service.sock, though somebody listens on it")
if (project / "user-service.sock").exists():
    e2e.fail("user-service.sock is left behind")

# ---- socket files ----
path = pathlib.Path("s.sock")
with e2e.Server(program, env={**MEMORY, "GRPC_ADDR": f"127.0.0.1:0,unix:{path.absolute()}"}, expect=None) as server:
    server.kill()
if not path.is_socket():
    e2e.fail("a server that was killed could remove its file?")
with e2e.Server(program, env={**MEMORY, "GRPC_ADDR": f"127.0.0.1:0,unix://{path.absolute()}"}):
    call(f"unix:{path}")
path.write_text("mine")
refused("a file that is no socket", 1, [str(path), "no socket"], "--grpc-addr", f"unix:{path}")
e2e.equal(path.read_text(), "mine", "a file that is no socket")
refused("a folder that is not there", 1, ["nowhere/s.sock", "No such file"], "--grpc-addr", "unix:nowhere/s.sock")

# ---- sockets that others have opened ----
tcp, address = listening()
unix = socket.socket(socket.AF_UNIX)
unix.bind("passed.sock")
unix.listen(64)
with e2e.Server(program, "--grpc-addr", "systemd:", env=MEMORY, sockets={"web": tcp, "local": unix}) as server:
    call(address)
    call("unix:passed.sock")
if not pathlib.Path("passed.sock").is_socket():
    e2e.fail("a file that is somebody else's was removed")

# one of them; the other is not served, though it is there
with e2e.Server(program, "--grpc-addr", "systemd:local", env=MEMORY, sockets={"web": tcp, "local": unix}):
    call("unix:passed.sock")

# who calls while nobody serves is served by the next one
results = []
caller = threading.Thread(target=lambda: results.append(call(address, check=None)))
caller.start()
for _ in range(2):
    with e2e.Server(program, "--grpc-addr", "systemd:web,systemd:local", env=MEMORY, sockets={"web": tcp, "local": unix}):
        caller.join(60)
        call(address)
if not results or results[0].returncode != 0:
    e2e.fail(f"a call that came before the server: {results}")

# what cannot be
refused("no sockets", 1, ["nobody has passed sockets", ".socket unit"], "--grpc-addr", "systemd:")
refused("sockets for another process", 1, ["nobody has passed sockets"], "--grpc-addr", "systemd:",
        env={"LISTEN_PID": "1", "LISTEN_FDS": "1"})


def fails(what, words, sockets, *arguments):
    server = e2e.Server(program, *arguments, env={**MEMORY, "ADMIN_ADDR": "off"}, sockets=sockets)
    with open(server.log, "wb") as log:
        code = subprocess.run(server.command, env=server.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=server.passed,
                              timeout=60, check=False).returncode
    for fd in server.passed:
        os.close(fd)
    if code != 1 or not all(word in server.text() for word in words):
        e2e.fail(f"{what}: {code}, not all of {words} in\n{server.text()}")


fails("a name that is not there", ['called "mail"', "web, local"], {"web": tcp, "local": unix}, "--grpc-addr", "systemd:mail")
connected = socket.create_connection(tcp.getsockname())
fails("Accept=yes", ["descriptor 3", "Accept=no"], {"connection": connected}, "--grpc-addr", "systemd:")
connected.close()
e2e.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=x",
        "-addext", "subjectAltName=DNS:localhost", "-keyout", "x.key", "-out", "x.pem")
tls = ("--tls-cert-file", "x.pem", "--tls-key-file", "x.key")
if e2e.deviates("core-passed-tls"):
    fails("core-passed-tls", ["with TLS", "takes none from others"], {"web": tcp}, "--grpc-addr", "systemd:", *tls)
else:
    with e2e.Server(program, "--grpc-addr", "systemd:", *tls, env=MEMORY, sockets={"web": tcp, "local": unix}):
        call(address, "--tls-ca-file", "x.pem", "--tls-server-name", "localhost")
        call("unix:passed.sock", "--tls-ca-file", "x.pem")

# ---- systemd's own tools ----
if shutil.which("systemd-socket-activate") is None:
    e2e.not_tried("listen_san.py: systemd-socket-activate", "it is not installed")
else:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    activate = blocks[4][1].replace(":50051", f":{port}").split()
    # it passes nothing on by itself
    given = {**MEMORY, "ADMIN_ADDR": "off", "TRANSPORT": e2e.TRANSPORT, **{k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}}
    process = subprocess.Popen(activate[:-3] + [f"--setenv={k}={v}" for k, v in given.items()] + activate[-3:],
                               cwd=project, env=e2e.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True)
    try:
        while "Listening" not in (line := process.stderr.readline()):
            if not line:
                e2e.fail(f"{activate} ended with {process.wait()}")
        call(f"127.0.0.1:{port}")  # starts the server
        call(f"127.0.0.1:{port}")
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=60)
        e2e.equal(process.returncode, 0, f"how it stopped:\n{log}")
        if "grpc=systemd:" not in log:
            e2e.fail(f"no line `listening` in\n{log}")
    finally:
        if process.poll() is None:
            process.kill()
if shutil.which("systemd-analyze") is None:
    e2e.not_tried("listen_san.py: systemd-analyze verify", "it is not installed")
else:
    units = pathlib.Path("units")
    units.mkdir()
    for kind, content in blocks[2:4]:
        (units / kind.split()[1]).write_text(content.replace("/usr/local/bin/user-service", str(program.absolute())))
    verified = e2e.run("systemd-analyze", "verify", "--recursive-errors=no", *sorted(units.iterdir()), check=None)
    if verified.returncode != 0 or "user-service" in verified.stderr:
        e2e.fail(f"systemd-analyze verify: {verified.returncode}\n{verified.stderr}")
