#!/usr/bin/env python3
# transports: both
"""gRPC's interoperability tests against the libraries of others: Ruby's own test client and server, C++, JavaScript; each
over plain text and TLS, and all through nginx. Our two programs are in the middle of each."""
import os
import pathlib
import subprocess
import sys
import time
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e
import interop

RUBY_CASES = ("empty_unary", "large_unary", "client_streaming", "server_streaming", "ping_pong", "empty_stream",
              "client_compressed_unary", "client_compressed_streaming", "status_code_and_message", "custom_metadata",
              "cancel_after_begin", "cancel_after_first_response", "timeout_on_sleeping_server",
              "unimplemented_method", "unimplemented_service")
# Ruby's server has no CacheableUnaryCall, does not look at compression, takes 8 KiB of metadata and 30 calls at a time
RUBY_CANNOT = ("cacheable_unary", "client_compressed_unary", "client_compressed_streaming", "server_compressed_unary",
               "server_compressed_streaming", "long_metadata", "concurrent_large_unary")
# JavaScript's server has neither CacheableUnaryCall nor a say about the compression of a message; it limits headers to 16 KB
JS_CANNOT = ("cacheable_unary", "client_compressed_unary", "client_compressed_streaming", "server_compressed_unary",
             "server_compressed_streaming", "long_metadata")
RUBY_NAME = "foo.test.google.fr"
OURS = interop.cases_of_ours()
CPP = interop.BUILD / "interop/cpp_peer"
NODE = {**e2e.environment(), "NODE_PATH": str(e2e.PEERS / "node/node_modules")}


def passes(what, client):
    """Runs a client to its end; every case of it passes."""
    done = client()
    if done.returncode != 0 or "failed" in done.stdout:
        e2e.fail(f"{what}:\n{done.stdout}{done.stderr}")
    interop.step(what)


def client_of(*command, env=None):
    return lambda: e2e.run(*command, env=env, timeout=120, check=None)


def cpp_and_js(address, tls, how, way=passes):
    files = ("ca.pem", interop.NAME) if tls else ()
    way(f"C++'s client, {how}", client_of(CPP, "client", address, *files))
    way(f"JavaScript's client, {how}", client_of("node", interop.SOURCES / "js/client.js", interop.PROTO, address, *files, env=NODE))


# ---- Ruby: the test programs of its own package, and its own certificates ----
found = e2e.run("dpkg", "-L", "ruby-grpc").stdout.split()
ruby_client = next(f for f in found if f.endswith("/pb/test/client.rb"))
ruby_tests = pathlib.Path(ruby_client).parent
ruby_certs = next((pathlib.Path(f).parent for f in found if f.endswith("/testdata/server1.pem")), None)


def ruby_client_passes(address, tls):
    host, port = address.rsplit(":", 1)
    flags = ("--use_tls", "true", "--use_test_ca", "true", "--server_host_override", RUBY_NAME) if tls else ()
    waiting = [(case, subprocess.Popen(["ruby", ruby_client, "--server_host", host, "--server_port", port, *flags,
                                        "--test_case", case], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=subprocess.STDOUT, text=True, env=e2e.environment()))
               for case in RUBY_CASES]
    for case, process in waiting:
        said, _ = process.communicate(timeout=120)
        if process.returncode != 0:
            e2e.fail(f"Ruby's client, {case}, {'TLS' if tls else 'plain'}: {process.returncode}\n{said}")


def ruby_server(tls):
    """It wants a port by number, so one is looked for."""
    for port in range(21000 + os.getpid() % 5000, 32000):
        log = open("ruby.log", "w+")
        process = subprocess.Popen(["ruby", str(ruby_tests / "server.rb"), "--port", str(port), "--use_tls",
                                    "true" if tls else "false"], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                   env={**e2e.environment(), "GRPC_VERBOSITY": "ERROR"})
        until = time.monotonic() + 20
        while process.poll() is None and time.monotonic() < until:
            client = subprocess.run(["bash", "-c", f": < /dev/tcp/127.0.0.1/{port}"], capture_output=True, check=False)
            if client.returncode == 0:
                return process, f"127.0.0.1:{port}"
            time.sleep(0.1)
        process.kill()
        process.wait()
    e2e.fail("Ruby's server does not start: " + pathlib.Path("ruby.log").read_text())


def with_ruby():
    with interop.ours(False) as server:
        ruby_client_passes(server.address, False)
        interop.step("Ruby's client, our server, plain")
    for tls in (False, True):
        if tls and ruby_certs is None:
            e2e.not_tried("Ruby's programs over TLS", "ruby-grpc comes without the certificates that they load")
            return
        process, address = ruby_server(tls)
        more = {"ca": ruby_certs / "ca.pem", "name": RUBY_NAME} if tls else {}
        interop.our_client(address, tls, *(c for c in OURS if c not in RUBY_CANNOT), **more)
        process.terminate()
        process.wait(20)
        interop.step(f"our client, Ruby's server, {'TLS' if tls else 'plain'}")
    with interop.e2e.Server(interop.SERVER, "--port", 0, "--transport", interop.e2e.TRANSPORT, "--use_tls", "true", "--tls_cert_file", ruby_certs / "server1.pem",
                            "--tls_key_file", ruby_certs / "server1.key") as server:
        ruby_client_passes(server.address, True)
        interop.step("Ruby's client, our server, TLS")


