"""What the interop tests share: certificates, our two programs, and those of others, run against each other."""
import os
import pathlib
import subprocess
import sys
import time

import e2e

BUILD = pathlib.Path(os.environ["CSVC_BUILD"])
SERVER, CLIENT = BUILD / "interop_server", BUILD / "interop_client"
SOURCES = e2e.SOURCE / "tests/interop"
PROTO = SOURCES / "proto/interop.proto"
NAME = "interop.test.csvc"  # what the certificate is for


def certificates():
    """A CA and a server's certificate from it, in this folder: ca.pem, server.pem, server.key."""
    def openssl(*args):
        e2e.run("openssl", *args)
    ec = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl("req", "-x509", *ec, "-days", 30, "-subj", "/CN=interop CA", "-keyout", "ca.key", "-out", "ca.pem")
    openssl("req", *ec, "-subj", f"/CN={NAME}", "-keyout", "server.key", "-out", "server.csr")
    pathlib.Path("server.ext").write_text(f"subjectAltName=DNS:{NAME},DNS:localhost,IP:127.0.0.1\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", 30,
            "-extfile", "server.ext", "-out", "server.pem")


def ours(tls, *more):
    """Our server."""
    files = ("--use_tls", "true", "--tls_cert_file", "server.pem", "--tls_key_file", "server.key") if tls else ()
    return e2e.Server(SERVER, "--port", 0, "--transport", e2e.TRANSPORT, *files, *more)


def our_client(address, tls, *cases, ca="ca.pem", name=NAME, check=0):
    """Our client's cases against a server, all of them when none is named."""
    host, port = address.rsplit(":", 1)
    files = ("--use_tls", "true", "--tls_ca_file", ca, "--server_host_override", name) if tls else ()
    return e2e.run(CLIENT, "--server_host", host, "--server_port", port, *files, "--test_case",
                   ",".join(cases) or "all", timeout=120, check=check)


def cases_of_ours():
    """The names of our client's cases."""
    text = (SOURCES / "client.c").read_text()
    text = text[text.index("} cases[] = {"):]
    return [line.split('"')[1] for line in text[:text.index("};")].splitlines() if '{"' in line]


def step(name, began=[time.monotonic()]):
    """Tells what was done, and how long it took."""
    now = time.monotonic()
    print(f"{name}: {now - began[0]:.1f} s")
    sys.stdout.flush()
    began[0] = now
