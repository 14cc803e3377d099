#!/usr/bin/env python3
"""The README's example of the plugin alone is whole: its files and its commands, as they stand there, make a server that works."""
import os
import pathlib
import re
import sys
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e

text = (e2e.SOURCE / "README.md").read_text()
section = text[text.index("## Only the plugin"):text.index("## The parts")]
for path, body in re.findall(r"<!-- file: (\S+) -->\n```\w+\n(.*?)^```", section, re.M | re.S):
    target = pathlib.Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(body)
console = re.search(r"^```console\n(.*?)^```", section, re.M | re.S).group(1)
commands = [c.strip() for c in re.split(r"^\$ ", console, flags=re.M) if c.strip()]
e2e.equal((len(commands), commands[-1]), (4, "./daemon"), "commands")

# Nothing but PATH and pkg-config know of c-svc: the loader does not.
env = {k: v for k, v in e2e.environment().items() if k != "LD_LIBRARY_PATH"}
for command in commands[:-1]:
    done = e2e.run("sh", "-ec", command, env=env)
    e2e.equal(done.stderr, "", command)
e2e.run("sh", "-ec", commands[2].replace("cc ", "cc -Wall -Wextra -Werror -std=c99 -D_POSIX_C_SOURCE=200809L ", 1), env=env)
e2e.python_stubs(pathlib.Path("api/greeter.proto"), ".")
pathlib.Path("client.py").write_text('''
import sys, grpc, greeter_pb2 as pb, greeter_pb2_grpc as rpc
g = rpc.GreeterStub(grpc.insecure_channel(sys.argv[1]))
assert g.SayHello(pb.HelloRequest(name="ada"), timeout=10).message == "hello, ada"
''')
with e2e.Server(commands[-1], "127.0.0.1:0", expect=-15) as server:
    e2e.run(*e2e.python_client("client.py", server.address))
