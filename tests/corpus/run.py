#!/usr/bin/env python3
"""tests/corpus/run.py FOLDER [--files N] [--compile N] [--projects N]: protos of the real world through the generator.

Every .proto below FOLDER (or the first N of an order by hash) goes through `protoc --c-svc_out`, and through `c-svc explain` when it
has services. What may happen: C comes out, or `file:line:col: error:` lines do. Of those that come out a sample is compiled, as C11
and C++17 with warnings as errors, with all that it includes, and linked into a library that leaves nothing open; of those with
services some become projects. Says what it ran on, what was refused for which reasons, and how many.
"""
import argparse
import collections
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import corpus

SOURCE = pathlib.Path(os.environ["CSVC_SOURCE"])
STAGE = pathlib.Path(os.environ["CSVC_STAGE"])
PLUGIN = STAGE / "bin/protoc-gen-c-svc"
OPTIONS = STAGE / "share/c-svc/proto"
PLACE = re.compile(r"^(?:--c-svc_out: )?[^\s:]+\.proto:\d+:\d+: error: (.*)$", re.M)
SUMMARY = re.compile(r"^--c-svc_out: \d+ errors?, nothing was generated$", re.M)
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
# what protoc-gen-c writes: descriptors of an array of length 0, comments within comments
OF_MESSAGES = ["-Wno-overlength-strings", "-Wno-comment", "-Wno-pedantic"]
# what a sample may take with it: some protos import hundreds
MOST_FILES = 60


def run(*argv, cwd=None, timeout=300):
    done = subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=cwd,
                          timeout=timeout, check=False)
    return done.returncode, done.stdout.decode(errors="replace")


def roots(proto):
    return [f"-I{r}" for r in [*proto.roots, OPTIONS, "/usr/include"]]


def generate(protos, out, names=()):
    return run("protoc", f"--plugin={PLUGIN}", f"--c-svc_out={out}", *roots(protos[0]), *(p.name for p in protos), *names)


def reason_of(text):
    """A refusal without the names in it, so that equal ones can be counted."""
    text = re.sub(r'"[^"]*"', '"..."', text)
    return re.sub(r"\b(field|message|enum|rpc|service|oneof|constant|type|value|of|in|entity|column|and|file)s? (?!the\b|a\b|an\b|its\b)[\w.]*[\w.]+",
                  r"\1 X", text)[:120]


class Tally:
    def __init__(self):
        self.counts = collections.Counter()
        self.reasons = collections.Counter()
        self.examples = {}
        self.failures = []

    def fail(self, what, said):
        self.failures.append(what)
        print(f"FAILED: {what}\n{said[-3000:]}", flush=True)

    def refuse(self, proto, said):
        for reason in sorted({reason_of(r) for r in PLACE.findall(said)}):
            self.reasons[reason] += 1
            self.examples.setdefault(reason, (proto.label, PLACE.findall(said)))


def one(proto, out):
    """What becomes of a file by itself: (a word, what was said)."""
    rc, said = generate([proto], out)
    if rc == 0:
        said = re.sub(r"^(?:\[libprotobuf WARNING .*|\S+\.proto:\d+:\d+: warning: .*|\S+: warning: .*)?\n", "", said, flags=re.M)  # protoc's
        return ("generated", "") if said == "" else ("talkative", said)
    plain, why = run("protoc", "-o", "/dev/null", *roots(proto), proto.name)
    if plain != 0:
        return "not taken by protoc", why
    if SUMMARY.search(said) and PLACE.search(said):
        return "refused", said
    return "crash", said


def group(protos):
    """A folder's files in one run, as buf does it; when that fails one by one."""
    with tempfile.TemporaryDirectory() as out:
        if len(protos) > 1 and generate(protos, out)[0] == 0:
            return [(p, "generated", "") for p in protos]
        return [(p, *one(p, out)) for p in protos]


def explain(proto):
    rc, said = run(STAGE / "bin/c-svc", "explain", *roots(proto)[:-1], proto.roots[0] / proto.name)
    if rc == 0 and said:
        return None
    return None if rc == 1 and re.search(r":\d+:\d+: error: ", said) else f"exit code {rc}\n{said}"


# ---- compiling ----

def closure(proto, out):
    """Generates the file and all whose headers it includes; their names, or None when there are too many."""
    names = {proto.name}
    while True:
        rc, said = generate([proto], out, sorted(names - {proto.name}))
        if rc != 0:  # what it imports may be refused, which is counted where it is tried by itself
            return None, "" if len(names) > 1 and SUMMARY.search(said) and PLACE.search(said) else said
        wanted = set()
        for header in pathlib.Path(out).rglob("*.h"):
            for included in re.findall(r'#include "([^"]+)\.(?:csvc|pb-c|store)\.h"', header.read_text()):
                if not (STAGE / f"include/csvc-wkt/{included}.csvc.h").exists():
                    wanted.add(included + ".proto")
        if wanted <= names:
            return names, ""
        names |= wanted
        if len(names) > MOST_FILES:
            return None, ""


