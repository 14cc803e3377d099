#!/usr/bin/env python3
"""c-svc completion: what bash, zsh and fish offer, by those shells; every command and every option of the help is there."""
import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import sys
import time
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e

scripts = {shell: e2e.run("c-svc", "completion", shell).stdout for shell in ("bash", "zsh", "fish")}
for shell, text in scripts.items():
    pathlib.Path(f"c-svc.{shell}").write_text(text)
    installed = {"bash": "bash-completion/completions/c-svc", "zsh": "zsh/site-functions/_c-svc",
                 "fish": "fish/vendor_completions.d/c-svc.fish"}[shell]
    e2e.equal((e2e.STAGE / "share" / installed).read_text(), text, f"what is installed for {shell}")
done = e2e.run("c-svc", "completion", "tcsh", check=2)
if "'tcsh' is no shell that it knows: bash, zsh, fish" not in done.stderr:
    e2e.fail(f"completion tcsh: {done.stderr}")

pathlib.Path("protos").mkdir()
pathlib.Path("protos/user service.proto").write_text("")
pathlib.Path("user.proto").write_text("")
commands = re.findall(r"^  ([a-z]\S*) ", e2e.run("c-svc", "help").stdout, re.M)
features = re.findall(r"^  [* ] (\w+) ", e2e.run("c-svc", "help", "features").stdout, re.M)
if len(commands) < 6 or len(features) < 6:
    e2e.fail(f"commands {commands}, features {features}")
EXPECTED = {
    "": sorted(commands),
    "new-s": ["new-service"],
    "new-service --st": ["--storage"],
    "new-service --storage ": ["none", "sqlite"],
    "new-service x --with ": sorted([*features, "all"]),
    "new-service x --without ci,grap": [],
    "new-service x --without ci,graf": ["ci,grafana"],
    "new-service -I p": ["protos/"],
    "new-service --proto u": ["user.proto"],
    "new-service --dir p": ["protos/"],
    "completion ": ["bash", "fish", "zsh"],
    "help gen": ["generate"],
    "template e": ["eject"],
    "template ": ["eject", "list", "show"],
    "add graf": ["grafana"],
    "explain use": ["user.proto"],
}
for command in commands:
    usage = e2e.run("c-svc", "help", command).stdout.split("\n\n")[0]
    EXPECTED[f"{command} --"] = sorted({"--help", *re.findall(r"\[(--[\w-]+)", usage)})


def same(shell, offered):
    for line, expected in EXPECTED.items():
        got = sorted({word.rstrip("/") for word in offered(line)} - ({"--help", "--version", "-h"} if line == "" else set()))
        e2e.equal(got, sorted(word.rstrip("/") for word in expected), f"{shell}: c-svc {line}<tab>")


# ---- bash: its own function, with the words as bash would have them ----

ASK = '''. ./c-svc.bash
complete -p c-svc > /dev/null || exit 1
compopt() { :; }  # only within a completion
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _c_svc
printf '%s\\n' "${COMPREPLY[@]}"'''


def by_bash(line):
    return e2e.run("bash", "-c", ASK, "bash", "c-svc", *line.split(" ")).stdout.split()


same("bash", by_bash)
e2e.equal(by_bash("new-service --storage = s"), ["sqlite"], "bash: --storage=s, which it takes apart")
e2e.equal(sorted(by_bash("new-service --storage =")), ["none", "sqlite"], "bash: --storage=")


# ---- bash and zsh: typed into a terminal ----

def typed(command, setup, line, wanted):
    """What stands on the screen once `line` and a tab were typed; waits for `wanted`."""
    pid, fd = pty.fork()
    if pid == 0:
        os.environ.update(e2e.environment(), TERM="dumb", HOME=os.getcwd(), PS1="$ ", HISTFILE="/dev/null")
        os.execvp(command[0], command)
    screen = ""
    try:
        os.write(fd, setup.encode() + b"\n")
        sent = False
        until = time.monotonic() + 60
        while time.monotonic() < until and not re.search(wanted, screen):
            if select.select([fd], [], [], 0.2)[0]:
                screen += os.read(fd, 4096).decode(errors="replace")
            if not sent and "ready-now" in screen:
                sent = True
                os.write(fd, line.encode() + b"\t")
        if not re.search(wanted, screen):
            e2e.fail(f"{command}: {line}<tab> shows\n{screen}")
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        os.close(fd)


for line, wanted in (("c-svc new-service x --with=ci,graf", "--with=ci,grafana "), ("c-svc add bench graf", "bench grafana ")):
    typed(["bash", "--norc", "-i"], ". ./c-svc.bash; echo ready-$((1))now | tr -d 1", line, wanted)
typed(["bash", "--norc", "-i"], ". ./c-svc.bash; echo ready-$((1))now | tr -d 1", "c-svc explain protos/u", r"user\\ service\.proto")
if shutil.which("zsh") is None:
    e2e.not_tried("zsh's completion", "there is no zsh")
else:
    setup = "autoload -U compinit && compinit -D -u; . ./c-svc.zsh; echo ready-$((1))now | tr -d 1"
    for line, wanted in (("c-svc new-s", "new-service "), ("c-svc new-service --storage sq", "--storage sqlite"),
                         ("c-svc new-service x --without graf", "--without grafana"), ("c-svc explain protos/u", r"user\\ service\.proto"),
                         ("c-svc new-service x --storage=sq", "--storage=sqlite"), ("c-svc new-service x --with ci,graf", "--with ci,grafana"),
                         ("c-svc new-service x --with=ci,graf", "--with=ci,grafana"), ("c-svc new-service x -I pro", "-I protos/"),
                         ("c-svc new-service x -Ipro", "-Iprotos/"), ("c-svc completion f", "completion fish")):
        typed(["zsh", "-f", "-i"], setup, line, wanted)

# ---- fish says what it would offer ----

if shutil.which("fish") is None:
    e2e.not_tried("fish's completion", "there is no fish")
else:
    env = {**e2e.environment(), "HOME": os.getcwd(), "XDG_CONFIG_HOME": os.getcwd(), "XDG_DATA_HOME": os.getcwd()}

    def by_fish(line):
        done = subprocess.run(["fish", "--no-config", "-c", "source ./c-svc.fish; complete -C $argv[1]", f"c-svc {line}"], env=env,
                              text=True, capture_output=True, check=True, timeout=60)
        words = [offer.split("\t")[0] for offer in done.stdout.splitlines()]
        return [w for w in words if w.startswith("-") == ("--" in line.split(" ")[-1])]

    same("fish", by_fish)
