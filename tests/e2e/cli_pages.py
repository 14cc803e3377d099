#!/usr/bin/env python3
"""The pages of c-svc say what it takes: every command has a man page, every option of it is explained there and by its help, and nothing else is."""
import os
import re
import sys
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e

# Commands whose pages send on to another's for options.
AS = {"init": "new-service", "diff": "update"}


def man(page):
    return (e2e.SOURCE / f"docs/man/{page}.1").read_text().replace("\\-", "-")


def options(text):
    return set(re.findall(r"(?<![\w-])(--[a-z][\w-]*|-I)\b", text))


commands = re.findall(r"^  ([a-z]\S*) ", e2e.run("c-svc", "help").stdout, re.M)
e2e.equal(sorted(re.findall(r"^\.BR c-svc-(\S+) \(1\)$", man("c-svc").split(".SH C-SVC.YAML")[0], re.M)), sorted(commands), "the commands of c-svc(1)")
e2e.equal(sorted(p.stem[6:] for p in (e2e.SOURCE / "docs/man").glob("c-svc-*.1")), sorted(commands), "the man pages of commands")
pages = {command: e2e.run("c-svc", "help", command).stdout.partition("\n\n") for command in commands}
for command, (usage, _, text) in pages.items():
    synopsis, _, explained = man(f"c-svc-{command}").partition(".SH DESCRIPTION")
    explained = explained.partition(".SH EXAMPLES")[0]
    takes = options(usage)
    also = AS.get(command)
    known = takes | (options(pages[also][0]) if also else set())
    for where, said, more in (("its help", text, pages[also][2] if also else ""), ("its man page", explained, man(f"c-svc-{also}") if also else "")):
        e2e.equal(sorted(takes - options(said) - options(more)), [], f"options of {command} that {where} does not explain")
        e2e.equal(sorted(options(said) - known), [], f"options that {where} gives {command}, and it does not take")
    if "OPTION of" not in synopsis:
        e2e.equal(sorted(takes - options(synopsis)), [], f"options of {command} that the synopsis of its man page lacks")
print(f"{len(commands)} commands, {len(set().union(*(options(p[0]) for p in pages.values())))} options")
