#!/usr/bin/env python3
"""The pages of c-svc say what it takes: every option of every command is explained by its help and by the man page, and nothing else is."""
import os
import re
import sys
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e

# Commands whose pages send on to another's for options.
AS = {"init": "new-service", "diff": "update"}

source = (e2e.SOURCE / "docs/man/c-svc.1").read_text().replace("\\-", "-")
synopsis, commands_of_man = source.split(".SH DESCRIPTION")[0], source.split(".SH COMMANDS")[1].split(".SH C-SVC.YAML")[0]
sections = {part.split()[0]: part for part in re.split(r"^\.SS ", commands_of_man, flags=re.M)[1:]}


def options(text):
    return set(re.findall(r"(?<![\w-])(--[a-z][\w-]*|-I)\b", text))


commands = re.findall(r"^  ([a-z]\S*) ", e2e.run("c-svc", "help").stdout, re.M)
e2e.equal(sorted(sections), sorted(commands), "the commands of the man page")
pages = {command: e2e.run("c-svc", "help", command).stdout.partition("\n\n") for command in commands}
for command, (usage, _, text) in pages.items():
    takes = options(usage)
    also = AS.get(command)
    known = takes | (options(pages[also][0]) if also else set())
    for where, said, more in (("its help", text, pages[also][2] if also else ""), ("the man page", sections[command], sections[also] if also else "")):
        e2e.equal(sorted(takes - options(said) - options(more)), [], f"options of {command} that {where} does not explain")
        e2e.equal(sorted(options(said) - known), [], f"options that {where} gives {command}, and it does not take")
    line = re.search(rf'^\.BR? "?(?:c-svc \w+" \| |c-svc ){command}\b.*?(?=^\.br|\Z)', synopsis, re.M | re.S)
    if line is None:
        e2e.fail(f"the man page's synopsis has no {command}")
    if ".RI [ OPTION ]" not in line[0]:
        e2e.equal(sorted(takes - options(line[0])), [], f"options of {command} that the man page's synopsis lacks")
print(f"{len(commands)} commands, {len(set().union(*(options(p[0]) for p in pages.values())))} options")
