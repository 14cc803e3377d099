#!/usr/bin/env python3
"""Some of the protos of make check-corpus: through the generator, a few compiled, one made a project of."""
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent / "support"))
import e2e  # noqa: E402

folder = e2e.PEERS / "corpus"
command = e2e.SOURCE / "tests/corpus/run.py"
os.execv(command, [str(command), str(folder), "--files", "250", "--compile", "8", "--projects", "3"])
