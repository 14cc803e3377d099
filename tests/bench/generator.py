"""The section `generator`: beside those of Go, one big request, recorded once, fed to all."""
import os
import pathlib
import resource
import shutil
import subprocess
import tempfile
import time

from harness import BENCH, SOURCE, STAGE, exists

FILES, MESSAGES, FIELDS, RPCS = 200, 50, 15, 20
ROUNDS = 3
SCALARS = ["int64", "string", "bool", "double", "bytes", "uint32", "string", "sint64"]


def message(file, number):
    """15 fields: scalars, of the message before, of the file before, an enum's, repeated, maps, a oneof."""
    before = f"M{number - 1}" if number else "Kind"
    other = f"big.f{file - 1:03}.M{number}" if file else before
    lines = [f"// M{number} is what this file has in its place {number}.", f"message M{number} {{"]
    for i in range(1, FIELDS + 1):
        if i % 3 == 0:
            lines.append(f"  // field_{i}_of_m{number} says a few words about itself, as fields do.")
        if i == 5:
            kind = before
        elif i == 7:
            kind = other
        elif i == 9:
            kind = "repeated " + before
        elif i == 11:
            kind = "map<string, string>"
        elif i == 4:
            kind = "repeated string"
        elif i == 10:
            kind = "Kind"
        else:
            kind = SCALARS[(i + number) % len(SCALARS)]
        if i == 13:
            lines.append("  oneof choice {")
        lines.append(f"  {kind} field_{i}_name = {i};")
    return [*lines, "  }", "}"]


def protos(folder):
    """10,000 messages with 150,000 fields (besides those of map entries), 4,000 rpcs in 200 files, each importing the one before."""
    for file in range(FILES):
        lines = ["syntax = \"proto3\";", f"package big.f{file:03};", f"option go_package = \"csvc.test/big/f{file:03}\";"]
        if file:
            lines.append(f"import \"big/f{file - 1:03}.proto\";")
        lines += ["enum Kind {", *(f"  KIND_{i} = {i};" for i in range(5)), "}"]
        for number in range(MESSAGES):
            lines += message(file, number)
        for service in range(2):
            lines += [f"// Service{service} has rpcs of all four kinds.", f"service Service{service} {{"]
            for rpc in range(RPCS // 2):
                streams = [("", ""), ("", "stream "), ("stream ", ""), ("stream ", "stream ")][rpc % 4 if rpc > 5 else 0]
                lines += [f"  // Call{rpc} does what it does.",
                          f"  rpc Call{rpc}({streams[0]}M{rpc}) returns ({streams[1]}M{rpc + 20 + service});"]
            lines.append("}")
        path = folder / f"big/f{file:03}.proto"
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(lines) + "\n")
    return [f"big/f{file:03}.proto" for file in range(FILES)]


def record(folder, *options):
    """The very request that protoc gives to a plugin, by a recorder in a plugin's place."""
    files = protos(folder)
    recorder = folder / "protoc-gen-record"
    recorder.write_text("#!/bin/sh\ncat > \"$RECORD\"\n")
    recorder.chmod(0o755)
    requests = []
    for i, option in enumerate(options):
        requests.append(folder / f"request{i}")
        subprocess.run(["protoc", f"--plugin={recorder}", "--record_out=" + (option and option + ":") + ".", *files], cwd=folder,
                       check=True, env={**os.environ, "RECORD": str(requests[-1])})
    return requests


def resident_mib(pid):
    """Of a process and of all that it runs, now."""
    try:
        pages = int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1])
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (OSError, IndexError):
        return 0.0
    return pages * resource.getpagesize() / 2**20 + sum(map(resident_mib, children))


def measure(command, request):
    """Seconds by the clock, seconds of CPU, and the most memory that it and what it ran had at once, in MiB."""
    with open(request, "rb") as source, open(os.devnull, "wb") as sink:
        started = time.monotonic()
        child = subprocess.Popen([str(c) for c in command], stdin=source, stdout=sink)
        memory = 0.0
        while True:
            pid, status, used = os.wait4(child.pid, os.WNOHANG)
            if pid != 0:
                break
            memory = max(memory, resident_mib(child.pid))
            time.sleep(0.01)
        spent = time.monotonic() - started
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise SystemExit(f"{command}: exit code {child.returncode}")
    return spent, used.ru_utime + used.ru_stime, memory


GO, GO_GRPC, OURS, OURS_OFF, THEIRS = ("protoc-gen-go", "protoc-gen-go-grpc", "protoc-gen-c-svc", "protoc-gen-c-svc, messages=off",
                                       "protoc-gen-c alone, which is in it")
BOTH = f"{GO} and {GO_GRPC}"


def big_request(report, folder):
    plain, off = record(folder, "", "messages=off")
    programs = {OURS: ([STAGE / "bin/protoc-gen-c-svc"], plain), OURS_OFF: ([STAGE / "bin/protoc-gen-c-svc"], off),
                THEIRS: (["protoc-gen-c"], plain)}
    # made with the server of grpc-go, as its go.mod pins them
    go = exists({name: [BENCH / "go/bin" / name] for name in (GO, GO_GRPC)})
    programs.update({name: (command, plain) for name, command in go.items()})
    best = {}
    for _ in range(ROUNDS):
        for name, (command, request) in programs.items():
            now = measure(command, request)
            best[name] = tuple(min(pair) for pair in zip(now, best.get(name, now)))
    if len(go) == 2:  # protoc runs one after the other
        first, second = best.pop(GO), best.pop(GO_GRPC)
        best[BOTH] = (first[0] + second[0], first[1] + second[1], max(first[2], second[2]))
    base = best.get(BOTH)
    report.table(f"one request: {FILES * MESSAGES:,} messages, {FILES * MESSAGES * FIELDS:,} fields, {FILES * RPCS:,} rpcs in {FILES} files; "
                 f"best of {ROUNDS}", ("", "seconds", "CPU seconds", "MiB", "times as fast"),
                 [(name, f"{spent:.2f}", f"{cpu:.2f}", f"{memory:,.0f}", f"{base[0] / spent:.1f}" if base else "-")
                  for name, (spent, cpu, memory) in best.items()])


def generator(report):
    folder = pathlib.Path(tempfile.mkdtemp())
    big_request(report, folder)
    env = {**os.environ, "PATH": f"{STAGE}/bin:{os.environ['PATH']}"}
    spent = []
    for i in range(ROUNDS):
        started = time.monotonic()
        subprocess.run(["c-svc", "new-service", f"user-service-{i}", "--proto", SOURCE / "samples/user/proto/user.proto"],
                       cwd=folder, env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        spent.append(time.monotonic() - started)
    report.table(f"the scaffolder, best of {ROUNDS}", ("", "seconds"), [("c-svc new-service", f"{min(spent):.2f}")])
    shutil.rmtree(folder)