def compile_one(proto):
    """(how many files were compiled, complaint)"""
    out = pathlib.Path(tempfile.mkdtemp())
    try:
        names, said = closure(proto, out)
        if names is None:
            return 0, said or None
        include = [f"-I{out}", f"-I{STAGE}/include", f"-I{STAGE}/include/csvc-wkt"]
        sources = sorted(p for p in out.rglob("*.c"))
        objects = []
        for i, source in enumerate(sources):
            quiet = OF_MESSAGES if source.name.endswith(".pb-c.c") else []
            rc, said = run("cc", "-std=c11", "-fPIC", *WARNINGS, *quiet, *include, "-c", source, "-o", out / f"{i}.o")
            if rc != 0:
                return len(sources), said
            objects.append(out / f"{i}.o")
        headers = sorted(p.relative_to(out).as_posix() for p in out.rglob("*.h"))
        inits = []
        for source in sources:
            if source.name.endswith(".csvc.c"):
                inits += re.findall(r"^static const (\w+) \w+__initial =\s+(\w+__INIT);", source.read_text(), re.M)
        (out / "unit.cc").write_text("#include <cerrno>\n#include <csignal>\n#include <sys/stat.h>\n" +
                                     "".join(f'#include "{h}"\n' for h in headers) +
                                     "".join(f"{t} value{i} = {init};\n" for i, (t, init) in enumerate(inits)))
        rc, said = run("c++", "-std=c++17", "-fPIC", *WARNINGS, "-Wno-missing-field-initializers", *include, "-c", out / "unit.cc", "-o", out / "unit.o")
        if rc == 0:
            rc, said = run("c++", "-shared", "-Wl,-z,defs", "-o", out / "all.so", *objects, out / "unit.o", f"-L{STAGE}/lib", "-lcsvc-wkt",
                           "-lcsvc", "-lprotobuf-c")
        return len(sources), said if rc != 0 else None
    finally:
        shutil.rmtree(out)


def project(proto):
    """A project of it: made, and one handler compiled by make's own rules would be too long, so all of gen/."""
    folder = pathlib.Path(tempfile.mkdtemp())
    try:
        rc, said = run(STAGE / "bin/c-svc", "new-service", "corpus", "--proto", proto.roots[0] / proto.name, *roots(proto)[:-1], cwd=folder)
        if rc == 0:
            return ("made", None) if (folder / "corpus/gen/services.c").exists() else ("made", said)
        if rc == 1 and re.search(r"^(?:[^\s:]+:\d+:\d+: error|c-svc: ).*", said, re.M) and not (folder / "corpus").exists():
            return "refused", None
        return "failed", f"exit code {rc}\n{said}"
    finally:
        shutil.rmtree(folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--files", type=int, default=10**9)
    parser.add_argument("--compile", type=int, default=150)
    parser.add_argument("--projects", type=int, default=60)
    arguments = parser.parse_args()
    tally = Tally()
    everything = corpus.protos(arguments.folder)
    protos = everything[:arguments.files]
    groups = {}
    for p in protos:
        groups.setdefault(p.group, []).append(p)
    generated = []
    print(f"{len(protos)} .proto files: generating", flush=True)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for outcome in pool.map(group, groups.values()):
            for proto, word, said in outcome:
                tally.counts[word] += 1
                if word == "generated":
                    generated.append(proto)
                elif word == "refused":
                    tally.refuse(proto, said)
                elif word == "not taken by protoc":
                    tally.counts["not taken by protoc: " + ("an import that is nowhere" if "not found" in said else "wrong")] += 1
                else:
                    tally.fail(f"{proto.label}: {word}", said)
        generated.sort(key=lambda p: p.order)
        serving = [p for p in generated if p.has_services]
        print(f"{len(serving)} with services: explaining", flush=True)
        for proto, complaint in zip(serving, pool.map(explain, serving)):
            tally.counts["explained"] += 1
            if complaint:
                tally.fail(f"{proto.label}: explain", complaint)
        # of each package some
        sample = []
        for nth in range(arguments.compile):
            seen = collections.Counter()
            for p in generated:
                seen[p.package.name] += 1
                if seen[p.package.name] == nth + 1 and len(sample) < arguments.compile:
                    sample.append(p)
        print(f"{len(sample)} samples: compiling", flush=True)
        for proto, (n, complaint) in zip(sample, pool.map(compile_one, sample)):
            tally.counts["compiled samples"] += n > 0
            tally.counts["compiled files"] += n
            if complaint:
                tally.fail(f"{proto.label}: compiling", complaint)
        some = serving[:arguments.projects]
        print(f"{len(some)} projects: making", flush=True)
        for proto, (word, complaint) in zip(some, pool.map(project, some)):
            tally.counts[f"projects {word}"] += 1
            if complaint:
                tally.fail(f"{proto.label}: new-service", complaint)
    print(f"{len(everything)} .proto files of {len({p.package.name for p in everything})} packages, {len(protos)} of them tried")
    for word, n in sorted(tally.counts.items()):
        print(f"{n:6} {word}")
    for reason, n in tally.reasons.most_common():
        label, texts = tally.examples[reason]
        print(f"{n:6} refused: {reason}\n       as in {label}: {texts[0]}")
    print(f"{len(protos) - tally.counts['crash'] - tally.counts['talkative']} passed, {len(tally.failures)} failed")
    return 1 if tally.failures or not generated else 0


if __name__ == "__main__":
    sys.exit(main())
