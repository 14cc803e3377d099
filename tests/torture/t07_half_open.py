#!/usr/bin/env python3
"""T7: the other side stops in the middle of streams, without a word: a caller that is stopped, a server that is stopped, a line
that carries nothing any more. Whoever is left ends its calls with 14 within the keepalive time and its timeout, or with 4 at the
deadline; nothing is left behind, and whoever comes back is told."""
import json
import os
import re
import signal
import subprocess
import sys
import time
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/torture/support")
import h2
import torture
from torture import e2e, DEADLINE

KEEPALIVE = torture.short_or_long(1, 5)  # seconds, and as many for the answer
PATIENCE = 2 * KEEPALIVE + 4  # a busy machine's share
STREAMS = 100
QUICK = ("--grpc-keepalive", f"{KEEPALIVE}s", "--grpc-keepalive-timeout", f"{KEEPALIVE}s", "--grpc-min-ping-interval", "100ms")


def streams(address, **more):
    load = torture.Load("streams", address, streams=STREAMS, connections=4, seconds=600, **more)
    e2e.equal(load.process.stdout.readline(), "open\n", "the streams answer")
    return load


def outcome(load):
    """What became of its streams; it ends with 1, for they were to last."""
    out, _ = load.process.communicate(timeout=60)
    return json.loads(out)["outcome"]["codes"]


def a_caller_stops(server):
    with streams(server.address) as load:
        e2e.equal(server.total("torture_detached"), STREAMS, "streams that are open")
        load.process.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        torture.wait_until("the server lets them go", lambda: server.total("torture_detached") == 0, PATIENCE)
        print(f"a caller stopped: its calls ended after {time.monotonic() - began:.1f} s")
        load.process.send_signal(signal.SIGCONT)
        e2e.equal(outcome(load), {"14": STREAMS}, "what the caller is told when it goes on")


def a_server_stops(server):
    with streams(server.address, keepalive=1000 * KEEPALIVE) as load, h2.Connection(server.address) as late:
        os.kill(server.process.pid, signal.SIGSTOP)
        began = time.monotonic()
        try:
            e2e.equal(outcome(load), {"14": STREAMS}, "what callers of a stopped server are told")
            seconds = time.monotonic() - began
            codes = torture.load("storm", server.address, calls=50, streams=25)["codes"]
        finally:
            os.kill(server.process.pid, signal.SIGCONT)
        if seconds > PATIENCE:
            e2e.fail(f"they were told after {seconds} s")
        if set(codes) - {"1", "4"}:
            e2e.fail(f"calls with a deadline to a stopped server: {codes}")
        print(f"a server stopped: its callers were told after {seconds:.1f} s; with a deadline: {codes}")
    torture.wait_until("it ends what was", lambda: server.total("torture_detached") == 0)


with torture.Server(*QUICK) as server:
    server.warm_by(lambda: a_caller_stops(server))
    a_server_stops(server)

# A line that carries nothing: a network of our own; its packets are dropped by nft, or one of its ends is taken down, and
# they are lost in silence.
NET = """
set -e
ip link set lo up
ip link add name here type veth peer name there
unshare --net sleep 600 & other=$!
trap 'kill $other' EXIT
until [ "$(readlink /proc/$other/ns/net)" != "$(readlink /proc/$$/ns/net)" ]; do sleep 0.05; done
ip link set there netns $other
ip addr add 10.9.8.1/24 dev here && ip link set here up
in_other() { nsenter --net=/proc/$other/ns/net "$@"; }
in_other ip link set lo up
in_other ip addr add 10.9.8.2/24 dev there
in_other ip link set there up
nsenter --net=/proc/$other/ns/net "$SERVER" --grpc-addr 10.9.8.2:7000 --admin-addr 127.0.0.1:7001 $QUICK > server.log 2>&1 & server=$!
trap 'kill $other $server' EXIT
open_files() { ls /proc/$server/fd | wc -l; }
until in_other "$PYTHON" -c 'import urllib.request as u; u.urlopen("http://127.0.0.1:7001/healthz")' 2> /dev/null; do kill -0 $server; sleep 0.1; done
before=$(open_files)
"$LOAD" streams 10.9.8.2:7000 --streams 100 --connections 4 --seconds 600 --keepalive $KEEPALIVE > load.out 2>&1 & load=$!
until grep -q open load.out; do kill -0 $load; sleep 0.1; done
detached() { in_other "$PYTHON" -c 'import urllib.request as u; print(u.urlopen("http://127.0.0.1:7001/metrics").read().decode())' |
    sed -n 's/^torture_detached //p'; }
echo "open $(detached)"
if [ "$HOW" = nft ]; then
    in_other nft 'add table inet t; add chain inet t in { type filter hook input priority 0; }; add chain inet t out { type filter hook output priority 0; }
        add rule inet t in iifname "there" drop; add rule inet t out oifname "there" drop'
else
    in_other ip link set there down
fi
sleep $PATIENCE
echo "left $(detached)"
[ "$(open_files)" -le $((before + 1)) ] && echo "files given back" || echo "files: $(open_files), $before before"
if kill -0 $load 2> /dev/null; then echo 'load still runs'; kill $load; fi
wait $load || true
tail -1 load.out | tr -d '\\n'; cat load.out | grep outcome
kill $server; code=0; wait $server || code=$?; echo "exit $code"
trap 'kill $other' EXIT
"""


def a_line_is_dead():
    ways = [["unshare", "--net"], ["unshare", "--net", "--map-root-user"]]
    probe = "ip link add name v0 type veth peer name v1 && unshare --net true"
    ways = [w for w in ways if subprocess.run([*w, "sh", "-c", probe], capture_output=True, check=False).returncode == 0]
    if not ways:
        e2e.not_tried("a line that carries nothing any more", "no network namespace of one's own, or no veth")
        return
    for how in ("nft", "link"):
        if how == "nft" and subprocess.run([*ways[0], "nft", "add table inet t"], capture_output=True, check=False).returncode != 0:
            e2e.not_tried("packets dropped by nft", "nft is not there, or may not; the end of the line was taken down instead")
            continue
        a_line_is_cut(ways[0], how)


def a_line_is_cut(way, how):
    done = e2e.run(*way, "bash", "-c", NET, check=None, timeout=120, env={
        **e2e.environment(), **torture.STEADY, "HOW": how, "SERVER": str(torture.BUILD / "server"), "LOAD": str(torture.LOAD), "QUICK": " ".join(QUICK),
        "KEEPALIVE": str(1000 * KEEPALIVE), "PATIENCE": str(PATIENCE), "PYTHON": sys.executable})
    said = done.stdout
    for words in (f"open {STREAMS}", "left 0", "files given back", f'"codes": {{"14": {STREAMS}}}', "exit 0"):
        if words not in said:
            e2e.fail(f"no {words!r} in\n{said}\n{done.stderr}")
    print(f"a dead line ({how}): both sides ended their calls, 14, within the keepalive time and its timeout")


a_line_is_dead()
