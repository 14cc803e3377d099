#!/usr/bin/env python3
"""docs/interop.md: its commands do what it says, its handler and its client compile without a warning and talk to each other."""
import pathlib
import re
import socket
import subprocess
import sys
import os
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e
import interop

PAGE = (e2e.SOURCE / "docs/interop.md").read_text()
MAIN = """
int main(void)
{
    static const grpc_testing_test_service_ops ops = {GRPC_TESTING_TEST_SERVICE_OPS_INIT,
                                                      .full_duplex_call = full_duplex_call};
    csvc_testing *t = csvc_testing_new(&csvc_grpc_core);
    Grpc__Testing__StreamingOutputCallRequest req =
        GRPC__TESTING__STREAMING_OUTPUT_CALL_REQUEST__INIT;
    Grpc__Testing__Payload payload = GRPC__TESTING__PAYLOAD__INIT;
    static uint8_t zeros[1000];
    csvc_code code = grpc_testing_test_service_ops_register(csvc_testing_server(t), &ops, NULL);

    payload.body.len = sizeof(zeros);
    payload.body.data = zeros;
    req.payload = &payload;
    code = code == CSVC_OK ? talk(csvc_testing_channel(t), &req) : code;
    printf("%s\\n", csvc_code_name(code));
    (void)csvc_testing_free(t);
    return 0;
}
"""


def compare(command, got, expected):
    """`...` stands for any lines."""
    pattern = "".join("(?:.*\n)*" if line == "..." else re.escape(line) + "\n" for line in expected)
    if not re.fullmatch(pattern, got):
        e2e.fail(f"$ {command}\n{got}\ninstead of\n" + "\n".join(expected))


# ---- the commands, in a folder whose make is the source's ----
with socket.socket() as probe, socket.socket() as other:
    probe.bind(("127.0.0.1", 0))
    other.bind(("127.0.0.1", 0))
    ports = {"10000": str(probe.getsockname()[1]), "10001": str(other.getsockname()[1])}


def exchange(text, changes):
    for old, new in changes:
        text = text.replace(old, new)
    return text


pathlib.Path("build").symlink_to(interop.BUILD)
pathlib.Path("Makefile").write_text(f"interop:\n\t$(MAKE) -C {e2e.SOURCE} B={interop.BUILD} interop\n")
servers = []
commands = []
for block in re.findall(r"^```console\n(.*?)^```", PAGE, re.M | re.S):
    for line in block.splitlines():
        if line.startswith("$ "):
            commands.append((line[2:], []))
        else:
            commands[-1][1].append(line)
e2e.equal(len(commands), 6, "commands of docs/interop.md")
try:
    for command, expected in commands:
        words = exchange(command, ports.items()).split()
        if "interop_server" in command:
            servers.append(subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, env=e2e.environment()))
            said = servers[-1].stdout.readline()
        else:
            said = e2e.run(*words).stdout
        compare(command, exchange(said, ((new, old) for old, new in ports.items())), expected)
finally:
    for server in servers:
        server.terminate()
        server.wait(20)
e2e.equal([server.returncode for server in servers], [0, 0], "exit codes of the servers")

# a name that is no case is a mistake, also among others
done = e2e.run("build/interop_client", "--server_port", ports["10000"], "--test_case", "empty_unary,empty_unry", check=2)
e2e.equal(done.stderr, "interop_client: there is no test case empty_unry\n", "a case that is none")

# ---- the code ----
parts = dict(re.findall(r"<!-- (handler|client) -->\n```c\n(.*?)^```", PAGE, re.M | re.S))
e2e.equal((sorted(parts), PAGE.count("```c\n")), (["client", "handler"], 2), "code of docs/interop.md")
pathlib.Path("guide.c").write_text('#include "interop.csvc.h"\n\n#include <csvc/testing.h>\n\n#include <stdio.h>\n\n'
                                   + parts["handler"] + "\n" + parts["client"] + MAIN)
flags = e2e.run("pkg-config", "--cflags", "--libs", "libcsvc-grpc-core", "libcsvc").stdout.split()
generated = interop.BUILD / "interop"
e2e.run("cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-g", f"-I{generated}", "-o", "guide", "guide.c", generated / "interop.csvc.c",
        generated / "interop.pb-c.c", *flags, f"-Wl,-rpath,{e2e.STAGE}/lib")
e2e.equal(e2e.run("./guide").stdout, "it came packed\nit came as it is\nOK\n", "what the page's code says")
print(f"docs/interop.md: {len(commands)} commands, {len(parts)} functions")
