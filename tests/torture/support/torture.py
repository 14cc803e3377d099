"""What the torture programs share: the server under torture and what is looked at before and after."""
import json
import os
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import time
import urllib.request

sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e

LONG = os.environ.get("CSVC_TORTURE") == "long"
BUILD = pathlib.Path(os.environ["CSVC_BUILD"]) / "torture"
LOAD, ORACLE = BUILD / "load", BUILD / "oracle"
SERVICE = "/torture.v1.Torture/"
MIB = 1 << 20

OK, CANCELLED, INVALID, DEADLINE, EXHAUSTED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE = 0, 1, 3, 4, 8, 12, 13, 14

# What a process may have more of than when it was warm: a twentieth, and never less than this.
SLACK = {"fds": 2, "threads": 2, "rss": 4 * MIB}


# One arena of malloc that gives back at once: else what a process holds says more of malloc than of us. It costs time:
# FAST, where time is looked at.
STEADY = {"MALLOC_ARENA_MAX": "1", "MALLOC_TRIM_THRESHOLD_": "65536"}
FAST = {"MALLOC_ARENA_MAX": "8", "MALLOC_TRIM_THRESHOLD_": "134217728"}


def short_or_long(short, long):
    return long if LONG else short


def wait_until(what, condition, seconds=20):
    """Polls until `condition` is true; its last value."""
    until = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > until:
            e2e.fail(f"still not after {seconds} s: {what}")
        time.sleep(0.05)
    return value


