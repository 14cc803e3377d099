#!/usr/bin/env python3
# transports: both
"""TLS of a generated project: docs/tls.md does what it says; Python's gRPC is let in or kept out, with a reason in the
log; certificates change under its traffic; a server that cannot have its certificate says why."""
import os
import pathlib
import re
import subprocess
import sys
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e

project = e2e.scaffold("user-service", "--proto", e2e.USER_PROTO)
program, client = project / "build/user-service", project / "build/user-service-client"
text = (e2e.SOURCE / "docs/tls.md").read_text()
blocks = re.findall(r"<!-- (run|serve|file: \S+) -->\n```\w+\n(.*?)^```", text, re.M | re.S)
e2e.equal([kind for kind, _ in blocks], ["run", "serve", "run", "file: server/user_service/delete_user.c", "run"],
          "what there is to run in docs/tls.md")
(project / blocks[3][0].split()[1]).write_text(blocks[3][1])
e2e.run("make", "-C", project, *e2e.make_args())
sign = blocks[0][1][blocks[0][1].index("sign() {"):]
sign = sign[:sign.index("\n}\n") + 3]


def sh(script, env=None, check=0):
    return e2e.run("bash", "-ec", script, cwd=project, env={**e2e.environment(), **(env or {})}, check=check)


def openssl(script):
    sh(sign + script)


sh(blocks[0][1])
sh("cp -r tls tls-other && cd tls-other && rm *")
openssl("""mv tls tls-mine; mkdir tls
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj '/CN=other' -keyout tls/ca.key -out tls/ca.pem
sign eve eve DNS:eve
rm -rf tls-other; mv tls tls-other; mv tls-mine tls""")
serve = blocks[1][1].split()

# ---- the page ----
with e2e.Server(project / serve[0], *serve[1:], cwd=project, env={"DATABASE_URL": "sqlite::memory:"}) as server:
    at = {"GRPC_ADDR": server.address}
    sh(blocks[2][1], env=at)
    sh(sign + blocks[4][1], env=at)
    if "certificates were read again" not in server.text():
        e2e.fail(f"nothing was read again:\n{server.text()}")
    # by variables, and who is not ada
    openssl("sign bob bob DNS:bob.example.org")
    as_bob = {**at, "TLS_CA_FILE": "tls/ca.pem", "TLS_CLIENT_CERT_FILE": "tls/bob.pem", "TLS_CLIENT_KEY_FILE": "tls/bob.key"}
    refused = sh("build/user-service-client delete-user --id 1", env=as_bob, check=64 + 7)
    if "only ada deletes, not bob at bob.example.org" not in refused.stderr:
        e2e.fail(f"bob was told {refused.stderr}")
    sh("build/user-service-client list-users", env=as_bob)

# ---- Python's ----
e2e.python_stubs(e2e.USER_PROTO, ".")
pathlib.Path("client.py").write_text(r'''
import subprocess, sys, threading
import grpc
import user_pb2 as pb, user_pb2_grpc as rpc

address, tls, other, sign = sys.argv[1:]
read = lambda name: open(name, "rb").read() if name else None

def call(ca, cert=None, key=None):
    creds = grpc.ssl_channel_credentials(read(ca), read(key), read(cert))
    with grpc.secure_channel(address, creds) as channel:
        return rpc.UserServiceStub(channel).ListUsers(pb.ListUsersRequest(), timeout=20)

def refused(*files):
    try:
        call(*files)
    except grpc.RpcError as e:
        assert e.code() == grpc.StatusCode.UNAVAILABLE, e
        return
    raise AssertionError(f"{files} was let in")

ada = (tls + "/ca.pem", tls + "/ada.pem", tls + "/ada.key")
call(*ada)
refused(tls + "/ca.pem")                                          # no certificate
refused(tls + "/ca.pem", other + "/eve.pem", other + "/eve.key")  # another CA's
refused(other + "/ca.pem", tls + "/ada.pem", tls + "/ada.key")    # the server's is another CA's
call(*ada)

# new certificates while calls go on, each over a connection of its own and over one that stays
stop, done, errors = threading.Event(), [0], []
kept = rpc.UserServiceStub(grpc.secure_channel(address, grpc.ssl_channel_credentials(*map(read, (ada[0], ada[2], ada[1])))))
def traffic():
    while not stop.is_set():
        try:
            call(*ada)
            kept.ListUsers(pb.ListUsersRequest(), timeout=20)
        except grpc.RpcError as e:
            errors.append(e)
        done[0] += 1
thread = threading.Thread(target=traffic)
thread.start()
for _ in range(5):
    subprocess.run(["bash", "-ec", sign + "\nsign server user-service DNS:localhost,IP:127.0.0.1"], cwd=tls + "/..",
                   check=True, stderr=subprocess.DEVNULL)
    before = done[0]
    while done[0] < before + 3:
        pass
stop.set()
thread.join()
assert not errors, errors[0]
''')
with e2e.Server(project / serve[0], *serve[1:], cwd=project, env={"DATABASE_URL": "sqlite::memory:"}) as server:
    e2e.run(*e2e.python_client("client.py", server.address, project / "tls", project / "tls-other", sign))
    said = server.text()
    for words in ("no certificate came from the peer", "the peer's certificate could not be verified", "tls=mutual"):
        if words not in said:
            e2e.fail(f"the log does not say {words!r}:\n{said}")
    if said.count("certificates were read again") < 5:
        e2e.fail(f"five times new certificates:\n{said}")


# ---- a server without ----
def refused(code, words, *arguments, env=None):
    done = e2e.run(program, "--grpc-addr", "127.0.0.1:0", *arguments, cwd=project,
                   env={**e2e.environment(), "DATABASE_URL": "sqlite::memory:", **(env or {})}, check=code, timeout=60)
    for word in words:
        if word not in done.stderr:
            e2e.fail(f"{arguments}: no {word!r} in\n{done.stderr}")


cert, key = ("--tls-cert-file", "tls/server.pem"), ("--tls-key-file", "tls/server.key")
refused(2, ["--tls-cert-file", "TLS_KEY_FILE"], *cert)
refused(2, ["TLS_KEY_FILE", "TLS_CERT_FILE"], env={"TLS_KEY_FILE": "tls/server.key"})
refused(2, ["--tls-client-ca-file", "TLS_CERT_FILE and TLS_KEY_FILE"], "--tls-client-ca-file", "tls/ca.pem")
refused(1, ["nope.pem", "No such file"], "--tls-cert-file", "nope.pem", *key)
refused(1, ["tls/ada.key", "does not belong", "tls/server.pem"], *cert, "--tls-key-file", "tls/ada.key")
refused(1, ["tls/server.key", "no PEM certificate"], *cert, *key, "--tls-client-ca-file", "tls/server.key")
done = e2e.run(client, "--tls-ca-file", "nope.pem", "list-users", check=1)
if "nope.pem" not in done.stderr:
    e2e.fail(done.stderr)
e2e.run(client, "--tls=maybe", "list-users", check=2)
for word in ("--tls-client-ca-file", "TLS_CERT_FILE"):
    if word not in e2e.run(program, "--help").stdout:
        e2e.fail(f"--help says nothing of {word}")
