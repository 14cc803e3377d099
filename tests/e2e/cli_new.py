#!/usr/bin/env python3
"""c-svc new-service: a project that works at once; what it refuses; nothing is left behind by a run that failed or was stopped."""
import os
import pathlib
import random
import re
import resource
import signal
import subprocess
import sys
import time
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e

here = pathlib.Path.cwd()


def entries(folder=here):
    return sorted(p.name for p in folder.iterdir())


def refused(code, *arguments, says=(), silent_of=None):
    """A run that exits with `code`, says so on standard error alone, and leaves everything as it was."""
    before = entries()
    done = e2e.run("c-svc", *arguments, check=code)
    e2e.equal(done.stdout, "", f"standard output of {arguments}")
    for text in says:
        if text not in done.stderr:
            e2e.fail(f"c-svc {arguments} does not say {text!r}:\n{done.stderr}")
    if silent_of is not None and silent_of in done.stderr:
        e2e.fail(f"c-svc {arguments} talks of {silent_of!r}:\n{done.stderr}")
    e2e.equal(entries(), before, f"what {arguments} leaves")


# ---- usage ----

done = e2e.run("c-svc", check=2)
for word in ("new-service", "generate", "explain", "doctor", "help"):
    if word not in done.stdout:
        e2e.fail(f"the help does not list {word}")
e2e.equal(e2e.run("c-svc", "--version").stdout.split()[0], "c-svc", "--version")
for command in ("new-service", "generate", "explain", "doctor", "help"):
    page = e2e.run("c-svc", "help", command).stdout
    e2e.equal(e2e.run("c-svc", command, "--help").stdout, page, f"{command} --help")
    if not page.startswith(f"usage: c-svc {command}"):
        e2e.fail(f"help {command}:\n{page}")
refused(2, "new-servce", "x", says=["did you mean new-service?"])
refused(2, "frobnicate", says=["unknown command 'frobnicate'"])
refused(2, "--verson", says=["did you mean --version?"])
refused(2, "new-service", says=["NAME is missing"])
refused(2, "new-service", "a", "--protos", "x", says=["did you mean --proto?"])
refused(2, "new-service", "a", "--proto", says=["--proto wants a value: --proto FILE"])
refused(2, "new-service", "a", "--storage", "mysql", says=["sqlite or none", "mysql"])
refused(2, "generate", "x", says=["one argument too many"])

# ---- names ----

for name, better in (("UserService", "try user-service"), ("user_service", "try user-service"), ("user-", "try user"),
                     ("int", "try int-service"), ("a--b", "try a-b"), ("x" * 64, "longer than 63"), ("../x", "--dir"),
                     ("1a", "try a"), ("", "is empty"), ("csvc", "library")):
    refused(2, "new-service", "--", name, says=["the name '", better])

# ---- protos ----

pathlib.Path("user.proto").write_text(e2e.USER_PROTO.read_text())
pathlib.Path("notes.txt").write_text("x")
pathlib.Path("full").mkdir()
pathlib.Path("full/mine.txt").write_text("mine")
pathlib.Path("folder.proto").mkdir()
pathlib.Path("bad.proto").write_text('syntax = "proto3";\nmessage A { Nope n = 1; }\nmessage B { int32 }\n')
pathlib.Path("lost.proto").write_text('syntax = "proto3";\nimport "nowhere/x.proto";\nmessage A { int32 a = 1; }\n')
refused(1, "new-service", "a", "--proto", "absent.proto", says=["absent.proto"])
refused(1, "new-service", "a", "--proto", "notes.txt", says=[".proto"])
refused(1, "new-service", "a", "--proto", "folder.proto", says=["is a folder"])
refused(1, "new-service", "a", "-I", "absent", "--proto", "user.proto", says=["absent"])
refused(2, "new-service", "a", "--proto", "user.proto", "--proto", "./user.proto", says=["given twice"])
refused(1, "new-service", "a", "--proto", "bad.proto", says=["bad.proto:3:19: error: "], silent_of="-I")
refused(1, "new-service", "a", "--proto", "lost.proto", says=["lost.proto:2:1: error: ", "nowhere/x.proto", "-I"])
refused(1, "new-service", "a", "-I", "full", "--proto", "lost.proto", says=["lost.proto:2:1: error: ", "-I"])
# Imports that are found from a folder above, and then something else is wrong: only that is said.
pathlib.Path("tree/api").mkdir(parents=True)
pathlib.Path("tree/base.proto").write_text('syntax = "proto3";\nmessage Base {}\n')
pathlib.Path("tree/api/wrong.proto").write_text('syntax = "proto3";\nimport "base.proto";\nmessage A { Nope n = 1; }\n')
refused(1, "new-service", "a", "--proto", "tree/api/wrong.proto", says=["tree/api/wrong.proto:3:13: error: "], silent_of="not found")
# Names that no file can have.
pathlib.Path("long.proto").write_text('syntax = "proto3";\nmessage M {}\nservice S { rpc ' + "Rpc" * 90 + "(M) returns (M); }\n"
                                      "service " + "Long" * 70 + " { rpc Get(M) returns (M); }\n")
