#!/usr/bin/env python3
"""docs/limits.md and what a program says of itself agree: each flag of --help has its line or its guide, with the same default; each line names a
flag and an option that exist, and a test that exists."""
import os
import re
import sys
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e

DOCS = e2e.SOURCE / "docs"
HEADERS = "".join(p.read_text() for p in sorted((e2e.SOURCE / "runtime/include/csvc").glob("*.h")))
NUMBERS = {"": 1, "KiB": 1 << 10, "MiB": 1 << 20, "ms": 1, "s": 1000, "min": 60000, "h": 3600000, "m": 60000}
# A limit's line says these where --help has no value, or 0s.
NONE = ("", "0s")

wrong = []


def number(text):
    """4 MiB, 16,384 in a program, 2 h, and 4194304, 2h of --help; None when it is none."""
    found = re.match(r"([\d,]+) ?([A-Za-z]*)(?: in a .*)?$", text)
    return int(found.group(1).replace(",", "")) * NUMBERS[found.group(2)] if found and found.group(2) in NUMBERS else None


def rows(page):
    """The tables below each heading: (heading, {column: cell})."""
    heading, columns = None, None
    for line in page.splitlines():
        if line.startswith("## "):
            heading = line[3:]
        if not line.startswith("|"):
            columns = None
            continue
        cells = [c.strip() for c in re.split(r"(?<!\\)\|", line)[1:-1]]
        if columns is None:
            columns = cells
        elif not set(cells[0]) <= set("- "):
            if len(cells) != len(columns):
                wrong.append(f"limits.md: {len(cells)} cells, {len(columns)} columns: {line}")
            yield heading, dict(zip(columns, cells))


def check_test(cell, limit):
    """`X_test` name, name, `file.py`, or the same."""
    program = None
    for part in re.split(r", | and ", cell):
        found = re.match(r"(?:`([\w./]+)`)? ?(\w+)?$", part)
        if part in ("the same", "by hand"):
            continue
        if not found:
            wrong.append(f"limits.md: {limit}: what test is {part!r}?")
            continue
        name, function = found.groups()
        if name and name.endswith(".py"):
            file = e2e.SOURCE / (name if "/" in name else f"tests/e2e/{name}")
            if not file.exists():
                wrong.append(f"limits.md: {limit}: there is no {file.relative_to(e2e.SOURCE)}")
            program = None
            continue
        program = name or program
        file = e2e.SOURCE / f"tests/unit/{program}.c"
        if not file.exists():
            wrong.append(f"limits.md: {limit}: there is no tests/unit/{program}.c")
        elif function and not re.search(rf"\b{function}\b", file.read_text()):
            wrong.append(f"limits.md: {limit}: no {function} in tests/unit/{program}.c")


e2e.scaffold("page-service")
text = e2e.run("page-service/build/page-service", "--help").stdout
flags = {flag: (variable, default.strip()) for flag, variable, default in re.findall(r"^  (--[a-z-]+) +([A-Z_]+) *(.*)$", text, re.M)}
client_flags = set(re.findall(r"^  (--[a-z-]+)", e2e.run("page-service/build/page-service-client", "--help").stdout, re.M))
if len(flags) < 30 or "--timeout" not in client_flags:
    e2e.fail(f"--help is not understood:\n{text}")

with_line = {}
previous_test = ""
for heading, row in rows((DOCS / "limits.md").read_text()):
    limit = row["limit"]
    if row.get("test", "") in ("", "-") and row["default"] != "what the system grants (hard limit)":
        wrong.append(f"limits.md: {limit}: no test")
    check_test(row["test"], limit) if row.get("test") not in ("", "-") else None
    for flag in re.findall(r"--[a-z-]+", row.get("flag", "")):
        if heading.startswith("A server"):
            with_line.setdefault(flag, row)
        if flag not in (flags if heading.startswith("A server") else client_flags):
            wrong.append(f"limits.md: {limit}: there is no {flag}")
    for option in re.findall(r"`(\w+)`", row.get("option", "")):
        if not re.search(rf"\b{option}\b", HEADERS):
            wrong.append(f"limits.md: {limit}: no header has {option}")

# The README of a project has the settings that are no limits.
guides = [p.read_text() for p in (*DOCS.glob("*.md"), e2e.pathlib.Path("page-service/README.md"))]
for flag, (variable, default) in flags.items():
    if flag in with_line:
        said = with_line[flag]["default"]
        if default not in NONE and number(said) != number(default):
            wrong.append(f"{flag} has the default {default}, limits.md says {said}")
        if default in NONE and number(said) not in (None, 0):
            wrong.append(f"{flag} has no default, limits.md says {said}")
    elif not any(f"`{flag}`" in g or re.search(rf"\b{variable}\b", g) for g in guides):
        wrong.append(f"{flag}: neither docs/ nor a project's README has it")
    if not re.search(rf"\b{variable}\b", HEADERS):
        wrong.append(f"{variable}: csvc/app.h does not have it")

if wrong:
    e2e.fail("\n".join(wrong))
print(f"limits_page: {len(flags)} flags, {len(with_line)} of them limits.")
