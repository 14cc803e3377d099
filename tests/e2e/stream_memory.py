#!/usr/bin/env python3
"""What ten thousand streams that wait cost our server above a server straight on the C core that holds the same: at most 4 KiB each."""
import os
import subprocess
import sys
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/e2e/support")
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/bench")
import e2e
from harness import BENCH, CLIENT_CPU, Server, pinned

CONNECTIONS, STREAMS, MOST_KIB = 20, 500, 4


def per_stream(program):
    """KiB of resident memory for each of the streams, at rest."""
    with Server(BENCH / program) as server:
        idle = server.resident_kib()
        load = subprocess.Popen(pinned(CLIENT_CPU, BENCH / "stream_load", "--port", server.port, "--mode", "watch", "--connections", CONNECTIONS,
                                       "--streams", STREAMS, "--messages", 1), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            e2e.equal(load.stdout.readline(), "open\n", f"{program}: all streams are open")
            grown = server.resident_kib() - idle
            load.communicate("go\n", timeout=120)  # each of them hears a message
            e2e.equal(load.returncode, 0, f"{program}: the message went to all")
        finally:
            if load.poll() is None:
                load.kill()
                load.wait()
        return grown / (CONNECTIONS * STREAMS)


raw, ours = per_stream("raw_stream_server"), per_stream("csvc_stream_server")
print(f"{CONNECTIONS * STREAMS} streams that wait: {ours:.1f} KiB each, {raw:.1f} with a server straight on the C core")
if raw < 1:
    e2e.fail("the raw server's figure cannot be: are its streams open?")
if ours - raw > MOST_KIB:
    e2e.fail(f"our share of a stream is {ours - raw:.1f} KiB, more than {MOST_KIB}")
