#!/usr/bin/env python3
"""Names from hell, each in every place that has a name; and the protos of tests/protos/hell.

Words of C and C++, macros and functions of the C library, long and odd ones as names of packages, messages, enums, their values, fields,
oneofs, services and rpcs: one line a name, a few hundred files. What the plugin refuses it refuses at that line, which is then left out;
what is left compiles as C11 and C++17, behind the C library's headers, with warnings as errors. HELL_WORDS=all takes every macro there
is instead of some.
"""
import concurrent.futures
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent / "support"))
import compiled  # noqa: E402
import e2e  # noqa: E402

KEYWORDS = """alignas alignof and and_eq asm auto bitand bitor bool break case catch char char16_t char32_t char8_t class co_await
    co_return co_yield compl concept const const_cast consteval constexpr constinit continue contract_assert decltype default delete do
    double dynamic_cast else enum explicit export extern false final float for friend goto if import inline int long module mutable
    namespace new noexcept not not_eq nullptr operator or or_eq override private protected public register reinterpret_cast requires
    restrict return short signed sizeof static static_assert static_cast struct switch template this thread_local throw true try
    typedef typeid typename typeof typeof_unqual union unsigned using virtual void volatile wchar_t while xor xor_eq
    asm_ fortran near far huge interface small hyper linux unix i386 vax sun mips sparc x86_64 __attribute__ _Bool _Atomic _Generic
    _Static_assert _Thread_local _Alignas _Noreturn _Imaginary _Complex Class NULL TRUE FALSE int32_t
    uint64_t size_t protobuf_c_boolean csvc_ctx csvc_code csvc_stream""".split()
FUNCTIONS = """abort abs accept access alarm atoi bind bsearch calloc chdir chmod chown clock close connect creat dup environ exec execl
    exit fclose fork free getenv getline getopt getpid gets index ioctl isatty kill link listen log main malloc memcpy mkdir mmap mount
    nice open optarg pause pipe poll printf putenv puts raise rand read readdir realloc reboot recv remove rename rewind rindex rmdir
    round scanf select send setenv shutdown signal sin sleep socket sprintf stat strcpy strdup swab sync system time timer_create
    timezone tzname truncate umask uname ungetc unlink usleep vfork wait wait4 warn write y0 y1 j0 jn gamma daylight sigaction stat64
    int8_t uint32_t ssize_t off_t pid_t FILE DIR va_list time_t errno_t std string self ctx req rsp out in svc srv ops call""".split()
ODD = ["x" * 200, "X" * 200, "a_" * 100 + "b", "aB" * 100, "A1B2C3", "a1_b2", "a__b", "trailing_", "trailing__", "_1", "_a", "__a", "_A", "i18n",
       "HTTPServer", "getHTTPResponseCode", "x509", "IDs", "ID", "id_", "Id", "base", "base_message", "descriptor", "n_", "has_", "n_a", "init",
       "INIT", "Init", "pack", "unpack", "free_unpacked", "get_packed_size", "message_init", "type", "fields", "rules", "csvc",
       "protobuf_c", "ProtobufCMessage", "CSVC_OK", "entity", "store", "handler", "client", "service", "services", "project"]

random.seed(20240229)
AT_ONCE = 400


def macros():
    """All that the C library's headers define, without those that belong to the compiler."""
    headers = "".join(f"#include <{h}>\n" for h in [*compiled.BEFORE, "complex.h", "iso646.h", "stdatomic.h", "tgmath.h", "sys/epoll.h",
                                                      "sys/ioctl.h", "threads.h", "regex.h", "dirent.h", "netinet/tcp.h", "ucontext.h"])
    done = subprocess.run(["cc", "-std=gnu11", "-D_GNU_SOURCE", "-dM", "-E", "-xc", "-"], input=headers, text=True, stdout=subprocess.PIPE,
                          check=True)
    names = sorted({line.split()[1].split("(")[0] for line in done.stdout.splitlines()})
    names = [n for n in names if not n.startswith("_")]
    lower = [n for n in names if n == n.lower()]
    upper = [n for n in names if n != n.lower()]
    if os.environ.get("HELL_WORDS") != "all":
        plain = re.findall(r"^#define ([a-z]\w*) ", done.stdout, re.M)
        lower = sorted({*plain, *random.sample(lower, 40)})
        upper = random.sample(upper, 60)
    return lower + upper


