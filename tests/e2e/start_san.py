#!/usr/bin/env python3
# transports: both
"""A server that cannot start says which thing, why and what to do, and exits 1; wrong usage exits 2. Then how it stops."""
import concurrent.futures
import os
import pathlib
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e

project = e2e.scaffold("user-service", "--proto", e2e.USER_PROTO)
program = project / "build/user-service"


def refused(what, code, words, *arguments, env=None, cwd="."):
    done = e2e.run(program, *arguments, env={**e2e.environment(), "GRPC_ADDR": "127.0.0.1:0", "ADMIN_ADDR": "127.0.0.1:0", **(env or {})}, cwd=cwd,
                   check=code, timeout=60)
    for word in words:
        if word not in done.stderr:
            e2e.fail(f"{what}: no {word!r} in\n{done.stderr}")
    if "Sanitizer" in done.stderr:
        e2e.fail(f"{what}:\n{done.stderr}")


# ---- usage ----
refused("an unknown flag", 2, ["--grpc-adr", "--grpc-addr"], "--grpc-adr", "x")
refused("a flag without its value", 2, ["--grpc-addr"], "--grpc-addr")
refused("a bad level", 2, ["LOG_LEVEL", "loud", "debug"], env={"LOG_LEVEL": "loud"})
refused("a bad grace", 2, ["--shutdown-grace", "soon"], "--shutdown-grace", "soon")
refused("a bad format", 2, ["--log-format", "xml", "json"], "--log-format=xml")
helped = e2e.run(program, "--help").stdout
for word in ("--grpc-addr", "GRPC_ADDR", "127.0.0.1:50051", "--database-url", "--shutdown-grace"):
    if word not in helped:
        e2e.fail(f"--help says nothing of {word}:\n{helped}")
e2e.run(program, "--version")

# ---- address ----
with socket.socket() as taken:
    taken.bind(("127.0.0.1", 0))
    taken.listen()
    port = taken.getsockname()[1]
    refused("a busy port", 1, [f"127.0.0.1:{port}", "in use"], env={"GRPC_ADDR": f"127.0.0.1:{port}"})
refused("no address", 2, ["nowhere"], env={"GRPC_ADDR": "nowhere"})
with e2e.Server(program, cwd=".") as first:  # T40: two servers never share a port in silence
    refused("the second on one port", 1, [first.address, "in use"], "--grpc-addr", first.address)
    # two services with all their defaults meet at the admin address: which flag, and that it may be off
    refused("the second with one admin address", 1, ["--admin-addr", "off for none", first.admin, "in use"], "--admin-addr", first.admin)
    with e2e.Server(program, "--admin-addr=off", cwd="."):
        pass

# ---- database ----
pathlib.Path("folder").mkdir()
pathlib.Path("text").write_text("this is no database, however long it gets\n" * 100)
refused("a scheme nobody knows", 2, ["mongodb", "sqlite"], env={"DATABASE_URL": "mongodb://x"})
refused("a folder", 1, ["folder"], env={"DATABASE_URL": "sqlite:folder"})
refused("a folder that is not there", 1, ["nope/x.db"], env={"DATABASE_URL": "sqlite:nope/x.db"})
refused("a file that is no database", 1, ["text", "not a database"], env={"DATABASE_URL": "sqlite:text"})

# ---- migrations ----
with e2e.Server(program, env={"DATABASE_URL": "sqlite:old.db"}):
    pass
migration = project / "migrations/sqlite/0001_users.sql"
kept = migration.read_text()
migration.write_text(kept + "-- changed after it ran\n")
e2e.run("make", "-C", project, *e2e.make_args())
refused("a migration that changed", 1, ["0001_users", "changed"], env={"DATABASE_URL": "sqlite:old.db"})
migration.write_text(kept)
step = project / "migrations/sqlite/0002_oops.sql"  # good in an empty database, which is all that c-svc can try
step.write_text("CREATE TABLE before (id INTEGER);\nTODO: say what becomes of it, then delete this line;\n")
said = e2e.run("make", "-C", project, check=2)
if "0002_oops.sql:2: error: TODO: say what becomes of it" not in said.stdout + said.stderr:
    e2e.fail(f"make, of a step that waits for a decision:\n{said.stdout}{said.stderr}")
e2e.run("c-svc", "update", cwd=project)  # goes on: a decision may take its time
said = e2e.run("make", "-C", project, *e2e.make_args()).stdout
if "0002_oops.sql:2: warning: TODO: " not in said:
    e2e.fail(f"make, afterwards, says nothing of it:\n{said}")
refused("a migration that waits for a decision", 1, ["0002_oops waits for a decision: line 2 says TODO"],
        env={"DATABASE_URL": "sqlite:new.db"})
step.write_text("CREATE TABLE before (id INTEGER);\nCREATE TABLE oops (id INTEGER);\n")
e2e.run("make", "-C", project, *e2e.make_args())
with sqlite3.connect("new.db") as db:
    db.execute("CREATE TABLE oops (id INTEGER)")
