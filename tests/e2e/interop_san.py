#!/usr/bin/env python3
# transports: both
"""gRPC's interoperability tests between our own server and client and Python's, plain and over TLS."""
import os
import pathlib
import sys
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e
import interop

# Python does not tell a handler whether its request came compressed, so its server cannot check that
PYTHON_CANNOT = ("client_compressed_unary", "client_compressed_streaming")

interop.certificates()
page = (e2e.SOURCE / "docs/interop.md").read_text()
for case in interop.cases_of_ours():
    if f"`{case}`" not in page:
        e2e.fail(f"docs/interop.md does not say that there is {case}")
pathlib.Path("stubs").mkdir()
python = e2e.python_stubs(interop.PROTO, "stubs")
for tls in (False, True):
    how = "TLS" if tls else "plain"
    with interop.ours(tls) as server:
        interop.our_client(server.address, tls)
        interop.step(f"our client, our server, {how}")
        ca = ("--ca", "ca.pem", "--name", interop.NAME) if tls else ()
        done = e2e.run(*e2e.python_client(interop.SOURCES / "python/client.py", "stubs", server.address, *ca), check=None)
        if done.returncode != 0:
            e2e.fail(f"Python's client, our server, {how}:\n{done.stdout}{done.stderr}")
        interop.step(f"Python's client, our server, {how}")
    cert = ("--cert", "server.pem", "--key", "server.key") if tls else ()
    with e2e.Server(python, interop.SOURCES / "python/server.py", "stubs", *cert) as server:
        interop.our_client(server.address, tls, *(c for c in interop.cases_of_ours() if c not in PYTHON_CANNOT))
        interop.step(f"our client, Python's server, {how}")

# more calls than a connection may have wait, they do not fail
with interop.ours(False, "--max_streams", 10) as server:
    interop.our_client(server.address, False, "concurrent_large_unary")
    interop.step("1,000 calls, 10 at a time")

# what is wrong is told
for arguments, said, code in ((("--port", 0, "--nothing"), "no such flag", 2), ((), "--port is missing", 2),
                              (("--port", 0, "--use_tls", "--tls_cert_file", "server.pem"), "the key is missing", 1),
                              (("--port", 0, "--use_tls", "perhaps"), "true or false", 2), (("--port", 0, "--max_streams", "-1"), "a number", 2)):
    done = e2e.run(interop.SERVER, *arguments, check=code, timeout=60)
    if said not in done.stderr:
        e2e.fail(f"{arguments}: {done.stderr}")
with interop.ours(False) as server:
    done = interop.our_client(server.address, False, "nothing", check=2)
