#!/usr/bin/env python3
"""Runs test programs side by side and counts.

    tests/run.py [--jobs N] [--timeout S] [--results FILE] [--label TEXT] PROGRAM...
    tests/run.py --summary FILE...

Each program runs in a session and an empty folder of its own; one that leaves a process behind, exits non-zero, runs out of
time or runs no test has failed. cmocka programs count by their own closing lines, others (scripts) as one, or by a
closing line `N passed, N failed`. Output is shown only of what failed, and lines `NOT TRIED: ...` of what the machine
does not allow to be tested. --results keeps the counts and those lines; --summary adds several up, prints
`N passed, N failed` and exits 1 when anything failed or a stage has no results.
"""
import argparse
import concurrent.futures
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time


def session_members(sid):
    """Processes of a session that are still there (zombies of others' making do not count)."""
    members = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as f:
                fields = f.read().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == sid and fields[0] not in ("Z", "X"):
            members.append(int(entry))
    return members


def count(output, code):
    """(passed, failed, complaint) from what a program printed."""
    plain = re.findall(r"^(?:\w+: )?(\d+) passed, (\d+) failed", output, re.M)
    if plain:
        passed, failed = map(int, plain[-1])
        if code != 0 and failed == 0:
            return passed, 1, f"exit code {code}"
        return passed, failed, None if passed + failed else "ran no test"
    if "[==========]" in output:
        ran = sum(map(int, re.findall(r"^\[==========\].*?(\d+) test\(s\) run", output, re.M)))
        passed = sum(map(int, re.findall(r"^\[  PASSED  \] (\d+) test", output, re.M)))
        failed = ran - passed
        if ran == 0:
            return 0, 1, "ran no test"
        if code != 0 and failed == 0:
            return passed, 1, f"exit code {code}"
        return passed, failed, None
    if code != 0:
        return 0, 1, f"exit code {code}"
    return 1, 0, None


def run(program, timeout):
    if not os.access(program, os.X_OK):
        return program, 0, 1, "was not built", 0.0, ""
    folder = tempfile.mkdtemp(prefix="csvc-test-")
    started = time.monotonic()
    complaint = None
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen([os.path.abspath(program)], stdin=subprocess.DEVNULL, stdout=out,
                                   stderr=subprocess.STDOUT, cwd=folder, start_new_session=True)
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            complaint = f"still running after {timeout} s"
            code = -1
        # a child that has been told to end may need a moment to do so
        for _ in range(40):
            left = session_members(process.pid)
            if not left or code == -1:
                break
            time.sleep(0.05)
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if left and complaint is None:
            complaint = f"left {len(left)} process(es) behind"
        process.wait()
        out.seek(0)
        output = out.read().decode("utf-8", "replace")
    shutil.rmtree(folder, ignore_errors=True)
    passed, failed, why = count(output, code)
    complaint = complaint or why
    if complaint and failed == 0:
        failed = 1
    return program, passed, failed, complaint, time.monotonic() - started, output


def summary(files):
    total_passed = total_failed = 0
    not_tried = {}
    for name in files:
        try:
            with open(name, encoding="utf-8") as f:
                result = json.load(f)
        except (OSError, ValueError) as why:
            result = {"label": name, "passed": 0, "failed": 1, "seconds": 0}
            print(f"{name}: no results ({why})")
        print(f"{result['label']:<18}{result['passed']:>6} ok {result['failed']:>4} not ok"
              f" {result['seconds']:>7.0f} s")
        total_passed += result["passed"]
        total_failed += result["failed"]
        not_tried.update(dict.fromkeys(result.get("not_tried", [])))
    for line in not_tried:
        print(line)
    print(f"{total_passed} passed, {total_failed} failed")
    return 1 if total_failed or not total_passed else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--timeout", type=float, default=300)
    parser.add_argument("--results")
    parser.add_argument("--label", default="tests")
    parser.add_argument("--summary", action="store_true")
    parser.add_argument("programs", nargs="*")
    options = parser.parse_args()
    if options.summary:
        return summary(options.programs)

    # Who starts us in the background, or with nohup, leaves these ignored; the programs would inherit that.
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, lambda *_: None)

    started = time.monotonic()
    passed = failed = 0
    not_tried = []
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        runs = [pool.submit(run, program, options.timeout) for program in options.programs]
        for done in concurrent.futures.as_completed(runs):
            program, ok, bad, complaint, seconds, output = done.result()
            passed += ok
            failed += bad
            word = "FAILED" if bad else "ok"
            detail = f" ({complaint})" if complaint else ""
            print(f"  {word:<7} {program}  {ok}/{ok + bad}  {seconds:.1f} s{detail}", flush=True)
            if bad:
                print("".join(f"    | {line}\n" for line in output.splitlines()[-400:]), flush=True)
            for line in re.findall(r"^NOT TRIED: .*", output, re.M):
                print(f"          {line}", flush=True)
                not_tried.append(line)
    if not options.programs:
        print("no test programs", file=sys.stderr)
        failed = 1
    if options.results:
        os.makedirs(os.path.dirname(options.results) or ".", exist_ok=True)
        with open(options.results, "w", encoding="utf-8") as f:
            json.dump({"label": options.label, "passed": passed, "failed": failed, "not_tried": not_tried,
                       "seconds": time.monotonic() - started}, f)
    print(f"{options.label}: {passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
