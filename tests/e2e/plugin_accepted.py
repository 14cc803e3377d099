#!/usr/bin/env python3
"""Odd but right protos: what comes out compiles as C and C++, links, and depends on nothing but the request."""
import os
import pathlib
import re
import subprocess
import sys

source = pathlib.Path(os.environ["CSVC_SOURCE"])
stage = pathlib.Path(os.environ["CSVC_STAGE"])
protos = source / "tests/protos/accepted"
failed = []
passed = 0


def check(what, ok, text=""):
    global passed
    if ok:
        passed += 1
    else:
        failed.append(what)
        print(f"{what}\n{text}")


def run(*argv, **more):
    done = subprocess.run([str(a) for a in argv], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=120, **more)
    return done.returncode == 0, done.stdout


def generate(out, files, **more):
    pathlib.Path(out).mkdir()
    return run("protoc", f"--plugin={stage}/bin/protoc-gen-c-svc", f"--c-svc_out={pathlib.Path(out).absolute()}",
               "-I.", f"-I{stage}/share/c-svc/proto", "-I/usr/include", *files, cwd=protos, **more)


def tree(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(pathlib.Path(folder).rglob("*")) if p.is_file()}


files = sorted(str(p.relative_to(protos)) for p in protos.rglob("*.proto") if "// ungenerated" not in p.read_text())
ok, said = generate("all", files)
check("generates", ok, said)
check("is silent", said == "", said)
everything = tree("all")

# Any environment, any time: the same bytes.
ok, said = generate("again", reversed(files),
                    env={"PATH": os.environ["PATH"], "LANG": "de_DE.UTF-8", "LC_ALL": "tr_TR.UTF-8", "TZ": "Asia/Tokyo"})
check("the same bytes in another environment and order", tree("again") == everything, said)
# One process a file, as buf may run it.
for i, file in enumerate(files):
    ok, said = generate(f"one{i}", [file])
    check(f"{file}: silent alone", ok and said == "", said)
    check(f"{file}: the same alone", all(everything.get(n) == b for n, b in tree(f"one{i}").items()))
for name, text in everything.items():
    check(f"{name}: LF, one at the end", text.endswith(b"\n") and b"\r" not in text)
    check(f"{name}: no trigraph", not re.search(rb"\?\?[=/'()!<>-]", text))
    check(f"{name}: no path of this machine", str(source).encode() not in text)

# Everything compiles; -Wno... only for what protoc-gen-c writes.
generate("wkt", ["google/protobuf/timestamp.proto"])
include = ["-Iall", "-Iwkt", f"-I{source}/runtime/include"]
objects = []
ours = {}
for name in everything:
    if name.endswith(".c"):
        for standard in ("c11", "gnu11") if os.environ.get("CSVC_SAN") else ("c11", "gnu11", "gnu17", "c2x"):
            quiet = ["-Wno-overlength-strings", "-Wno-comment"] if name.endswith(".pb-c.c") else []
            ok, said = run("cc", f"-std={standard}", "-Wall", "-Wextra", "-Wpedantic", "-Werror", *quiet, *include, "-c",
                           f"all/{name}", "-o", f"{len(objects)}.o")
            check(f"{name} as {standard}", ok, said)
        if not name.endswith(".pb-c.c"):
            ours[name] = f"{len(objects)}.o"
        objects.append(f"{len(objects)}.o")
    else:
        # Behind the headers whose macros bite.
        for compiler, standard, suffix in (("cc", "gnu11", "c"), ("cc", "c99", "c"), ("c++", "gnu++20", "cc"),
                                           ("c++", "gnu++11", "cc")):
            unit = pathlib.Path(f"unit.{suffix}")
            unit.write_text("#include <errno.h>\n#include <stdio.h>\n#include <signal.h>\n#include <sys/stat.h>\n"
                            f"#include <sys/sysmacros.h>\n#include <assert.h>\n#include \"{name}\"\nint main(void);\n"
                            "int main(void) { return 0; }\n")
            ok, said = run(compiler, f"-std={standard}", "-Wall", "-Wextra", "-Werror", *include, "-c", unit, "-o", "unit.o")
            check(f"{name} within {standard}", ok, said)
ok, said = run("ld", "-r", "-o", "linked.o", *objects)
check("no symbol is twice", ok, said)

# What our own objects define is what generator/names/names.h lists, which is what check/symbols.c compares.
listed = re.compile(r"\w+(__type|__file|_ops_register|_service|_client_\w+|_entity|_create|_get|_update|_delete|_list|_list_all"
                    r"|_scan_start|_scan_next|_scan_end)$")
for name, obj in ours.items():
    ok, said = run("nm", "-g", "--defined-only", "--format=just-symbols", obj)
    check(f"{name}: only names that are checked", ok and all(listed.match(n) for n in said.split()), said)

# Imports that only options use are not in the C.
for name, text in everything.items():
    for absent in (b"annotations.pb-c.h", b"annotations.csvc.h", b"c_svc/options", b"protobuf-c.pb-c.h"):
        check(f"{name}: nothing of {absent.decode()}",
              not any(absent in line for line in text.splitlines() if line.startswith(b"#include")))
header = everything["options.pb-c.h"].decode()
check("c_package and base_field_name", "struct  Renamed__Pkg__Item\n{\n  ProtobufCMessage first;" in header)
check("CODE_SIZE keeps names", '"base",' in everything["options.pb-c.c"].decode())
words = everything["words.pb-c.h"].decode()
check("a field base", "ProtobufCMessage base_message_;" in words and "int32_t base;" in words)
check("words get an underscore", all(f" {w}_;" in words for w in ("errno", "requires", "restrict", "linux")))
check("their names stay", all(f'    "{w}",' in everything["words.pb-c.c"].decode() for w in ("errno", "requires", "i386")))
print(f"{passed} passed, {len(failed)} failed")
sys.exit(1 if failed else 0)