# Each: a line with one name in it, what stands around the lines.
PLACES = {
    "field": ("message M{i} {{ int32 {w} = 1; repeated string {w}s = 2; }}", ""),
    "optional": ("message M{i} {{ optional bytes {w} = 1; map<string, M0> {w}_map = 2; }}", "message M0 {}"),
    "oneof": ("message M{i} {{ oneof {w} {{ bytes first_{i} = 1; int32 second_{i} = 2; }} }}", ""),
    "member": ("message M{i} {{ oneof which {{ E {w} = 1; string other = 2; }} }}", "enum E { E_NONE = 0; }"),
    "message": ("message {w} {{ int32 a = 1; {w} itself = 2; }}", ""),
    "nested": ("message M{i} {{ message {w} {{ }} enum Of{w} {{ NO_{i} = 0; }} {w} a = 1; }}", ""),
    "enum": ("enum {w} {{ ZERO_{i} = 0; }}", ""),
    "value": ("enum E{i} {{ {w} = 0; }}", ""),
    "service": ("service {w} {{ rpc Get(M) returns (M); }}", "message M {}"),
    "rpc": ("rpc {w}(M) returns (M);", "message M {{}}\nservice S {{\n{lines}\n}}"),
    "stream": ("rpc {w}(stream M) returns (stream M);", "message M {{}}\nservice S {{\n{lines}\n}}"),
}
ALSO_WITHOUT_PACKAGE = ("message", "enum", "value", "service", "rpc")


def text_of(place, package, words):
    """The file's text and the line of each word."""
    line, around = PLACES[place]
    lines = [line.format(i=i, w=w) for i, w in words]
    head = f'syntax = "proto3"; {package}'
    if "{lines}" in around:
        before, _, after = around.format(lines="\0").partition("\0")
        text = f"{head}\n{before}" + "\n".join(lines) + after + "\n"
        first = (head + "\n" + before).count("\n") + 1
    else:
        text = f"{head}\n{around}\n" + "\n".join(lines) + "\n"
        first = 3
    return text, {first + n: w for n, (_, w) in enumerate(words)}


def attempt(folder, place, package, words):
    """(how many names were refused, how many compiled, complaint)"""
    folder.mkdir(parents=True)
    words = list(enumerate(words, 1))
    refused = 0
    while words:
        text, at = text_of(place, package, words)
        (folder / "t.proto").write_text(text)
        rc, said = compiled.protoc(folder, ["t.proto"])
        if rc == 0:
            return refused, len(words), compiled.complaint_of(folder)
        places = {int(n) for n in re.findall(r"^t\.proto:(\d+):\d+: ", said, re.M)}  # protoc's own among them
        if not {at.get(n) for n in places} - {None}:
            return refused, 0, f"refused elsewhere\n{said[:3000]}"
        if re.search(r"^t\.proto:\d+:\d+: error: ", said, re.M) and ": note: " not in said:
            return refused, 0, f"refused without a note\n{said[:3000]}"
        gone = {at[n] for n in places if n in at}
        refused += len(gone)
        words = [(i, w) for i, w in words if w not in gone]
    return refused, 0, None


def packages(folder, words):
    """A file for each name as a package, and within one."""
    folder.mkdir(parents=True)
    refused = 0
    names = []
    for word in words:
        for i, package in enumerate((word, f"a.{word}.v1")):
            name = f"{word[:100]}_{i}.proto"
            (folder / name).write_text(f'syntax = "proto3"; package {package};\nmessage M {{ int32 a = 1; }}\n'
                                       "service Get { rpc Get(M) returns (stream M); }\n")
            names.append(name)
    while names:
        rc, said = compiled.protoc(folder, names)
        if rc == 0:
            return refused, len(names), compiled.complaint_of(folder, link=True)
        gone = {n for n in re.findall(r"^([^\s:]+\.proto):\d+:\d+: error: ", said, re.M)} | \
            {n for n in re.findall(r"^([^\s:]+\.proto): ", said, re.M)}
        if not gone & set(names):
            return refused, 0, f"refused without a place\n{said[:3000]}"
        refused += len(gone)
        names = [n for n in names if n not in gone]
    return refused, 0, None


# ---- shapes ----

KINDS = ["double", "float", "int32", "int64", "uint32", "uint64", "sint32", "sint64", "fixed32", "fixed64", "sfixed32", "sfixed64", "bool",
         "string", "bytes", "E", "M"]
KEYS = [k for k in KINDS if k not in ("double", "float", "bytes", "E", "M")]


def all_kinds():
    lines = ['syntax = "proto3"; package hell.kinds;', "enum E { E_ZERO = 0; E_ONE = 1; }", "message M {}"]
    for first in KINDS:
        lines.append(f"message First_{first} {{ oneof choice {{ {first} first = 1; string second = 2; {first} third = 3; }} "
                     f"oneof of_one {{ {first} single = 4; }} }}")
    lines += ["message Fields {", *(f"  {k} plain_{k} = {i}; optional {k} maybe_{k} = {i + 100}; repeated {k} many_{k} = {i + 200};"
                                    for i, k in enumerate(KINDS, 1)), "}"]
    lines += ["message Maps {", *(f"  map<{key}, {k}> {key}_{k} = {i * 100 + j};" for i, key in enumerate(KEYS, 1)
                                   for j, k in enumerate(KINDS, 1)), "}"]
    return "\n".join(lines)


