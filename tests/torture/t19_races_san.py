#!/usr/bin/env python3
"""T19: a server stops while it is called, a call is cancelled while another thread finishes it, health is watched while it
is set, certificates are replaced while connections begin; random delays, 1,000 iterations of each (fewer in short). Each call
ends once, nothing is freed twice, who watches hears of the last status."""
import os
import sys
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/torture/support")
import torture
from torture import e2e

for what, short in (("shutdown", 100), ("cancel", 1000), ("watch", 200), ("reload", 100)):
    done = e2e.run(torture.BUILD / "races", what, torture.short_or_long(short, 1000), check=None, timeout=3000,
                   env={**e2e.environment(), "CSVC_TEST_TRANSPORT": e2e.TRANSPORT, "CSVC_SOURCE": str(e2e.SOURCE)})
    if done.returncode != 0 or "Sanitizer" in done.stderr:
        e2e.fail(f"races {what}: {done.returncode}\n{done.stdout}{done.stderr[:20_000]}")
    print(f"{what}: {' '.join(done.stdout.split())}")
