#!/usr/bin/env python3
"""docs/tutorial.md and the other PAGES do what they say: their commands are run in order, its files written, its output compared.

In a ```console block, `$ command` is run, the lines below it must come out, in order (`...` skips any number; times
and counts of unchanged files are compared by shape). `$ make run` goes to the background until `^C`. A block under <!-- file: PATH --> is written
there; under <!-- append: PATH --> added; under <!-- replace: PATH --> its first line to `====` is replaced by the rest.
"""
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e

PAGES = ("tutorial.md", "metrics.md", "streaming.md", "limits.md", "deploy.md", "migrations.md", "evolution.md")
READER = {"GIT_CONFIG_GLOBAL": "/dev/null", **{f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER")
                                                for what, value in (("NAME", "ada"), ("EMAIL", "ada@example.org"))}}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
SHAPE = "2026-01-01T00:00:00Z"
UNCHANGED = re.compile(r"\d+ (identical|kept)")  # files: more with every feature


def shape(line):
    return UNCHANGED.sub(r"0 \1", TIME.sub(SHAPE, line.rstrip()))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Shell:
    """The reader's terminal: remembers the folder and the variables between commands."""

    def __init__(self):
        self.env = {**e2e.environment(), **READER, "GRPC_ADDR": f"127.0.0.1:{free_port()}", "ADMIN_ADDR": f"127.0.0.1:{free_port()}", **({"SAN": e2e.SAN} if e2e.SAN else {})}
        self.cwd = os.getcwd()
        self.server = None
        self.commands = 0

    def run(self, command):
        self.commands += 1
        if command.startswith("make run"):
            log = open(os.path.join(os.environ["PWD"], "server.log"), "w+b")
            # a group, to be interrupted as a terminal does it; in our session, where tests/run.py looks for what is left
            self.server = subprocess.Popen(command, shell=True, cwd=self.cwd, env=self.env, stdin=subprocess.DEVNULL,
                                           stdout=log, stderr=log, preexec_fn=os.setpgrp)
            until = time.monotonic() + 120
            while time.monotonic() < until and self.server.poll() is None:
                log.seek(0)
                text = log.read().decode()
                if "listening" in text:
                    return text
                time.sleep(0.02)
            e2e.fail(f"{command}: did not listen:\n{text}")
        command = command.replace("127.0.0.1:9464", self.env["ADMIN_ADDR"])
        marker = "--csvc-tutorial--"
        done = subprocess.run(["bash", "-c", f"{command}\nstatus=$?\necho {marker}; echo $status; pwd; env -0"], cwd=self.cwd, env=self.env,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
        text, _, state = done.stdout.decode().partition(marker + "\n")
        status, _, state = state.partition("\n")
        if status != "0" and not re.search(r"^[\w-]+: [A-Z_]{4,}: |^[\w/.-]+:[\d:]+ error: ", text, re.M):
            e2e.fail(f"$ {command}\nended with {status}:\n{text}")
        self.cwd, _, variables = state.partition("\n")
        self.env = dict(v.split("=", 1) for v in variables.split("\0") if "=" in v)
        return text.replace(self.env["GRPC_ADDR"], "127.0.0.1:50051").replace(self.env["ADMIN_ADDR"], "127.0.0.1:9464")

    def interrupt(self):
        os.killpg(self.server.pid, signal.SIGINT)
        self.server.wait(60)
        self.server = None


def compare(command, got, expected):
    lines = [shape(line) for line in got.splitlines()]
    at = 0
    loose = False
    for line in map(shape, expected):
        if line.strip() == "...":
            loose = True
            continue
        while at < len(lines) and lines[at] != line and (loose or not lines[at].strip()):
            at += 1
        if at >= len(lines) or lines[at] != line:
            e2e.fail(f"$ {command}\nexpected the line\n  {line}\nin\n{got}")
        at += 1
        loose = False


def follow(page):
    text = (e2e.SOURCE / "docs" / page).read_text()
    folder = pathlib.Path.cwd() / pathlib.Path(page).stem
    folder.mkdir()
    shell = Shell()
    shell.cwd = str(folder)
    os.environ["PWD"] = os.getcwd()
    blocks = re.findall(r"(?:<!-- (file|append|replace): (\S+) -->\n+)?```(\w*)\n(.*?)^```", text, re.M | re.S)
    for what, path, language, body in blocks:
        if what:
            target = pathlib.Path(shell.cwd) / path
            if what == "replace":
                old, new = body.split("====\n")
                before = target.read_text()
                if before.count(old) != 1:
                    e2e.fail(f"{path} does not hold, once:\n{old}")
                body = before.replace(old, new)
            elif what == "append":
                body = target.read_text() + body
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(body)
        elif language == "console":
            pending = None
            for line in body.replace("\\\n", "").splitlines() + ["$"]:
                if line == "^C":
                    if pending:
                        compare(*pending)
                        pending = None
                    shell.interrupt()
                elif line.startswith("$"):
                    if pending:
                        compare(*pending)
                    command = line[1:].strip()
                    pending = (command, shell.run(command), []) if command else None
                elif pending:
                    pending[2].append(line)
    if shell.commands < 8:
        e2e.fail(f"only {shell.commands} commands found in {page}")
    if shell.server is not None:
        shell.interrupt()
        e2e.fail(f"{page} leaves its server running")


for page in PAGES:
    follow(page)