def deep():
    text = "message Bottom { L0 back = 1; }"
    for i in range(29, -1, -1):
        text = f"message L{i} {{ L0 top = 1; {'Bottom bottom = 2; ' if i == 29 else f'L{i + 1} next = 2; '}{text} }}"
    return ('syntax = "proto3"; package hell.deep;\n' + text + "\nmessage A { B b = 1; repeated A a = 2; map<string, A> m = 3; }\n"
            "message B { C c = 1; oneof o { A a = 2; B b = 3; } }\nmessage C { A a = 1; optional C c = 2; }\nservice S { rpc Down(L0) returns (A); }")


def wide():
    return "\n".join(['syntax = "proto3"; package hell.wide;', "message M {",
                      *(f"  {KINDS[i % 15]} field_number_{i} = {i * 7 % 19999 + 20000 * (i % 2) + 1};" for i in range(500) if not 19000 <= i * 7 % 19999 <= 19998),
                      "}", "enum E {", *(f"  VALUE_{i} = {i * i};" for i in range(1000)), "}", "service S {",
                      *(f"  rpc Call{i}({'stream ' if i % 3 == 1 else ''}M) returns ({'stream ' if i % 5 == 1 else ''}M);" for i in range(1000)),
                      "}"])


def long_names():
    name = "Name" * 50
    field = "field_" * 33 + "f"
    return (f'syntax = "proto3"; package {"hell" * 12}.{"long" * 12};\n'
            f"message {name} {{ {name} {field} = 1; oneof {field}_o {{ int32 {field}_a = 2; bytes {field}_b = 3; }} map<string, {name}> {field}_m = 4; }}\n"
            f"enum {name}E {{ {name.upper()}_ZERO = 0; }}\n"
            f"service {name}S {{ rpc Get{name}({name}) returns ({name}); rpc Stream{name}(stream {name}) returns (stream {name}); }}")


def shapes(folder, _):
    """The protos of tests/protos/hell and those that are made: all of them are taken, one by one and together."""
    folder = pathlib.Path(folder)
    shutil.copytree(e2e.SOURCE / "tests/protos/hell", folder)
    made = {"kinds": all_kinds(), "deep": deep(), "wide": wide(), "long": long_names()}
    for name, text in made.items():
        (folder / f"{name}.proto").write_text(text + "\n")
    usual = (e2e.SOURCE / "tests/protos/hell/same/a.proto").read_text().replace("hell.same.a", "hell.same.crlf")
    (folder / "crlf.proto").write_bytes(b"\xef\xbb\xbf" + usual.replace("\n", "\r\n").encode())
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.proto"))
    for name in names:
        rc, said = compiled.protoc(folder, [name])
        said = "".join(line for line in said.splitlines(True) if "libprotobuf WARNING" not in line and ": warning: " not in line).strip()
        if rc != 0 or said:
            return 0, 0, f"{name}: {said}"
    return 0, len(names), compiled.complaint_of(folder, link=True)


def main():
    every = os.environ.get("HELL_WORDS") == "all"
    words = list(dict.fromkeys([*KEYWORDS, *FUNCTIONS[::1 if every else 3], *ODD, *macros()]))
    random.shuffle(words)
    jobs = []
    for place in PLACES:
        for package in ("package p;", "") if place in ALSO_WITHOUT_PACKAGE else ("package p.v1;",):
            for n in range(0, len(words), AT_ONCE):
                folder = pathlib.Path(f"{place}{'' if package else '_bare'}_{n}").absolute()
                jobs.append((folder.name, attempt, (folder, place, package, words[n:n + AT_ONCE])))
    usual = list(dict.fromkeys([*KEYWORDS, *FUNCTIONS[::4], *ODD]))
    jobs.append(("packages", packages, (pathlib.Path("packages").absolute(), usual)))
    jobs.append(("shapes", shapes, (pathlib.Path("shapes").absolute(), None)))
    passed = failed = refused = took = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for (name, _, _), (no, yes, complaint) in zip(jobs, pool.map(lambda j: j[1](*j[2]), jobs)):
            refused += no
            took += yes
            if complaint:
                failed += 1
                print(f"{name}: {complaint}")
            else:
                passed += 1
    print(f"{len(words)} names in {len(jobs)} sets: {took} compiled, {refused} refused")
    if took < 10 * refused or refused == 0:
        failed += 1
        print("too few compiled, or none was refused, for this to say anything")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