refused(1, "new-service", "a", "--proto", "long.proto",
        says=["long.proto:3:17: error: ", "needs a file", "note: rename the rpc", "long.proto:4:", "needs a folder", "(c_svc.c_prefix)"])
# Nothing to serve.
pathlib.Path("idle.proto").write_text('syntax = "proto3";\nmessage Idle {}\n')
pathlib.Path("idle2.proto").write_text('syntax = "proto3";\nmessage Idle2 {}\n')
refused(1, "new-service", "a", "--proto", "idle.proto", says=["idle.proto: error: there is no service in it, so", "note: write a service"])
refused(1, "new-service", "a", "--proto", "idle.proto", "--proto", "idle2.proto", says=["idle.proto: error: ", "nor in the others"])
done = e2e.run("c-svc", "new-service", "a", "--dry-run", "--proto", "idle.proto", "--proto", "user.proto")
e2e.equal(done.stderr, "", "what is said of a proto without a service beside one that has one")
pathlib.Path("one").mkdir()
pathlib.Path("two").mkdir()
pathlib.Path("one/same.proto").write_text('syntax = "proto3"; package one; message A {} service S { rpc Do(A) returns (A); }\n')
pathlib.Path("two/same.proto").write_text('syntax = "proto3"; package two; message B {}\n')
refused(1, "new-service", "a", "-I", "one", "-I", "two", "--proto", "one/same.proto", "--proto", "two/same.proto",
        says=["same.proto"])
pathlib.Path("my file.proto").write_text('syntax = "proto3"; message A {} service S { rpc Do(A) returns (A); }\n')
refused(1, "new-service", "a", "--proto", "my file.proto", says=["my file.proto"])
pathlib.Path("clash.proto").write_text(
    'syntax = "proto3";\nservice A {\n  rpc App(M) returns (M);\n}\nmessage M {}\n')
refused(1, "new-service", "a", "--proto", "clash.proto", says=["clash.proto:3:7: error: ", "a_app"])

# ---- folders ----

refused(1, "new-service", "full", says=["full", "not empty"])
refused(1, "new-service", "a", "--dir", "notes.txt", says=["notes.txt", "no folder"])
refused(1, "new-service", "a", "--dir", "notes.txt/a", says=["notes.txt"])
e2e.equal(pathlib.Path("full/mine.txt").read_text(), "mine", "somebody's file")

# ---- dry run ----

before = entries()
planned = e2e.run("c-svc", "new-service", "user-service", "--proto", "user.proto", "--dry-run").stdout
e2e.equal(entries(), before, "what a dry run leaves")
made = e2e.run("c-svc", "new-service", "user-service", "--proto", "user.proto").stdout
creates = [line for line in made.splitlines() if line.startswith("  create  ")]
e2e.equal([line for line in planned.splitlines() if line.startswith("  create  ")], creates, "the plan and what came")
e2e.equal(creates[:2], ["  create  user-service/c-svc.yaml", "  create  user-service/proto/user.proto"], "the first lines")
files = {str(p) for p in pathlib.Path("user-service").rglob("*") if p.is_file()}
listed = {line[10:] for line in creates}
e2e.equal({f for f in files if "/.c-svc/base/" not in f}, {f for f in listed if not f.endswith("/")}, "files listed and there")
if "user-service: 1 service, 5 rpcs, entity User on SQLite.\n" not in made:
    e2e.fail(f"no summary:\n{made}")
e2e.equal((pathlib.Path("user-service/proto/user.proto")).read_text(), e2e.USER_PROTO.read_text(), "the copied proto")

# Same input, same bytes, wherever it lies.
e2e.run("c-svc", "new-service", "user-service", "--proto", "user.proto", "--dir", "deep/er/again")
for path in sorted(files):
    other = pathlib.Path("deep/er/again") / pathlib.Path(path).relative_to("user-service")
    if pathlib.Path(path).read_bytes() != other.read_bytes():
        e2e.fail(f"{path} and {other} differ")
