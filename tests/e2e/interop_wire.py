#!/usr/bin/env python3
# transports: both
"""What gRPC's documents say of the wire, seen frame by frame by a library that knows HTTP/2 and nothing of gRPC: our
interop server asked things that no client asks, our interop client told things that no server says."""
import os
import pathlib
import subprocess
import sys
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e
import interop

pathlib.Path("stubs").mkdir()
python = e2e.python_stubs(interop.PROTO, "stubs")
with interop.ours(False) as server:
    print(e2e.run(*e2e.python_client(interop.SOURCES / "python/wire_client.py", "stubs", server.address)).stdout)

# a stop is UNAVAILABLE to those who are still there when the grace is over
server = interop.ours(False).start()
client = subprocess.Popen(e2e.python_client(interop.SOURCES / "python/stop_client.py", "stubs", server.address), text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=e2e.environment())
e2e.equal(client.stdout.readline(), "open\n", "the client that stays")
server.stop()
e2e.equal(client.communicate(timeout=20)[0], "UNAVAILABLE\n", "what became of its call")

# a server that answers empty_unary as it is told to, by the n-th line of this list
ANSWERS = [
    ("http 400", "INTERNAL"), ("http 401", "UNAUTHENTICATED"), ("http 403", "PERMISSION_DENIED"),
    ("http 404", "UNIMPLEMENTED"), ("http 429", "UNAVAILABLE"), ("http 500", "UNKNOWN"), ("http 502", "UNAVAILABLE"),
    ("http 503", "UNAVAILABLE"), ("http 504", "UNAVAILABLE"),
    ("reset 8", "CANCELLED"), ("reset 11", "RESOURCE_EXHAUSTED"), ("reset 2", "INTERNAL"), ("reset 1", "INTERNAL"),
    ("text %zz%", "NOT_FOUND (%zz%)"), ("text %C3%A4%20%", "NOT_FOUND (\u00e4 %)"), ("text 100%25", "NOT_FOUND (100%)"),
    ("text ", "NOT_FOUND ()"),
    ("status 17", "UNKNOWN"), ("status x", "UNKNOWN"), ("nostatus", "UNKNOWN"), ("noreply", "UNIMPLEMENTED"),
]
with e2e.Server(python, interop.SOURCES / "python/wire_server.py", *(told for told, _ in ANSWERS), expect=-15) as server:
    wrong = []
    for told, expected in ANSWERS:
        done = interop.our_client(server.address, False, "empty_unary", check=1)
        if f"empty_unary: {expected}" not in done.stderr:
            wrong.append(f"{told}: {done.stderr.strip()}, not {expected}")
    if wrong:
        e2e.fail("\n".join(wrong))
print(f"{len(ANSWERS)} answers")
