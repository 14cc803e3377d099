"""c-svc update of a project of a hundred rpcs in which nothing changed: how long, and whether anything is touched."""
import os
import pathlib
import resource
import subprocess
import tempfile
import time

from harness import STAGE

ENTITIES = 20  # of five rpcs each
ROUNDS = 10


def proto():
    text = ['syntax = "proto3";', "package big;"]
    rpcs = []
    for i in range(ENTITIES):
        text += [f"message E{i} {{ int64 id = 1; string name = 2; string note = 3; }}",
                 *(f"message {verb}E{i}Re{end} {{ E{i} e{i} = 1; }}" for verb in ("Create", "Update") for end in ("quest", "sponse")),
                 f"message GetE{i}Request {{ int64 id = 1; }}", f"message GetE{i}Response {{ E{i} e{i} = 1; }}",
                 f"message DeleteE{i}Request {{ int64 id = 1; }}", f"message DeleteE{i}Response {{}}",
                 f"message ListE{i}sRequest {{ int32 page = 1; int32 page_size = 2; }}",
                 f"message ListE{i}sResponse {{ repeated E{i} items = 1; int64 total = 2; }}"]
        names = [f"{verb}E{i}" for verb in ("Create", "Get", "Update", "Delete")] + [f"ListE{i}s"]
        rpcs += [f"  rpc {name}({name}Request) returns ({name}Response);" for name in names]
    return "\n".join([*text, "service BigService {", *rpcs, "}"]) + "\n"


def dates(home):
    return {p: p.stat().st_mtime_ns for p in home.rglob("*")}


def update(report):
    env = {**os.environ, "PATH": f"{STAGE}/bin:{os.environ['PATH']}"}
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder) / "big"
        (home.parent / "big.proto").write_text(proto())
        subprocess.run(["c-svc", "new-service", "big", "--proto", "big.proto"], cwd=folder, env=env, stdout=subprocess.DEVNULL, check=True)
        before = dates(home)
        best = None
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        for _ in range(ROUNDS):
            started = time.monotonic()
            subprocess.run(["c-svc", "update"], cwd=home, env=env, stdout=subprocess.DEVNULL, check=True)
            spent = time.monotonic() - started
            best = spent if best is None else min(best, spent)
        now = resource.getrusage(resource.RUSAGE_CHILDREN)
        touched = [p for p, date in dates(home).items() if before.get(p) != date]
    cpu = (now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime) / ROUNDS
    report.say("\n**c-svc update, nothing changed**\n\n| a project of | best | CPU of one | files touched |\n| --- | --- | --- | --- |")
    report.say(f"| {5 * ENTITIES} rpcs, {len(before)} files and folders | {best:.3f} s | {cpu:.3f} s | {len(touched)} |")