refused("a migration that fails here", 1, ["0002_oops", "line 2", "oops already exists"],
        env={"DATABASE_URL": "sqlite:new.db"})
with sqlite3.connect("new.db") as db:
    db.execute("DROP TABLE oops")
    db.execute("ALTER TABLE users RENAME COLUMN email TO mail")
db.close()
refused("a table that lacks a column", 1, ["table users lacks the column email", "write a migration"],
        env={"DATABASE_URL": "sqlite:new.db"})
with sqlite3.connect("new.db") as db:
    db.execute("ALTER TABLE users RENAME COLUMN mail TO email")
db.close()
with e2e.Server(program, env={"DATABASE_URL": "sqlite:new.db"}):  # the broken one left nothing behind
    pass
several = [e2e.Server(program, env={"DATABASE_URL": "sqlite:several.db"}) for _ in range(3)]
with concurrent.futures.ThreadPoolExecutor() as pool:  # at once, on a file that is not there yet
    list(pool.map(e2e.Server.start, several))
for server in several:
    server.stop()
with sqlite3.connect("several.db") as db:
    e2e.equal(db.execute("SELECT version FROM csvc_migrations").fetchall(), [(1,), (2,)], "what ran where three started at once")
db.close()

# ---- disk full: a file system of one megabyte, in a namespace of our own ----
mounts = e2e.own_mounts()
client = project / "build/user-service-client"
if mounts is None:
    e2e.not_tried("start_san.py: a full disk", "nobody may mount here")
else:
    os.mkdir("small")
    script = f'''set -e
mount -t tmpfs -o size=1m none small
exec {program}
'''
    server = e2e.Server(*mounts, "sh", "-c", script,
                        env={"DATABASE_URL": "sqlite:small/users.db"}).start()
    codes = set()
    for i in range(400):
        done = e2e.run(client, "--addr", server.address, "create-user", "--username", f"u{i}", "--email", f"{i}@example.org",
                       "--full-name", "x" * 20000, check=None)
        codes.add(done.returncode)
        if done.returncode != 0:
            break
    if done.returncode != 64 + 8:
        e2e.fail(f"a full disk gave {codes}: {done.stderr}")
    listed = e2e.run(client, "--addr", server.address, "list-users", "--page-size", 1)  # it still answers
    e2e.run(client, "--addr", server.address, "delete-user", "--id", 1, check=None)
    server.stop()

# ---- stopping ----
handler = project / "server/user_service/get_user.c"
handler.write_text(handler.read_text().replace("    return user_store_get", '''    for (int i = 0; i < 300 && !(req->id == 7 && csvc_cancelled(ctx)); i++) {
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
        if (req->id == 1 && i == 60) {
            break;
        }
    }
    return user_store_get''').replace('#include "services.h"', '#include "services.h"\n#include <time.h>'))
e2e.run("make", "-C", project, *e2e.make_args())


def in_flight(server, *arguments):
    """A call that the server says it has."""
    process = subprocess.Popen([str(client), "--addr", server.address, "--timeout", "20s", *arguments], env=e2e.environment(),
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while '"total": 0' in urllib.request.urlopen(f"http://{server.admin}/debug/calls", timeout=20).read().decode():
        if process.poll() is not None:
            e2e.fail(f"the call has ended before it began: {process.communicate()}\n{server.text()}")
        time.sleep(0.01)
    return process


server = e2e.Server(program, env={"DATABASE_URL": "sqlite:stop.db"}).start()
e2e.run(client, "--addr", server.address, "create-user", "--username", "ada", "--email", "ada@example.org")
call = in_flight(server, "get-user", "--id", "1")
server.stop(signal.SIGTERM)  # exit code 0: the call in flight finished
out, err = call.communicate(timeout=30)
if call.returncode != 0 or "ada" not in out:
    e2e.fail(f"a call in flight at SIGTERM: {call.returncode} {out} {err}\n{server.text()}")

server = e2e.Server(program, "--shutdown-grace", "300ms", env={"DATABASE_URL": "sqlite:stop.db"}, expect=1).start()
call = in_flight(server, "get-user", "--id", "7")
server.stop(signal.SIGTERM)  # exit code 1: the grace ran out
call.communicate(timeout=30)
if call.returncode == 0:
    e2e.fail("a call was served beyond the grace")

server = e2e.Server(program, env={"DATABASE_URL": "sqlite:stop.db"}, expect=None).start()
call = in_flight(server, "get-user", "--id", "7")
server.process.send_signal(signal.SIGINT)
until = time.monotonic() + 10
while "stopping" not in server.text() and time.monotonic() < until:
    time.sleep(0.01)
asked = time.monotonic()
code = server.stop(signal.SIGINT)  # the second one ends it at once
if code == 0 or time.monotonic() - asked > 2:
    e2e.fail(f"a second signal: {code} after {time.monotonic() - asked:.1f} s")
call.communicate(timeout=30)
shutil.rmtree("small", ignore_errors=True)
