#!/usr/bin/env python3
"""Random sequences of user edits, proto changes, template changes and updates. After each update every line the user wrote is where it
was, or in a conflict of that file; files that are the user's alone are the same byte for byte; what they deleted stays away; only
what the update named has changed; and the same update again changes nothing, not even a date.

CSVC_ROUNDS: sequences (150, always the same; 1,000 new ones in `make torture`). CSVC_SEED: other ones; CSVC_ONLY: one of them.
"""
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import time
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e

LONG = os.environ.get("CSVC_TORTURE") == "long"
ROUNDS = int(os.environ.get("CSVC_ROUNDS") or (1000 if LONG else 150))
SEED = int(os.environ.get("CSVC_SEED") or (time.time_ns() % 1_000_000 if LONG else 6))
ONLY = os.environ.get("CSVC_ONLY")
STEPS = 4  # updates in a sequence, each after some changes
ENV = e2e.environment()
MINE = re.compile(rb"\bmine-\d+\b")
MARKERS = (b"<<<<<<< ", b"|||||||", b"=======", b">>>>>>> ")
TEMPLATES = ["Makefile", "README.md", "server/main.c", "client/main.c", "tests/service_testing.c", "tests/service_testing.h", ".gitignore",
             "server/PREFIX/RPC.c"]
ALLOW = ["--allow-breaking", "--allow-data-loss"]
KINDS = {"create", "update", "merge", "conflict", "remove", "rename"}  # that change a file


class Wrong(Exception):
    pass


# ---- the contract ----

class Proto:
    """A contract that changes as contracts do. Numbers are never given twice."""

    def __init__(self, rng):
        self.rng = rng
        self.n = 0
        self.column_changed = False  # since the last update
        self.messages = {"Note": [("int64", "id", 1), ("string", "text", 2), ("string", "author", 3)],
                         "CreateNoteRequest": [("string", "text", 1), ("string", "author", 2)], "CreateNoteResponse": [("Note", "note", 1)],
                         "GetNoteRequest": [("int64", "id", 1)], "GetNoteResponse": [("Note", "note", 1)],
                         "PingRequest": [("string", "text", 1)], "PingResponse": [("string", "text", 1)]}
        self.rpcs = [("CreateNote", "CreateNoteRequest", "CreateNoteResponse"), ("GetNote", "GetNoteRequest", "GetNoteResponse"),
                     ("Ping", "PingRequest", "PingResponse")]
        self.numbers = {m: 10 for m in self.messages}

    def fresh(self):
        self.n += 1
        return self.n

    def text(self):
        lines = ['syntax = "proto3";', "package note;", "service NoteService {"]
        lines += [f"  rpc {name}({req}) returns ({rsp});" for name, req, rsp in self.rpcs] + ["}"]
        for name, fields in self.messages.items():
            lines += [f"message {name} {{"] + [f"  {kind} {field} = {number};" for kind, field, number in fields] + ["}"]
        return "\n".join(lines) + "\n"

    def change(self):
        """Changes something; what, in words."""
        what = self.rng.choice(["rpc+", "rpc+", "rpc-", "rpc~", "message+", "field+", "field+", "field-", "field~",
                                "column+", "column-"])
        if what == "rpc+":
            n = self.fresh()
            self.messages[f"Do{n}Request"] = [("string", "text", 1)]
            self.messages[f"Do{n}Response"] = [("string", "text", 1)]
            self.numbers.update({f"Do{n}Request": 10, f"Do{n}Response": 10})
            self.rpcs.insert(self.rng.randint(0, len(self.rpcs)), (f"Do{n}", f"Do{n}Request", f"Do{n}Response"))
        elif what in ("rpc-", "rpc~"):
            others = [r for r in self.rpcs if not r[0].endswith("Note")]
            if not others:
                return "nothing"
            rpc = self.rng.choice(others)
            at = self.rpcs.index(rpc)
            self.rpcs[at:at + 1] = [(f"Renamed{self.fresh()}", rpc[1], rpc[2])] if what == "rpc~" else []
            what += f" {rpc[0]}"
        elif what == "message+":
            name = f"Extra{self.fresh()}"
            self.messages[name] = [("string", "text", 1)]
            self.numbers[name] = 10
        elif what.startswith("column") and self.column_changed:
            return "nothing"  # one that goes beside one that comes would be asked about
        elif what == "column+":  # of the table that notes are in
            self.column_changed = True
            self.numbers["Note"] += 1
            self.messages["Note"].append((self.rng.choice(["string", "int32", "bool"]), f"c{self.fresh()}", self.numbers["Note"]))
        elif what == "column-":
            columns = [f for f in self.messages["Note"] if f[1].startswith("c")]
            if not columns:
                return "nothing"
            self.column_changed = True
            self.messages["Note"].remove(self.rng.choice(columns))
        else:
            message = self.rng.choice([m for m in self.messages if not m.startswith(("Note", "CreateNote", "GetNote"))])
            fields = self.messages[message]
            if what == "field+":
                self.numbers[message] += 1
                fields.append((self.rng.choice(["string", "int32", "bool"]), f"f{self.fresh()}", self.numbers[message]))
            elif fields:
                at = self.rng.randrange(len(fields))
                kind, _, number = fields[at]
                fields[at:at + 1] = [(kind, f"f{self.fresh()}", number)] if what == "field~" else []
            what += f" {message}"
        return what


