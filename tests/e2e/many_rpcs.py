#!/usr/bin/env python3
"""A project of many rpcs: where there are enough of them, what all handlers include is compiled once, all that tests link is linked once,
and neither is ever older than what it was made of."""
import os
import pathlib
import re
import sys
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e

PCH = ("build/obj/pch/services.h.gch", "build/obj/pch/service_testing.h.gch")


def make(home, *arguments, check=0):
    return e2e.run("make", "-C", home, "-j2", *e2e.make_args(), *arguments, check=check)


def born(name, rpcs):
    pathlib.Path(f"{name}.proto").write_text(
        'syntax = "proto3";\npackage many;\nmessage Ask { string word = 1; }\nmessage Told { string text = 1; }\nservice Many {\n' +
        "".join(f"  rpc Do{i}(Ask) returns (Told);\n" for i in range(rpcs)) + "}\n")
    e2e.run("c-svc", "new-service", name, "--proto", f"{name}.proto")
    return pathlib.Path(name).absolute()


# ---- from 200 handlers on, with gcc, unless it is not wanted ----

many, few = born("many", 200), born("few", 199)
handler = "build/obj/server/many/do7.o"
for home, arguments, wanted in ((many, [], True), (many, ["MANY="], False), (many, ["CC=clang-14"], False), (few, [], False), (few, ["MANY=1"], True)):
    text = make(home, "-n", handler, *arguments).stdout
    e2e.equal(("services.h.gch" in text, "-Ibuild/obj/pch" in text), (wanted, wanted), f"{home.name} {arguments}: what all include first, compiled once")

# ---- it is taken, by handlers and tests; no file is said to be included that was not read ----

home = born("user", 3)
done = make(home, "MANY=1", "all", "test")
for line in ("todo: server/many/do0.c", "user: all 4 test programs passed."):
    if line not in done.stdout:
        e2e.fail(f"{line!r} is missing in\n{done.stdout}")
e2e.equal(done.stderr, "", "standard error of make")
for path in PCH:
    e2e.equal((home / path).exists(), True, path)
for of in ("server/many/do0", "tests/many/do0_test"):
    e2e.equal((home / f"build/obj/{of}.d").read_text().replace("\\\n", "").split(), [f"build/obj/{of}.o:", f"{of}.c"], f"what {of}.c read")
e2e.equal(make(home, "MANY=1", "all").stdout.count("  cc "), 0, "compiled though nothing changed")

# A test is small, whatever is tested: that is linked once.
size = os.path.getsize
if size(home / "build/tests/many/do0_test") * 2 > size(home / "build/obj/libtested.so"):
    e2e.fail("each test has all of the server in it")

# ---- a header that changed: whoever has read it is compiled ----

handler = home / "server/many/do1.c"
handler.write_text(handler.read_text().replace("(void)svc;", '(void)svc;\n    (void)rsp->text;\n    (void)SHARED;'))
service = home / "server/service.h"
text = service.read_text()
service.write_text(text.replace("struct service {", "#define SHARED 1\nstruct service {"))
compiled = re.findall(r"  cc +(\S+)", make(home, "MANY=1", "all", "test").stdout)
for wanted in ("gen/services.h", "tests/service_testing.h", "server/many/do0.c", "server/many/do1.c", "tests/many/do0_test.c", "server/main.c"):
    if wanted not in compiled:
        e2e.fail(f"{wanted} was not compiled after server/service.h changed: {compiled}")
proto = home / "proto/user.proto"
proto.write_text(proto.read_text().replace("string text", "string words"))
done = make(home, "MANY=1", check=2)
if not re.search(r"server/many/do1\.c:\d+:\d+: error: .*text", done.stderr):
    e2e.fail(f"a field that is gone:\n{done.stderr}")
handler.write_text(handler.read_text().replace("rsp->text", "rsp->words"))
make(home, "MANY=1", "all", "test")

# what was linked for the tests is what is tested: a handler that is written makes its test fail
handler.write_text(re.sub(r"return csvc_unimplemented\(ctx\);.*", "(void)ctx;\n    return CSVC_OK;", handler.read_text()))
done = make(home, "MANY=1", "test", check=2)
if "FAILED  build/tests/many/do1_test" not in done.stdout or "of 4 test programs failed: build/tests/many/do1_test" not in done.stdout:
    e2e.fail(done.stdout)

# Other flags than those it was compiled with: it is not taken, and all is well.
make(home, "MANY=1", "CFLAGS=-O0 -DOTHER=1", "-W", "server/many/do2.c")
if "gen/services.h" not in (home / "build/obj/server/many/do2.d").read_text():
    e2e.fail("taken with other flags")
make(home, "B=build/clang", "MANY=1", "CC=clang-14", "all", "build/clang/tests/many/do2_test")
