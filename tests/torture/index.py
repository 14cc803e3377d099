#!/usr/bin/env python3
"""tests/torture/index and what there is: every program it names exists, every program here is named."""
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent


def program(name):
    return HERE.parent / (f"{name}_test.c" if name.startswith("unit/") else name)


named = {}
for line in (HERE / "index").read_text().splitlines():
    if line and not line.startswith("#"):
        number, name, _ = line.split(None, 2)
        named.setdefault(name, []).append(number)
missing = [name for name in named if not program(name).is_file()]
unnamed = [p.name for p in HERE.glob("t*.py") if f"torture/{p.name}" not in named]
for what in missing:
    print(f"{what} of the index is not there")
for what in unnamed:
    print(f"{what} is not in the index")
sys.exit(1 if missing or unnamed or not named else 0)
