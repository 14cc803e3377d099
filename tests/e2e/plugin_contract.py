#!/usr/bin/env python3
"""How protoc-gen-c-svc behaves as a program: arguments, exit codes, broken input, parameters, protoc-gen-c and its ways to fail."""
import os
import pathlib
import shutil
import stat
import subprocess
import sys

source = pathlib.Path(os.environ["CSVC_SOURCE"])
stage = pathlib.Path(os.environ["CSVC_STAGE"])
plugin = stage / "bin/protoc-gen-c-svc"
failed = []
passed = 0


def check(what, ok, text=""):
    global passed
    if ok:
        passed += 1
    else:
        failed.append(what)
        print(f"{what}\n{text}")


def run(*argv, data=b"", env=None, stdout=subprocess.PIPE):
    return subprocess.run([str(a) for a in argv], input=data, stdout=stdout, stderr=subprocess.PIPE, timeout=120,
                          env=env)


# ---- protobuf by hand: enough for a request and a response ----

def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def fields(data):
    at, found = 0, []

    def take():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
    while at < len(data):
        tag = take()
        if tag & 7 == 0:
            found.append((tag >> 3, take()))
        else:
            size = take()
            found.append((tag >> 3, data[at:at + size]))
            at += size
    return found


def respond(data, **more):
    done = run(plugin, data=data, **more)
    response = fields(done.stdout) if done.returncode == 0 else []
    return (done, dict((n, v) for n, v in response if n != 15),
            {dict(fields(v))[1].decode(): dict(fields(v))[15] for n, v in response if n == 15})


def request(*files, parameter=None, generate=None, compiler=True):
    out = b"".join(field(1, g) for g in (generate or ["a.proto"]))
    out += field(2, parameter) if parameter is not None else b""
    out += b"".join(field(15, f) for f in files)
    return out + (field(3, field(1, 3) + field(2, 21) + field(3, 12)) if compiler else b"")


def file(name="a.proto", syntax="proto3", more=b"", package="shop"):
    return field(1, name) + field(2, package) + more + (field(12, syntax) if syntax else b"")


def message(name, more=b""):
    return field(4, field(1, name) + more)


simple = file(more=message("Thing", field(2, field(1, "id") + field(3, 1) + field(4, 1) + field(5, 5) + field(10, "id"))))

# ---- arguments ----

done = run(plugin, "--version")
check("--version", done.returncode == 0 and done.stdout.startswith(b"protoc-gen-c-svc 0.") and not done.stderr, done)
done = run(plugin, "--help")
check("--help", done.returncode == 0 and b"protoc_gen_c=PATH" in done.stdout and not done.stderr, done)
for wrong in (["--nonsense"], ["file.proto"], ["--help", "--version"]):
    done = run(plugin, *wrong)
    check(f"{wrong}", done.returncode == 1 and b"usage: " in done.stderr and not done.stdout, done)
with open("/dev/full", "wb") as full:
    done = run(plugin, "--version", stdout=full)
    check("--version into a full disk", done.returncode == 1 and b"cannot write" in done.stderr, done)
    done = run(plugin, data=request(simple), stdout=full)
    check("a response into a full disk", done.returncode == 1 and b"cannot write" in done.stderr, done)

# ---- a plain request ----

done, head, files = respond(request(simple))
check("a response", done.returncode == 0 and not done.stderr, done)
check("proto3 optional is a feature", head.get(2) == 1 and 1 not in head, head)
check("the set", sorted(files) == ["a.csvc.c", "a.csvc.h", "a.pb-c.c", "a.pb-c.h"], files.keys())
again, head, nothing_else = respond(request(simple, compiler=False), env={"PATH": "/usr/bin:/bin"})
check("no compiler_version, next to no environment: the same", nothing_else == files, again)
done, head, files = respond(request(simple, generate=["a.proto"], parameter="messages=off"), env={"PATH": "/nowhere"})
check("messages=off needs no program", sorted(files) == ["a.csvc.c", "a.csvc.h"], done)
done, head, files = respond(request(simple, parameter="paths=source_relative,,messages=on,"))
check("paths and empty parameters", len(files) == 4, head)
done, head, files = respond(b"")
check("an empty request", done.returncode == 0 and not files and 1 not in head, done)

# ---- broken requests: stderr and exit 1 ----

for name, data in (("noise", os.urandom(16) + b"\xff" * 64), ("cut off", request(simple)[:-3]),
                   ("cut off early", request(simple)[:20]), ("deep", b"\x7a" * 100000)):
    done = run(plugin, data=data)
    check(f"a request of {name}", done.returncode == 1 and done.stderr.startswith(b"protoc-gen-c-svc: ")
          and not done.stdout, done)

# ---- wrong protos and parameters: `error`, and exit 0 ----


def refused(what, data, *words, **more):
    done, head, files = respond(data, **more)
    text = head.get(1, b"").decode()
    check(what, done.returncode == 0 and not files and not done.stderr and all(w in text for w in words)
          and not text.endswith("\n"), f"{done}\n{text}")


refused("an unknown parameter", request(simple, parameter="colour=red"), 'unknown parameter "colour"', "messages=on|off",
        "paths=source_relative")
refused("a bare key is true", request(simple, parameter="messages"), 'messages is "true"', "on or off")
refused("a rule set to come", request(simple, parameter="inference=2"), "inference", "knows 1")
refused("a c_package that is none", request(simple, parameter="c_package=a-b"), "c_package", "a-b")
refused("paths=import", request(simple, parameter="paths=import"), "source_relative")
refused("a template folder that is none", request(simple, parameter="templates="), "templates")
refused("editions", request(file(syntax="editions", more=message("T") + field(14, 1000))), "a.proto: error:", "edition",
        "note:")