# ---- a project and its user ----

def comment(path, text):
    name = path.name
    if path.suffix in (".c", ".h"):
        return f"/* {text} */"
    if path.suffix == ".sql":
        return f"-- {text}"
    return f"- {text}" if name.endswith(".md") else f"# {text}"


class Sequence:
    def __init__(self, number, folder, seed_project):
        self.number = number
        self.rng = random.Random(f"{SEED}-{number}")
        self.home = folder / "note-service"
        self.templates = folder / "templates/project"
        shutil.copytree(seed_project, folder, symlinks=True)
        self.proto = Proto(self.rng)
        self.log = []
        self.tag = 0
        self.deleted = set()
        self.hot = {}
        self.counts = {}

    def say(self, text):
        self.log.append(text)

    def count(self, what, n=1):
        self.counts[what] = self.counts.get(what, 0) + n

    def files(self):
        """All that lies there: path -> (content, date)."""
        found = {}
        for top, folders, names in os.walk(self.home):
            if top == str(self.home):
                folders[:] = [f for f in folders if f != "build"]
            for name in names:
                path = os.path.join(top, name)
                with open(path, "rb") as f:
                    found[os.path.relpath(path, self.home)] = (f.read(), os.stat(path).st_mtime_ns)
        return found

    def theirs(self):
        """Files a user would edit."""
        return [p for p in self.files() if not p.startswith(("gen/", ".c-svc/", "proto/"))]

    def unique(self):
        self.tag += 1
        return f"mine-{self.tag}"

    # ---- edits ----

    def place(self, path, lines):
        """A line; often near one where the template has changed or will."""
        if path in self.hot and self.rng.random() < 0.5:
            return min(len(lines) - 1, max(0, self.hot[path] + self.rng.randint(-2, 2)))
        return self.rng.randrange(len(lines))

    def edit(self):
        paths = sorted(self.theirs())
        often = [p for p in paths if p in TEMPLATES]
        path = self.rng.choice(often if often and self.rng.random() < 0.6 else paths)
        file = self.home / path
        how = self.rng.choice(["insert"] * 6 + ["change"] * 5 + ["delete"] * 3 + ["append"] * 2 + ["many"] * 2 +
                              ["rename", "move", "remove", "replace", "copy", "own", "crlf", "empty", "block"])
        only_comments = path in ("c-svc.yaml", "buf.yaml") or path.startswith("migrations/")
        if only_comments:
            how = "insert"
        lines = file.read_bytes().split(b"\n")
        at = self.place(path, lines)
        if how == "insert":
            lines.insert(at, comment(file, self.unique()).encode())
        elif how == "many":
            for _ in range(self.rng.randint(2, 6)):
                lines.insert(self.rng.randint(0, len(lines)), comment(file, self.unique()).encode())
        elif how == "append":
            lines[-1:] = [comment(file, self.unique()).encode()] + ([b""] if self.rng.random() < 0.7 else [])
        elif how == "change":
            lines[at] = comment(file, self.unique()).encode()
        elif how == "delete":
            del lines[at:at + self.rng.randint(1, 4)]
        elif how == "block":
            lines[at:at] = [comment(file, self.unique()).encode() for _ in range(3)] + lines[at:at + 5]
        elif how == "crlf":
            lines = [line.rstrip(b"\r") + b"\r" for line in lines[:-1]] + lines[-1:]
        elif how == "replace":  # by something that has nothing of it
            lines = [comment(file, self.unique()).encode() for _ in range(self.rng.randint(1, 30))] + [b""]
        elif how == "empty":
            lines = [b""]
        elif how in ("rename", "move", "copy", "own"):
            self.tag += 1
            to = file.with_name(f"moved{self.tag}_{file.name}")
            if how == "move":
                to = self.home / self.rng.choice(["server", "server/deep", "elsewhere", "tests"]) / to.name
                to.parent.mkdir(exist_ok=True)
            if how == "own":
                to.write_bytes(comment(file, self.unique()).encode() + b"\n")
            elif how == "copy":
                shutil.copy(file, to)
            else:
                file.rename(to)
            self.say(f"{how} {path} {to.relative_to(self.home)}")
            return
        elif how == "remove":
            file.unlink()
            self.say(f"remove {path}")
            self.deleted.add(path)
            return
        file.write_bytes(b"\n".join(lines))
        self.say(f"{how} {path}:{at + 1}")

    def change_template(self):
        name = self.rng.choice(TEMPLATES)
        file = self.templates / f"{name}.tmpl"
        lines = file.read_text().split("\n")
        at = self.place(name, lines)
        how = self.rng.choice(["insert", "change", "delete"])
        self.hot[name] = at
        self.tag += 1
        text = comment(pathlib.Path(name), f"ours-{self.tag}")
        if how == "insert" or "@" in lines[at]:
            lines.insert(at, text)
        elif how == "change":
            lines[at] = text
        else:
            del lines[at]
        file.write_text("\n".join(lines))
        self.say(f"template {how} {name}:{at + 1}")

    def change_proto(self):
        self.say("proto " + self.proto.change())
        (self.home / "proto/note.proto").write_text(self.proto.text())

    # ---- updates ----

    def run(self, *arguments):
        done = subprocess.run(["c-svc", "update", *arguments], cwd=self.home, env=ENV, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=120, check=False)
        self.say(f"update {' '.join(arguments)} -> {done.returncode}")
        return done

    def update(self):
        options = list(ALLOW)
        options += ["--prune"] if self.rng.random() < 0.15 else []
        gone = sorted(p for p in self.deleted if not (self.home / p).exists())
        restored = self.rng.choice(gone) if gone and self.rng.random() < 0.2 else None
        records = json.loads((self.home / ".c-svc/lock.json").read_text())
        if restored is not None and restored in records.get("files", {}) and self.is_asked_for(restored):
            options += ["--restore", restored]
            self.deleted.discard(restored)
        else:
            restored = None
        before = self.files()
        done = self.run(*options, "--output", "json")
        asked = re.search(r"where it is as it looks: c-svc update (.*), with --keep", done.stderr)
        if asked is not None and done.returncode == 1:  # nothing has happened yet: that is checked below
            for old, new in re.findall(r"--rename (\w+)=(\w+)", asked.group(1)):
                options += self.rng.choice([["--rename", f"{old}={new}"], ["--keep", old]])
            done = self.run(*options, "--output", "json")
        self.proto.column_changed = False
        after = self.files()
        if done.returncode not in (0, 1):
            raise Wrong(f"exit code {done.returncode}\n{done.stderr}")
        if not done.stdout.startswith("{"):
            raise Wrong(f"refused:\n{done.stderr}")
        told = json.loads(done.stdout)
        statuses = {f["at"]: f for f in told["files"] if f["at"] is not None}
        went = {}  # renamed with their rpc: from, to
        for file in told["files"]:
            was = re.match(r"was (\S+),", file["remark"] or "") if file["status"] == "rename" else None
            if was is not None:
                went[was.group(1)] = file["at"]
        self.check_named(before, after, statuses, went)
        self.check_lines(before, after, statuses, went)
        self.check_deleted(before, after, restored)
        for file in told["files"]:
            self.count(file["status"])
        conflicts = [p for p, f in statuses.items() if f["status"] == "conflict"]
        if (done.returncode == 1) != bool(conflicts):
            raise Wrong(f"exit code {done.returncode} with conflicts {conflicts}")
        if conflicts:
            self.settle(conflicts)
            before = self.files()
            done = self.run(*ALLOW)  # "run this again": takes the conflict out of the records
            changed = [p for p, was in self.files().items() if before.get(p) != was]
            if done.returncode != 0 or set(changed) - {".c-svc/lock.json"}:
                raise Wrong(f"after markers were removed: {done.returncode}, changed {changed}\n{done.stdout}{done.stderr}")
        self.again()

    def is_asked_for(self, path):
        """Handlers and tests are as long as their rpc is."""
        stem = re.sub(r"_test$", "", pathlib.Path(path).stem)
        return "note_service/" not in path or stem in {re.sub(r"(?<!^)([A-Z])", r"_\1", r[0]).lower() for r in self.proto.rpcs}

    def check_named(self, before, after, statuses, went):
        """Whatever changed was named with a word that says so; all else is as it was, date included."""
        for path in {*before, *after}:
            if path.startswith((".c-svc/", "gen/")) or before.get(path) == after.get(path):
                continue
            status = statuses.get(path, {}).get("status")
            if status not in KINDS:
                raise Wrong(f"{path}: changed though it is {status or 'not named'}")
            if status in ("update", "create", "remove") and path in before and path not in went and MINE.search(before[path][0]):
                raise Wrong(f"{path}: {status} of a file that the user has edited")
            if status == "create" and path in before:
                raise Wrong(f"{path}: created over one that was there")

    def check_lines(self, before, after, statuses, went):
        for path, (content, _) in before.items():
            if path.startswith((".c-svc/", "gen/")):
                continue
            mine = MINE.findall(content)
            if not mine:
                continue
            now = after.get(went.get(path, path), (b"", 0))[0]
            there = now.split(b"\n")
            *ended, last = content.split(b"\n")
            if last + b"\r" in there:  # what came to stand before others has an end now
                last += b"\r"
            for line in (*ended, last):
                if MINE.search(line) and line not in there:
                    raise Wrong(f"{path}: the user's line {line!r} is gone")
            if statuses.get(path, {}).get("status") == "merge" and MINE.findall(now) != mine:
                raise Wrong(f"{path}: the user's lines are in another order: {mine} {MINE.findall(now)}")
            if statuses.get(path, {}).get("status") != "conflict" and any(
                    line.startswith(MARKERS[0]) for line in now.split(b"\n")):
                raise Wrong(f"{path}: markers, but no conflict was told of")

    def check_deleted(self, before, after, restored):
        for path in self.deleted:
            if path not in before and path in after:
                raise Wrong(f"{path}: was deleted by the user and is back")
        if restored is not None and restored not in after:
            raise Wrong(f"{restored}: was to be restored")

    def generate(self):
        """What make runs: gen/ and the records, nothing else."""
        before = self.files()
        done = subprocess.run(["c-svc", "generate"], cwd=self.home, env=ENV, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
                              check=False)
        self.say(f"generate -> {done.returncode}")
        after = self.files()
        wrong = [p for p in {*before, *after} if before.get(p) != after.get(p) and not p.startswith(("gen/", ".c-svc/"))]
        if wrong or done.returncode != 0:
            raise Wrong(f"generate: {done.returncode}, changed {wrong}\n{done.stderr}")

    def settle(self, conflicts):
        """The next update refuses and names the place; then the user decides, one way or the other."""
        before = self.files()
        done = self.run(*ALLOW)
        if done.returncode != 1 or not any(re.search(rf"{re.escape(p)}:\d+", done.stderr) for p in conflicts):
            raise Wrong(f"an update over markers: {done.returncode}\n{done.stderr}")
        if self.files() != before:
            raise Wrong("an update over markers changed something")
        for path in conflicts:
            file = self.home / path
            how = self.rng.choice(["yours", "ours", "both"])
            kept, side = [], "both"
            for line in file.read_bytes().split(b"\n"):
                if line.startswith(MARKERS[0]):
                    side = "yours"
                elif line.startswith(MARKERS[1]) and side == "yours":
                    side = "base"
                elif line.startswith(MARKERS[2]) and side in ("yours", "base"):
                    side = "ours"
                elif line.startswith(MARKERS[3]) and side == "ours":
                    side = "both"
                elif side == "both" or side == how or (how == "both" and side != "base"):
                    kept.append(line)
            file.write_bytes(b"\n".join(kept))
            self.say(f"settle {path}: {how}")

    def again(self):
        before = self.files()
        if self.rng.random() < 0.5:
            done = self.run("--check", *ALLOW)
        else:
            done = self.run(*ALLOW)
        after = self.files()
        if done.returncode != 0 or after != before:
            raise Wrong(f"the same update again: {done.returncode}, changed {sorted(p for p in {*before, *after} if before.get(p) != after.get(p))}\n"
                        f"{done.stdout}{done.stderr}")

    def play(self):
        for _ in range(STEPS):
            for _ in range(self.rng.randint(0, 5)):
                self.edit()
            for _ in range(self.rng.choice([0, 1, 1, 2])):
                self.change_proto()
            for _ in range(self.rng.choice([0, 0, 1, 1, 3])):
                self.change_template()
            if self.rng.random() < 0.2:
                self.generate()
            self.update()