pathlib.Path("empty").mkdir()
inode = os.stat("empty").st_ino
e2e.run("c-svc", "new-service", "user-service", "--proto", "user.proto", "--dir", "empty/")
e2e.equal(os.stat("empty").st_ino, inode, "the empty folder that was there")
e2e.equal(len([p for p in pathlib.Path("empty").rglob("*") if p.is_file()]), len(files), "files in the empty folder")

# ---- it works at once, without a warning ----

main_c = pathlib.Path("user-service/server/main.c").read_text()
if len(main_c.splitlines()) >= 60:
    e2e.fail("server/main.c is no table of contents any more")
built = e2e.run("make", "-C", "user-service", "-j2", *e2e.make_args())
for word in ("warning", "error", "todo:"):
    if word in built.stdout + built.stderr:
        e2e.fail(f"make says {word}:\n{built.stdout}{built.stderr}")
tested = e2e.run("make", "-C", "user-service", "test", *e2e.make_args())
if "user-service: all 6 test programs passed." not in tested.stdout:
    e2e.fail(f"make test:\n{tested.stdout}")
if "warning" in tested.stdout + tested.stderr:
    e2e.fail(f"make test warns:\n{tested.stdout}{tested.stderr}")
again = e2e.run("make", "-C", "user-service", *e2e.make_args())
if "Nothing to be done" not in again.stdout:
    e2e.fail(f"a second make does something:\n{again.stdout}")
# The command of `Next:`, as it stands there.
example = made.splitlines()[-1].split()
with e2e.Server(here / "user-service/build/user-service", cwd="user-service") as server:
    reply = e2e.run(here / "user-service" / example[0], "--addr", server.address, *example[1:])
    if '"username": "ada"' not in reply.stdout:
        e2e.fail(f"{example}: {reply.stdout}")

# ---- without --proto, and with nothing to keep ----

made = e2e.run("c-svc", "new-service", "order-lines").stdout
if "entity OrderLine on SQLite" not in made or not pathlib.Path("order-lines/proto/order_line.proto").exists():
    e2e.fail(f"the proto of its own:\n{made}")
e2e.run("make", "-C", "order-lines", "test", *e2e.make_args())
pathlib.Path("echo.proto").write_text('''syntax = "proto3";
package echo;
service Echo {
  rpc Say(Text) returns (Text);
  rpc Watch(Text) returns (stream Text);
}
message Text { string text = 1; }
''')
done = e2e.run("c-svc", "new-service", "echo", "--proto", "echo.proto")
if "no storage." not in done.stdout or pathlib.Path("echo/migrations").exists():
    e2e.fail(f"storage where there is nothing to keep:\n{done.stdout}")
e2e.equal(done.stderr, "", "stderr of a project with a stream")
built = e2e.run("make", "-C", "echo", *e2e.make_args())
if built.stdout.count("todo: ") != 2 or "todo: server/echo/say.c: " not in built.stdout:
    e2e.fail(f"make does not list the stubs, once each:\n{built.stdout}")
# A stub names its test, and the test that fails once it is written says what to do.
stub = pathlib.Path("echo/server/echo/say.c")
if "tests/echo/say_test.c" not in stub.read_text():
    e2e.fail(f"the stub does not name its test:\n{stub.read_text()}")
e2e.run("make", "-C", "echo", "test", *e2e.make_args())
text = stub.read_text()
stub.write_text(text.replace("return csvc_unimplemented(ctx);", "(void)ctx;\n    return CSVC_OK;"))
done = e2e.run("make", "-C", "echo", "test", *e2e.make_args(), check=2)
if "it answers OK: server/echo/say.c is written; replace this test" not in done.stdout:
    e2e.fail(f"the test of a stub that is written:\n{done.stdout}")
stub.write_text(text)
e2e.run("make", "-C", "echo", *e2e.make_args())
with e2e.Server(here / "echo/build/echo", cwd="echo") as server:
    done = e2e.run(here / "echo/build/echo-client", "--addr", server.address, "say", "--text", "x", check=64 + 12)
    if "UNIMPLEMENTED" not in done.stderr:
        e2e.fail(f"a stub answers {done.stderr}")
