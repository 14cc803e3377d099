"""Whether what the plugin wrote into a folder is C and C++, and fits together."""
import pathlib
import re
import subprocess

import e2e

WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
# What protoc-gen-c writes, which is not ours to mend: rows of NULs, long strings, arrays of length 0.
OF_MESSAGES = ["-Wno-overlength-strings", "-Wno-pedantic", "-Wno-comment"]
# Whose macros bite: what a user may have included before.
BEFORE = ["assert.h", "ctype.h", "errno.h", "fcntl.h", "inttypes.h", "limits.h", "locale.h", "math.h", "netdb.h", "netinet/in.h", "poll.h",
          "pthread.h", "sched.h", "semaphore.h", "setjmp.h", "signal.h", "stdio.h", "stdlib.h", "string.h", "sys/mman.h", "sys/resource.h",
          "sys/select.h", "sys/socket.h", "sys/stat.h", "sys/sysmacros.h", "sys/time.h", "sys/types.h", "sys/un.h", "sys/wait.h", "syslog.h",
          "termios.h", "time.h", "unistd.h", "wchar.h"]


def run(*argv, cwd):
    done = subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", timeout=300, cwd=cwd, check=False)
    return done.returncode, done.stdout


def protoc(folder, files, *more):
    return run("protoc", f"--plugin={e2e.STAGE}/bin/protoc-gen-c-svc", "--c-svc_out=.", "-I.", f"-I{e2e.STAGE}/share/c-svc/proto",
               "-I/usr/include", *more, *files, cwd=folder)


def include_flags():
    return ["-I.", f"-I{e2e.SOURCE}/runtime/include", f"-I{e2e.STAGE}/include/csvc-wkt"]


def complaint_of(folder, link=False):
    """None when all of a folder compiles: each .c as C11, all headers behind the C library's in one C++17 file, with every INIT
    macro in it. With `link` the objects are put together, too: no name is twice."""
    folder = pathlib.Path(folder).absolute()
    sources = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.c"))
    headers = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.h"))
    how = ["-c"] if link else ["-fsyntax-only"]
    for quiet, some in ((OF_MESSAGES, [s for s in sources if s.endswith(".pb-c.c")]), ([], [s for s in sources if not s.endswith(".pb-c.c")])):
        for i, source in enumerate(some):
            rc, said = run("cc", "-std=c11", *WARNINGS, *quiet, *include_flags(), *how, *(["-o", f"{len(quiet)}-{i}.o"] if link else []),
                           source, cwd=folder)
            if rc != 0:
                return f"{source} as C11\n{said}"
    if link:
        rc, said = run("ld", "-r", "-o", "linked", *sorted(p.name for p in folder.glob("*-*.o")), cwd=folder)
        if rc != 0:
            return f"linked\n{said}"
    inits = []
    for source in sources:
        if source.endswith(".csvc.c"):
            inits += re.findall(r"^static const (\w+) \w+__initial =\s+(\w+__INIT);", (folder / source).read_text(), re.M)
    before = "".join(f"#include <{name}>\n" for name in BEFORE)
    within = "".join(f'#include "{name}"\n' for name in headers)
    (folder / "unit.cc").write_text(before + within + "".join(f"{t} value{i} = {init};\n" for i, (t, init) in enumerate(inits)))
    rc, said = run("c++", "-std=gnu++17", *WARNINGS, *include_flags(), "-fsyntax-only", "unit.cc", cwd=folder)
    if rc != 0:
        return f"all headers in C++17\n{said}"
    (folder / "unit.c").write_text(before + within + "typedef int nothing_else;\n")
    rc, said = run("cc", "-std=gnu11", *WARNINGS, *include_flags(), "-fsyntax-only", "unit.c", cwd=folder)
    return f"all headers in C11\n{said}" if rc != 0 else None