def seed_project(folder, storage):
    """What every sequence begins with, made once."""
    for name in TEMPLATES:
        target = folder / f"templates/project/{name}.tmpl"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(e2e.SOURCE / f"templates/project/{name}.tmpl", target)
    (folder / "note.proto").write_text(Proto(None).text())
    e2e.run("c-svc", "new-service", "note-service", "--proto", "note.proto", "--templates", "templates", "--storage", storage, cwd=folder)


def main():
    top = e2e.quick_folder()
    counts = {}
    started = time.monotonic()
    print(f"seed {SEED}", flush=True)
    try:
        for storage in ("sqlite", "none"):
            (top / storage).mkdir()
            seed_project(top / storage, storage)
        numbers = [int(ONLY)] if ONLY else range(ROUNDS)
        for number in numbers:
            sequence = Sequence(number, top / "now", top / ("sqlite" if number % 2 else "none"))
            try:
                sequence.play()
            except Wrong as wrong:
                kept = pathlib.Path("failed").absolute()
                shutil.copytree(top / "now", kept, symlinks=True, dirs_exist_ok=True)
                steps = "\n  ".join(sequence.log)
                e2e.fail(f"CSVC_SEED={SEED} CSVC_ONLY={number}: {wrong}\nafter\n  {steps}\nin {kept}")
            for what, n in sequence.counts.items():
                counts[what] = counts.get(what, 0) + n
            shutil.rmtree(top / "now")
    finally:
        shutil.rmtree(top, ignore_errors=True)
    print(f"{len(numbers)} sequences of {STEPS} updates in {time.monotonic() - started:.0f} s: {counts}")
    missing = {"create", "update", "merge", "conflict", "kept", "stale", "deleted", "moved", "remove"} - {k for k, n in counts.items() if n > 0}
    if missing and not ONLY and ROUNDS >= 100:
        e2e.fail(f"never came about: {missing}")


main()