# Examples are what the client takes: services with rpcs of one name, and one member of a oneof.
pathlib.Path("pair.proto").write_text('''syntax = "proto3";
package pair;
service Odd { rpc Do(Ask) returns (Ask); rpc GetHTTPInfo(Ask) returns (Ask); }
service Even { rpc Do(Ask) returns (Ask); }
message Ask { oneof of { string word = 1; int32 number = 2; } optional int32 more = 3; }
''')
done = e2e.run("c-svc", "new-service", "pair", "--proto", "pair.proto")
e2e.equal(done.stdout.splitlines()[-1].split(), ["build/pair-client", "odd.do", "--word", "hello", "--more", "1"], "Next:")
readme = pathlib.Path("pair/README.md").read_text()
examples = re.findall(r"\| `([^`]*--[^`]*)` \|$", readme, re.M)
e2e.equal(examples, ["odd.do --word hello --more 1", "get-http-info --word hello --more 1", "even.do --word hello --more 1"],
          "examples in the README")
e2e.run("make", "-C", "pair", *e2e.make_args())
with e2e.Server(here / "pair/build/pair", cwd="pair") as server:
    for example in examples:
        e2e.run(here / "pair/build/pair-client", "--addr", server.address, *example.split(), check=64 + 12)

done = e2e.run("c-svc", "new-service", "bare", "--proto", "user.proto", "--storage", "none")
if "no storage." not in done.stdout or "5 handlers are yours to write" not in done.stdout:
    e2e.fail(f"--storage none:\n{done.stdout}")
e2e.run("make", "-C", "bare", "test", *e2e.make_args())

# ---- stopped, out of room, out of tools ----

tools = here / "tools"
tools.mkdir()
scratch = here / "tmp"
scratch.mkdir()
env = {**e2e.environment(), "TMPDIR": str(scratch)}
before = entries()


def nothing_left(what):
    e2e.equal(entries(), before, f"what is left by {what}")
    e2e.equal(entries(scratch), [], f"temporary files left by {what}")


def stopped(arguments, how):
    """Waits until the tool that hangs is running, then stops c-svc."""
    ready = tools / "ready"
    process = subprocess.Popen(["c-svc", *arguments], env={**env, "PATH": f"{tools}:{env['PATH']}"},
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 30
    while not ready.exists() and time.monotonic() < until:
        time.sleep(0.005)
    process.send_signal(how)
    e2e.equal(process.wait(30), -how, f"how {arguments} ends when told to stop")
    ready.unlink()


for arguments in (["new-service", "x", "--proto", "user.proto"], ["new-service", "x"],
                  ["new-service", "x", "--dir", "p/q/r"]):
    for how in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        hang = tools / "protoc"
        hang.write_text(f"#!/bin/sh\ntouch {tools}/ready\nexec sleep 60\n")
        hang.chmod(0o755)
        stopped(arguments, how)
        nothing_left(f"{arguments} stopped by {how}")
        hang.unlink()

# At any moment: the whole project or nothing.
whole = len(files)
for i in range(60):
    process = subprocess.Popen(["c-svc", "new-service", "user-service", "--proto", "user.proto", "--dir", "p/q"], env=env,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(random.uniform(0, 0.06))
    process.send_signal(signal.SIGTERM)
    process.wait(30)
    if pathlib.Path("p").exists():
        n = len([p for p in pathlib.Path("p/q").rglob("*") if p.is_file()])
        e2e.equal(n, whole, "files of a project that was stopped late")
        e2e.run("rm", "-r", "p")
    nothing_left(f"round {i}")


def limited():
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))


done = subprocess.run(["c-svc", "new-service", "x", "--proto", "user.proto", "--dir", "p/q"], env=env, text=True,
                      preexec_fn=limited, restore_signals=False, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
e2e.equal((done.returncode, done.stdout), (1, ""), "a run that cannot write")
if "p/q/" not in done.stderr or "too large" not in done.stderr:
    e2e.fail(f"what it says: {done.stderr}")
nothing_left("a run that cannot write")

for missing in ("protoc", "protoc-gen-c"):
    some = here / f"without-{missing}"
    some.mkdir()
    for tool in ("protoc", "protoc-gen-c", "sh"):
        if tool != missing:
            (some / tool).symlink_to(subprocess.run(["which", tool], text=True, stdout=subprocess.PIPE).stdout.strip())
    before = entries()
    done = e2e.run(e2e.STAGE / "bin/c-svc", "new-service", "x", env={**env, "PATH": str(some)}, check=1)
    if missing not in done.stderr:
        e2e.fail(f"without {missing}: {done.stderr}")
    nothing_left(f"a run without {missing}")
