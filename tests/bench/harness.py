"""What the sections of run.py share: servers on their CPU, tables of what was measured."""
import os
import pathlib
import re
import resource
import subprocess
import time

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("CSVC_BUILD", SOURCE / "build"))
STAGE = BUILD / "stage"
BENCH = BUILD / "bench"

CPUS = sorted(os.sched_getaffinity(0))
SERVER_CPU, CLIENT_CPU = CPUS[0], CPUS[-1]


# thousands of connections
_, MOST_FILES = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (MOST_FILES, MOST_FILES))


def pinned(cpu, *command):
    return ["taskset", "-c", str(cpu), *map(str, command)]


class Server:
    """A bench server on its CPU; prints `listening PORT` when it is ready."""

    def __init__(self, *command, cpu=SERVER_CPU):
        started = time.monotonic()
        self.process = subprocess.Popen(pinned(cpu, *command), stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        self.start_ms = (time.monotonic() - started) * 1000
        found = re.search(r"listening (\d+)", line)
        if not found:
            raise SystemExit(f"{command}: said {line!r} instead of its port")
        self.port = int(found.group(1))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(30)

    def cpu_seconds(self):
        """Of all its threads, those that have ended too."""
        return time.clock_gettime((~self.process.pid << 3) | 2)

    def resident_kib(self):
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", text).group(1))


def exists(peers):
    """Those of the peers that could be built; says aloud which could not."""
    have = {}
    for name, command in peers.items():
        if pathlib.Path(command[0]).exists():
            have[name] = command
        else:
            print(f"NOT TRIED: {name}: {command[0]} was not built")
    return have


class Best:
    """The best of several rounds for each peer: the highest rate, the least CPU time, the least of what else there is."""

    def __init__(self, names):
        self.rate = dict.fromkeys(names, 0.0)
        self.cpu = dict.fromkeys(names, float("inf"))
        self.rest = {}

    def add(self, name, rate, cpu, *rest):
        self.rate[name] = max(self.rate[name], rate)
        self.cpu[name] = min(self.cpu[name], cpu)
        self.rest[name] = [min(one) for one in zip(rest, self.rest.get(name, rest))]


class Report:
    """Markdown, printed as it comes and kept for a file."""

    def __init__(self):
        self.lines = []

    def say(self, line=""):
        print(line, flush=True)
        self.lines.append(line)

    def table(self, title, heads, rows):
        self.say(f"\n**{title}**\n")
        widths = [max(len(str(r[i])) for r in [heads, *rows]) for i in range(len(heads))]
        for row in [heads, ["-" * w for w in widths], *rows]:
            first = str(row[0]).ljust(widths[0])
            self.say("| " + " | ".join([first] + [str(c).rjust(w) for c, w in zip(row[1:], widths[1:])]) + " |")

    def rates(self, title, best, unit, bases, rest=()):
        """One row a peer: rate, its ratio to that of each base, CPU, how many of the peer's the CPU of one of the base's
        does; `rest` names what else was added, with its format. The load's program has one CPU: where that is what there
        is no more of, the rates of the fastest come near each other and CPU time tells them apart."""
        bases = [base for base in bases if base in best.rate]
        rows = [(name, f"{best.rate[name]:,.0f}", *(f"{best.rate[name] / best.rate[base]:.2f}" for base in bases),
                 f"{best.cpu[name] * 1e6:.2f}", *(f"{best.cpu[base] / best.cpu[name]:.2f}" for base in bases),
                 *(how.format(value) for (_, how), value in zip(rest, best.rest[name]))) for name in best.rate]
        self.table(title, ("", f"{unit}s/s".replace("ys/", "ies/"), *(f"of {base}" for base in bases), f"CPU µs a {unit}",
                           *(f"× {base} by CPU" for base in bases), *(what for what, _ in rest)), rows)
