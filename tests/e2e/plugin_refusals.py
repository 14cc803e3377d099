#!/usr/bin/env python3
"""Every proto of tests/protos/refused is refused: at the places it says, in the words of tests/golden/plugin/refused."""
import os
import pathlib
import re
import subprocess
import sys

source = pathlib.Path(os.environ["CSVC_SOURCE"])
stage = pathlib.Path(os.environ["CSVC_STAGE"])
protos = source / "tests/protos/refused"
golden = source / "tests/golden/plugin/refused"
write = "--write" in sys.argv
passed = failed = 0


def run(files, parameters):
    out = pathlib.Path("out")
    out.mkdir(exist_ok=True)
    done = subprocess.run(
        ["protoc", f"--plugin={stage}/bin/protoc-gen-c-svc", f"--c-svc_out={parameters}:{out.absolute()}",
         "-I.", f"-I{stage}/share/c-svc/proto", "-I/usr/include", *files],
        cwd=protos, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
    if list(out.iterdir()):
        return done.stdout + "(files were written)\n"
    return done.stdout if done.returncode == 1 else f"{done.stdout}(exit code {done.returncode})\n"


def case(name, files):
    global passed, failed
    wanted, parameters = [], ""
    for file in files:
        for line in (protos / file).read_text().splitlines():
            match = re.match(r"// error(?: (\d+:\d+))?$", line)
            if match:
                wanted.append(f"{file}:{match[1]}" if match[1] else file)
            elif line.startswith("// parameter: "):
                parameters = line.removeprefix("// parameter: ")
    text = run(files, parameters)
    found = re.findall(r"^([^\n]+?): error: ", text, re.M)
    expected = golden / f"{name}.txt"
    if write:
        expected.parent.mkdir(parents=True, exist_ok=True)
        expected.write_text(text)
    problems = []
    if sorted(found) != sorted(wanted):
        problems.append(f"errors at {sorted(found)}, wanted {sorted(wanted)}")
    if not expected.exists() or expected.read_text() != text:
        problems.append(f"the text is not that of {expected.relative_to(source)}")
    if text.count(": note: ") < len(found):
        problems.append("an error without a note")
    if problems:
        failed += 1
        print(f"{name}: {'; '.join(problems)}\n{text}")
    else:
        passed += 1


for entry in sorted(protos.iterdir()):
    if entry.is_dir():
        case(entry.name.replace("*", "_"), sorted(str(f.relative_to(protos)) for f in entry.glob("*.proto")))
    elif entry.suffix == ".proto":
        case(entry.stem, [entry.name])
for stale in sorted(golden.glob("*.txt")):
    if not any(e.name.replace("*", "_").removesuffix(".proto") == stale.stem for e in protos.iterdir()):
        failed += 1
        print(f"{stale.name}: no such proto")
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