def usage(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return {"fds": len(os.listdir(f"/proc/{pid}/fd")),
            "threads": int(re.search(r"Threads:\s+(\d+)", status).group(1)),
            "rss": int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) * 1024}


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def more_than(before, now):
    """Of what there is more than a twentieth more; memory is not looked at under sanitizers, which keep what is freed."""
    return {k: (before[k], now[k]) for k in now
            if now[k] > before[k] + max(SLACK[k], before[k] // 20) and not (k == "rss" and e2e.SAN)}


class Server(e2e.Server):
    """The server under torture. On leaving, the common rules: alive, what was started was handled, descriptors, threads
    and memory are again what they were when warm(), exit code 0, no sanitizer's report in the log."""

    def __init__(self, *arguments, env=None, **more):
        super().__init__(BUILD / "server", *arguments, env={**STEADY, **(env or {})}, **more)
        self.at_warm = None
        self.again = None  # the load that warmed it
        self.peak = 0

    def usage(self):
        now = usage(self.process.pid)
        self.peak = max(self.peak, now["rss"])
        return now

    def metrics(self):
        with urllib.request.urlopen(f"http://{self.admin}/metrics", timeout=60) as answer:
            text = answer.read().decode()
        return {name: float(value) for name, value in re.findall(r"^([^#\s]\S*) (\S+)$", text, re.M)}

    def total(self, family, **labels):
        """The sum over all series of a family with these labels."""
        wanted = [f'{k}="{v}"' for k, v in labels.items()]
        return int(sum(v for k, v in self.metrics().items()
                       if k.split("{")[0] == family and all(w in k for w in wanted)))

    def warm(self):
        """Remembers what it needs after a first round of what follows."""
        self.quiet()
        self.at_warm = self.usage()
        return self.at_warm

    def warm_by(self, load, rounds=6):
        """Repeats a load until another round of it needs no more: the allocator's arenas and the pool fill up over some
        rounds, a leak is never full. How many rounds it took."""
        before = None
        for done in range(1, rounds + 1):
            load()
            self.quiet()
            now = self.usage()
            if before and not more_than(before, now):
                self.at_warm = {k: max(before[k], now[k]) for k in now}
                self.again = load
                return done
            before = now
        e2e.fail(f"after {rounds} rounds it still grows: {before}")

    def quiet(self):
        """Waits until no call is in flight: started = handled."""
        def difference():
            m = self.metrics()
            of = lambda family: sum(v for k, v in m.items() if k.startswith(family))
            return of("grpc_server_started_total") - of("grpc_server_handled_total")
        wait_until("started = handled", lambda: difference() == 0)

    def check(self):
        """The common rules but for the exit code, which stop() looks at."""
        if self.process.poll() is not None:
            e2e.fail(f"the server ended with {self.process.returncode}:\n{self.text()}")
        self.quiet()
        if self.at_warm:
            over = self.over()
            # on a busy machine one round may have had more calls in flight than those that warmed it; a leak grows each time
            for _ in range(3 if self.again else 0):
                if not over:
                    break
                self.at_warm = self.usage()
                self.again()
                self.quiet()
                over = self.over()
            if over:
                e2e.fail(f"more than when warm, ten seconds after the load: {over}")

    def over(self):
        """What it has more than when it was warm, and does not give back within ten seconds."""
        until = time.monotonic() + 12
        while True:
            over = more_than(self.at_warm, self.usage())
            if not over or time.monotonic() > until:
                return over
            time.sleep(0.2)

    def __exit__(self, kind, value, trace):
        if kind is None:
            self.stop()
        else:
            self.kill()
            self.reports()
            print("\n".join(self.text().splitlines()[-20:]))

    def stop(self, how=signal.SIGTERM):
        if self.process.poll() is None and how == signal.SIGTERM:
            try:
                self.check()
            except BaseException:
                self.kill()
                raise
        code = super().stop(how)
        self.reports()
        return code

    def text(self):
        """The log: whole it may be hundreds of megabytes of failed calls."""
        if not self.log.exists():
            return ""
        with open(self.log, "rb") as log:
            head = log.read(20_000)
            log.seek(max(len(head), self.log.stat().st_size - 20_000))
            return (head + log.read()).decode(errors="replace")

    def reports(self):
        """Fails on what a sanitizer has written to the log; they write at the end."""
        text = self.text()
        found = re.search(r"^.*(Sanitizer|runtime error:).*$", text, re.M)
        if found:
            e2e.fail(f"{found.group(0)}:\n{text[found.start():]}")


class Oracle:
    """The same service on grpc++."""

    def __enter__(self):
        self.process = subprocess.Popen([ORACLE], stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        self.address = f"127.0.0.1:{line.split()[1]}"
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(30)


def load(kind, address, check=0, timeout=400, **options):
    """Runs our load program to its end; what it prints."""
    arguments = [word for k, v in options.items() for word in (f"--{k}", str(v))]
    done = e2e.run(LOAD, kind, address, *arguments, check=check, timeout=timeout)
    out = done.stdout.replace("open\n", "")
    return json.loads(out) if out.strip() else {}


class Load:
    """The same beside others; `with` waits for its end."""

    def __init__(self, kind, address, **options):
        arguments = [word for k, v in options.items() for word in (f"--{k}", str(v))]
        self.process = subprocess.Popen([LOAD, kind, address, *arguments], stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, env=e2e.environment())

    def __enter__(self):
        return self

    def outcome(self, timeout=400):
        out, _ = self.process.communicate(timeout=timeout)
        if self.process.returncode != 0:
            e2e.fail(f"load ended with {self.process.returncode}:\n{out}")
        return json.loads(out)

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


def only_ok(outcome, calls, what):
    e2e.equal((outcome["codes"], outcome["wrong"], outcome["not_started"]), ({"0": calls}, 0, 0), what)


def bystander(address, rounds=3, calls=500):
    """The p99, in microseconds, of somebody who calls one after the other meanwhile: the median of some rounds."""
    p99 = []
    for _ in range(rounds):
        outcome = load("unary", address, calls=calls, streams=1)
        only_ok(outcome, calls, "a bystander's calls")
        p99.append(outcome["p99_us"])
    return statistics.median(p99)


def compare(what, times, measure, reference, attempts=4):
    """measure() is at most `times` reference() (both p99 in us), and a switch of threads more. On a machine that does
    other things it may take another look: all of them must fail."""
    seen = []
    for _ in range(attempts):
        here, there = measure(), reference()
        seen.append((here, there))
        if here <= times * there + 3000:
            print(f"{what}: p99 {here:.0f} us beside {there:.0f} us")
            return
    e2e.fail(f"{what}: p99 of {seen} us, more than {times} times the other")
