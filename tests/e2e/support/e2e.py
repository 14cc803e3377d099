"""What the end-to-end tests share: the stage, scaffolded projects, servers that are waited for and stopped."""
import fcntl
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

SOURCE = pathlib.Path(os.environ["CSVC_SOURCE"])
STAGE = pathlib.Path(os.environ["CSVC_STAGE"])
PEERS = pathlib.Path(os.environ.get("CSVC_PEERS", ""))
SAN = os.environ.get("CSVC_SAN", "")
# What servers of ours run on; programs made with csvc_app hear of it by their own variable.
TRANSPORT = os.environ.get("CSVC_TEST_TRANSPORT") or "grpc-core"

USER_PROTO = SOURCE / "samples/user/proto/user.proto"


def environment(stage=STAGE):
    """The environment of somebody who has c-svc installed under `stage`, and nothing of make's."""
    env = {k: v for k, v in os.environ.items()
           if not k.startswith(("CSVC_", "MAKE", "MFLAGS")) and k not in ("SAN", "B", "V", "DEVELOPER")}
    env["PATH"] = f"{stage}/bin:{env['PATH']}"
    env["PKG_CONFIG_PATH"] = f"{stage}/lib/pkgconfig"
    env["TRANSPORT"] = TRANSPORT
    return env


def run(*command, cwd=None, env=None, check=0, timeout=300, **more):
    """Runs a command, captured; anything but exit code `check` (None: any) fails the test with its output."""
    try:
        done = subprocess.run([str(c) for c in command], cwd=cwd, env=env or environment(), text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=timeout, **more)
    except subprocess.TimeoutExpired as late:
        said = [(text or b"").decode(errors="replace") for text in (late.stdout, late.stderr)]
        fail(f"{' '.join(map(str, command))}: not done after {timeout} s\n--- stdout\n{said[0]}\n--- stderr\n{said[1]}")
    if check is not None and done.returncode != check:
        fail(f"{' '.join(map(str, command))}: exit code {done.returncode}, expected {check}\n"
             f"--- stdout\n{done.stdout}\n--- stderr\n{done.stderr}")
    return done


def quick_folder():
    """A new folder for thousands of small files: in memory where there is a place for that. To be removed by who asked."""
    return pathlib.Path(tempfile.mkdtemp(prefix="csvc-test-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else os.getcwd()))


def fail(text):
    print(f"FAILED: {text}")
    sys.exit(1)


def equal(got, expected, what):
    if got != expected:
        fail(f"{what}:\n  got      {got!r}\n  expected {expected!r}")


def has(text, *words):
    for word in words:
        if word not in text:
            fail(f"{word!r} is missing in:\n{text}")


def own_mounts():
    """What to put in front of a command that mounts what only it sees; None where nobody may do that."""
    for command in (["unshare", "--mount"], ["unshare", "--mount", "--map-root-user"]):
        trial = subprocess.run([*command, "mount", "-t", "tmpfs", "none", "."], capture_output=True, check=False)
        if trial.returncode == 0:
            return command
    return None


def deviates(name):
    """Whether docs/deviations.md lists it for the transport under test: then the test expects what the page says is done
    instead."""
    return name.startswith({"grpc-core": "core-"}.get(TRANSPORT, f"{TRANSPORT}-")) and \
        f"| `{name}` |" in (SOURCE / "docs/deviations.md").read_text()


def not_tried(what, why):
    """Tells, in the closing lines of all tests, too, of a check that this machine does not allow."""
    print(f"NOT TRIED: {what}: {why}")


def make_args():
    """What a project's make must be told to match libraries built with sanitizers."""
    return [f"SAN={SAN}"] if SAN else []


def scaffold(name, *arguments, env=None):
    """A new project below the current folder, built."""
    run("c-svc", "new-service", name, *arguments, env=env)
    project = pathlib.Path.cwd() / name
    run("make", "-C", project, "-j2", *make_args(), env=env)
    return project


class Server:
    """A server program; `with Server(...) as s` waits until it listens and stops it by SIGTERM, expecting exit code 0."""

    def __init__(self, program, *arguments, cwd=None, env=None, expect=0, sockets=None):
        """`sockets`: passed as systemd passes them, by name."""
        self.log = pathlib.Path(f"server-{os.getpid()}-{time.monotonic_ns()}.log").absolute()
        self.env = {**environment(), "GRPC_ADDR": "127.0.0.1:0", "ADMIN_ADDR": "127.0.0.1:0", **(env or {})}
        self.command = [str(program), *map(str, arguments)]
        self.passed = []
        if sockets:
            # far from the descriptors that they become: 3 and following
            self.passed = [fcntl.fcntl(s, fcntl.F_DUPFD, 50) for s in sockets.values()]
            moves = " ".join(f"{3 + i}<&{fd}-" for i, fd in enumerate(self.passed))
            self.env["LISTEN_FDNAMES"] = ":".join(sockets)
            self.env["LISTEN_FDS"] = str(len(sockets))
            self.command = ["bash", "-c", f'export LISTEN_PID=$$; exec "$@" {moves}', "bash", *self.command]
        self.cwd = cwd
        self.expect = expect
        self.process = None
        self.address = None

    def start(self):
        self.asked = False
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(self.command, cwd=self.cwd, env=self.env, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, pass_fds=self.passed)
        for fd in self.passed:
            os.close(fd)
        until = time.monotonic() + 30
        while time.monotonic() < until:
            found = re.search(r"listening.*?grpc=([\w.:\[\]]+)", self.text())
            if found:
                self.address = found.group(1)
                found = re.search(r"admin=([\w.:\[\]]+)", self.text())
                self.admin = found.group(1) if found else None
                return self
            if self.process.poll() is not None:
                break
            time.sleep(0.01)
        self.kill()
        fail(f"{self.command} did not start:\n{self.text()}")

    def text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def ask(self, how=signal.SIGTERM):
        """To stop, once: a second signal would end it at once."""
        if not self.asked:
            self.asked = True
            self.process.send_signal(how)

    def stop(self, how=signal.SIGTERM):
        """Asks, unless that was done, and waits."""
        self.ask(how)
        try:
            code = self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.kill()
            fail(f"{self.command} did not stop:\n{self.text()}")
        if self.expect is not None and code != self.expect:
            fail(f"{self.command} ended with {code}:\n{self.text()}")
        return code

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, value, trace):
        if kind is None:
            self.stop()
        else:
            self.kill()
            print(self.text())


def python_client(*arguments):
    """The command of a client of grpcio's: a file and its arguments, or -c and code."""
    return [PEERS / "python/bin/python", SOURCE / "tests/e2e/support/client_main.py", *arguments]


def python_stubs(proto, out):
    """Python's own stubs of a proto, made by grpcio-tools; and the interpreter that has them."""
    python = PEERS / "python/bin/python"
    run(python, "-m", "grpc_tools.protoc", f"-I{proto.parent}", f"--python_out={out}",
        f"--grpc_python_out={out}", proto.name)
    return python


def copy(source, target):
    shutil.copytree(source, target, symlinks=True)