refused("a file that is not there", request(simple, generate=["b.proto"]), 'asks for "b.proto"')
refused("an import that is not there", request(file(more=field(3, "b.proto"))), 'a.proto: error: imports "b.proto"')
refused("a type that is not there", request(file(more=message("T", field(2, field(1, "x") + field(3, 1) + field(4, 1)
        + field(5, 11) + field(6, ".shop.U"))))), "a.proto: error: field x is of type .shop.U")
refused("injection by a name", request(file(more=message("T {}; int injected; struct X"))), "which is none")
refused("injection by a package", request(file(package="shop\n#include <x>")), "no package name")
refused("injection by a path", request(file(name='a"\nint injected; //.proto'), generate=['a"\nint injected; //.proto']),
        "control characters")
refused("a path upwards", request(file(name="../a.proto"), generate=["../a.proto"]), "../a.proto: error: the path")
refused("an absolute path", request(file(name="/a.proto"), generate=["/a.proto"]), "/a.proto: error: the path")
refused("two files, one output", request(file(name="a.proto"), file(name="a.protodevel", package="other"),
        generate=["a.proto", "a.protodevel"]), "make the output a")
refused("the same file twice", request(simple, simple), "is twice in the request")
refused("one number for two fields", request(file(more=message("T", b"".join(field(2, field(1, n) + field(3, 1)
        + field(4, 1) + field(5, 5)) for n in ("x", "y"))))), "number 1 of field")
refused("a number out of range", request(file(more=message("T", field(2, field(1, "x") + field(3, 1 << 30) + field(4, 1)
        + field(5, 5))))), "1073741824")
refused("a oneof out of range", request(file(more=message("T", field(2, field(1, "x") + field(3, 1) + field(4, 1)
        + field(5, 5) + field(9, 7))))), "a oneof that is not there")
refused("an enum without values", request(file(more=field(5, field(1, "E")))), "enum E has no values")

# ---- protoc-gen-c ----

os.makedirs("bin", exist_ok=True)


def program(text):
    path = pathlib.Path("bin/gen").absolute()
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return request(simple, parameter=f"protoc_gen_c={path}")


refused("no protoc-gen-c in PATH", request(simple), "protoc-gen-c cannot be run", "protobuf-c-compiler",
        "protoc_gen_c=PATH", "messages=off", env={"PATH": "/nowhere"})
refused("no protoc-gen-c there", request(simple, parameter="protoc_gen_c=/nowhere/gen"), "/nowhere/gen cannot be run",
        "protobuf-c-compiler")
refused("one that is no program", request(simple, parameter="protoc_gen_c=/etc/passwd"), "/etc/passwd cannot be run")
refused("one that fails", program("#!/bin/sh\necho no luck today >&2\nexit 3\n"), "status 3", "no luck today")
refused("one that dies", program("#!/bin/sh\nkill -9 $$\n"), "killed by signal 9")
refused("one that hangs up at once", program("#!/bin/sh\nexec <&-\nexit 4\n"), "status 4")
refused("one that says nothing", program("#!/bin/sh\ncat > /dev/null\n"), "made 0 files of 2")
refused("one that talks nonsense", program("#!/bin/sh\ncat > /dev/null\nhead -c 4096 /dev/zero | tr '\\0' '\\377'\n"),
        "answered with something else")
refused("one with an error", program("#!/bin/sh\ncat > /dev/null\nprintf '\\012\\004oops'\n"), "gen: oops")
refused("one that makes other files", program(
    "#!/bin/sh\ncat > /dev/null\nprintf '\\172\\015\\012\\010../x.txt\\172\\001x'\n"), "made a file nobody asked for")
# Both talk at once, and more than a socket holds: neither waits for the other.
big = request(file(more=b"".join(message(f"Thing{i}", field(2, field(1, "id") + field(3, 1) + field(4, 1) + field(5, 5)))
                                 for i in range(20000))),
              parameter=f"protoc_gen_c={pathlib.Path('bin/gen').absolute()}")
real = shutil.which("protoc-gen-c")
program(f"#!/bin/sh\nhead -c 3000000 /dev/zero | tr '\\0' 'x' >&2\nexec {real}\n")
done, head, files = respond(big)
check("a talkative one", len(files) == 4 and not done.stderr, head)
program(f"#!/bin/sh\n{real} | tee /dev/null\n")
done, head, files = respond(request(simple, parameter=f"protoc_gen_c={pathlib.Path('bin/gen').absolute()}"))
check("a wrapper", len(files) == 4, head)

# ---- as protoc shows it ----

pathlib.Path("w.proto").write_text('syntax = "proto3";\npackage w;\nmessage A_B {}\nmessage AB {}\n')
done = run("protoc", f"--plugin={plugin}", "--c-svc_out=.", "w.proto")
lines = done.stderr.decode().splitlines()
check("the first line is a summary, then places", done.returncode == 1 and len(lines) == 3
      and lines[0] == "--c-svc_out: 1 error, nothing was generated" and lines[1].startswith("w.proto:4:9: error: ")
      and lines[2].startswith("w.proto:3:9: note: "), done.stderr.decode())
check("and nothing is written", sorted(os.listdir(".")) == ["bin", "w.proto"], os.listdir("."))
print(f"{passed} passed, {len(failed)} failed")
sys.exit(1 if failed else 0)
