#!/usr/bin/env python3
"""T22: kill -9 in a burst of creates, 50 rounds on one file. Every user whose create was acknowledged is there afterwards."""
import os
import pathlib
import random
import signal
import sqlite3
import sys
import threading
import time
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e

ROUNDS = int(os.environ.get("CSVC_ROUNDS", "50"))
CALLERS = 8
seed = int(os.environ.get("CSVC_SEED", str(time.time_ns() % 1_000_000)))
random.seed(seed)

BURST = r'''
import sys, threading, grpc
import user_pb2 as pb, user_pb2_grpc as rpc
address, tag, callers = sys.argv[1], sys.argv[2], int(sys.argv[3])
lock = threading.Lock()
def work(n):
    users = rpc.UserServiceStub(grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)]))
    for i in range(100000):
        name = f"{tag}-{n}-{i}"
        try:
            user = users.CreateUser(pb.CreateUserRequest(username=name, email=name + "@example.org"), timeout=5).user
        except grpc.RpcError:
            return
        with lock:
            print(user.id, name, flush=True)
threads = [threading.Thread(target=work, args=(n,)) for n in range(callers)]
[t.start() for t in threads]
[t.join() for t in threads]
'''

import subprocess
e2e.python_stubs(e2e.USER_PROTO, ".")
pathlib.Path("burst.py").write_text(BURST)
project = e2e.scaffold("user-service", "--proto", e2e.USER_PROTO)
acknowledged = {}
for n in range(ROUNDS):
    server = e2e.Server(project / "build/user-service", env={"DATABASE_URL": "sqlite:users.db"}, expect=-9).start()
    burst = subprocess.Popen(e2e.python_client("burst.py", server.address, f"r{n}", str(CALLERS)),
                             stdout=subprocess.PIPE, text=True)
    first = burst.stdout.readline()
    if not first:
        e2e.fail(f"round {n}: no user was created\n{server.text()}")
    timer = threading.Timer(random.uniform(0.0, 0.15), lambda: server.process.send_signal(signal.SIGKILL))
    timer.start()
    lines = [first] + burst.stdout.read().splitlines()
    burst.wait(60)
    timer.join()
    server.process.wait(30)
    for line in lines:
        number, name = line.split()
        acknowledged[int(number)] = name
    with sqlite3.connect("users.db") as db:
        verdict = db.execute("PRAGMA integrity_check").fetchone()[0]
        there = dict(db.execute("SELECT id, username FROM users"))
    db.close()
    if verdict != "ok":
        e2e.fail(f"round {n}, seed {seed}: integrity_check says {verdict}")
    lost = {i: name for i, name in acknowledged.items() if there.get(i) != name}
    if lost:
        e2e.fail(f"round {n}, seed {seed}: acknowledged and lost: {lost}")
print(f"{ROUNDS} rounds, {len(acknowledged)} users acknowledged, all there")