# ---- C++ and JavaScript ----
def served_by(what, cases, tls, *command, env=None):
    """Our client's cases against a server that says where it listens, and ends with its standard input."""
    process = subprocess.Popen([*command, *(("server.pem", "server.key") if tls else ())], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True, env=env or e2e.environment())
    address = process.stdout.readline().strip().split("=")[1]
    interop.our_client(address, tls, *cases)
    process.stdin.close()
    process.wait(20)
    interop.step(f"our client, {what} server, {'TLS' if tls else 'plain'}")


def with_cpp_and_js():
    for tls in (False, True):
        with interop.ours(tls) as server:
            cpp_and_js(server.address, tls, f"our server, {'TLS' if tls else 'plain'}")
        # its limit of metadata is what a server of C++ sets; all cases
        served_by("C++'s", (), tls, CPP, "server")
        served_by("JavaScript's", (c for c in OURS if c not in JS_CANNOT), tls, "node", interop.SOURCES / "js/server.js",
                  interop.PROTO, env=NODE)


# ---- through nginx ----
def nginx(port, inside, files):
    """One that hands calls on to `inside`; plain text outside, or TLS with the `files` of a certificate; plain text inside."""
    here = pathlib.Path.cwd()
    outside = f"ssl http2; ssl_certificate {here / files[0]}; ssl_certificate_key {here / files[1]}" if files else "http2"
    folders = "".join(f"{f}_temp_path {here}/nginx-{f};" for f in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    pathlib.Path("nginx.conf").write_text(f"""
daemon off; master_process off; pid {here}/nginx.pid; error_log stderr warn;
events {{ worker_connections 4096; }}
http {{
    access_log off; {folders}
    client_max_body_size 0; large_client_header_buffers 4 128k; keepalive_requests 100000;
    server {{
        listen 127.0.0.1:{port} {outside};
        location / {{ grpc_pass grpc://{inside}; grpc_buffer_size 128k; }}
    }}
}}
""")
    log = open("nginx.log", "w")
    return subprocess.Popen(["/usr/sbin/nginx", "-e", "stderr", "-c", f"{here}/nginx.conf"], stdin=subprocess.DEVNULL,
                            stdout=log, stderr=log, env=e2e.environment())


def through(inside, files, use):
    """Starts one in front of `inside`, on the first port that is free."""
    for port in range(20000 + os.getpid() % 5000, 32000):
        proxy = nginx(port, inside, files)
        until = time.monotonic() + 20
        while proxy.poll() is None and time.monotonic() < until:
            probe = subprocess.run(["bash", "-c", f": < /dev/tcp/127.0.0.1/{port}"], capture_output=True, check=False)
            # somebody else may listen there, and then nginx ends
            if probe.returncode == 0 and pathlib.Path("nginx.pid").exists():
                use(f"127.0.0.1:{port}")
                proxy.terminate()
                proxy.wait(20)
                return
            time.sleep(0.05)
        proxy.kill()
        proxy.wait()
    e2e.fail("nginx does not start: " + pathlib.Path("nginx.log").read_text())


def repeated(what, client):
    """Runs a client through nginx, which allows 128 streams and refuses, rather than lets wait, those of a burst that begins before
    its SETTINGS have come; the C core repeats none of them, in our client as in those of C++ and Python: core-transparent in
    docs/deviations.md."""
    for tries in (1, 2, 3, 4):
        done = client()
        said = done.stdout + done.stderr
        refused = "concurrent_large_unary" in said and "RST_STREAM with error code 7" in said
        if not refused or tries == 4:
            break
        print(f"core-transparent, {what}: {said.strip().splitlines()[-1]}")
    passes(what, lambda: done)


def proxied():
    for tls in (False, True):
        how = "TLS" if tls else "plain"

        def use(address):
            repeated(f"our client, our server through nginx, {how}", lambda: interop.our_client(address, tls, check=None))
            cpp_and_js(address, tls, f"our server through nginx, {how}", repeated)
            ca = ("--ca", "ca.pem", "--name", interop.NAME) if tls else ()
            repeated(f"Python's client, our server through nginx, {how}",
                     client_of(*e2e.python_client(interop.SOURCES / "python/client.py", "stubs", address, *ca)))
            if not tls:
                ruby_client_passes(address, False)
                interop.step("Ruby's client, our server through nginx, plain")

        def ruby_over_tls(address):
            ruby_client_passes(address, True)
            interop.step("Ruby's client, our server through nginx, TLS")
        with interop.ours(False) as server:
            through(server.address, ("server.pem", "server.key") if tls else None, use)
            if tls and ruby_certs is not None:  # it knows no CA but its own
                through(server.address, (ruby_certs / "server1.pem", ruby_certs / "server1.key"), ruby_over_tls)


interop.certificates()
pathlib.Path("stubs").mkdir()
e2e.python_stubs(interop.PROTO, "stubs")
ROUNDS = int(os.environ.get("CSVC_INTEROP_ROUNDS", "1"))
for n in range(ROUNDS):
    with_ruby()
    with_cpp_and_js()
    proxied()
    print(f"round {n + 1} of {ROUNDS}: all well", flush=True)
