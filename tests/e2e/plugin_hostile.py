#!/usr/bin/env python3
"""Protos made of every name that could hurt, at random: each is refused with places, or compiles as C and C++ and links.

HOSTILE_SEED and HOSTILE_COUNT choose others; a failure names its seed.
"""
import concurrent.futures
import os
import pathlib
import random
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent / "support"))
import compiled  # noqa: E402

first = int(os.environ.get("HOSTILE_SEED", "1"))
count = int(os.environ.get("HOSTILE_COUNT", "60"))

WORDS = """int class export requires errno linux unix NULL EOF base Base base_message init Init INIT descriptor Descriptor type Type
    file File FILE has n has_a n_a a A a_b aB AB A_B a_b_c b_c b c foo Foo fooBar FooBar foo_bar Foo_Bar FOO HTTPServer Httpserver
    http_server x x_case XCase NOT_SET CASE _1st _ __x _x ops Ops service Service client Client register send recv Send Recv
    struct_size delete Delete restrict nullptr alignas bool true TRUE signed stdin st_mtime major assert user User users UserService
    case_ kind Kind KIND value Value get_packed_size pack Pack unpack free_unpacked Closure closure field_descriptors fields
    json_names initial methods invoke _invoke ops_init OpsRegister ops_register Start start csvc protobuf_c I ECHO DIR size Int
    optional message repeated Entry AEntry map stream Stream entity Get get list List create update""".split()
SCALARS = ["int32", "string", "bytes", "bool", "double", "uint64", "sint32", "fixed64", "float"]
DEFAULTS = {"int32": ["-2147483648", "7"], "string": ['"a?b"', '"??/"', '"\\\\n\\""'], "bytes": ['"\\000\\377"'], "bool": ["true"],
            "double": ["inf", "0.1", "1e-300"], "uint64": ["18446744073709551615"], "float": ["-inf", "0.5"]}


def make(seed):
    r = random.Random(seed)
    proto3 = r.random() < 0.6
    package = r.choice(["", "", "shop", "shop.v1", "a", "Foo.Bar", "int", "user", "csvc_x", "a.a"])
    lines = [f'syntax = "proto{3 if proto3 else 2}";'] + ([f"package {package};"] if package else [])
    top = {"Another", "Other"}
    dot = f".{package}." if package else "."
    lines += ["enum Another { ANOTHER_NONE = 0; }", "message Other {}"]
    kinds = SCALARS + [dot + "Another", dot + "Other"]

    def fresh(used, n=20):
        for _ in range(n):
            word = r.choice(WORDS)
            if word not in used:
                used.add(word)
                return word
        return None

    def enum(used, indent):
        name = fresh(used)
        if not name:
            return
        lines.append(f"{indent}enum {name} {{")
        for i in range(r.randint(1, 3)):
            value = fresh(used)
            if value or i == 0:
                value = value or f"only_{r.random()}".replace(".", "_")
                lines.append(f"{indent}  {value} = {i};")
        lines.append(f"{indent}}}")

    def message(used, indent, depth):
        name = fresh(used)
        if not name:
            return
        inner, json, number = set(), set(), 0
        lines.append(f"{indent}message {name} {{")
        if depth < 2 and r.random() < 0.4:
            message(inner, indent + "  ", depth + 1)
        if r.random() < 0.3:
            enum(inner, indent + "  ")

        def field(label, semicolon=True):
            nonlocal number
            word = fresh(inner)
            if not word:
                return
            number += 1
            kind = r.choice(kinds)
            more = ""
            if label == "optional" and not proto3 and kind in DEFAULTS and r.random() < 0.2:
                more = f", default = {r.choice(DEFAULTS[kind])}"
            if label == "map":
                entry = "".join(w[:1].upper() + w[1:] for w in word.split("_")) + "Entry"
                if entry in inner:
                    return
                inner.add(entry)
                kind, label = f"map<string, {kind}>", ""
            lines.append(f'{indent}  {label} {kind} {word} = {number} [json_name = "j{number}"{more}];')

        for _ in range(r.randint(0, 6)):
            if r.random() < 0.2:
                oneof = fresh(inner)
                if oneof:
                    lines.append(f"{indent}  oneof {oneof} {{")
                    before = len(lines)
                    for _ in range(r.randint(1, 3)):
                        field("")
                    if len(lines) == before:
                        number += 1
                        lines.append(f"{indent}    int32 only{number}{r.randint(0, 9**9)} = {number};")
                    lines.append(f"{indent}  }}")
            else:
                field(r.choice(["", "optional", "repeated", "map"] if proto3 else ["optional", "required", "repeated", "map"]))
        lines.append(f"{indent}}}")
        if depth == 0:
            messages.append(name)

    messages = []
    for _ in range(r.randint(1, 4)):
        message(top, "", 0)
    if r.random() < 0.5:
        enum(top, "")
    for _ in range(r.randint(0, 2)):
        name = fresh(top)
        if name and messages:
            rpcs = set()
            lines.append(f"service {name} {{")
            for _ in range(r.randint(0, 5)):
                rpc = fresh(rpcs)
                if rpc:
                    types = [("." + package if package else "") + "." + r.choice(messages) for _ in "io"]
                    streams = [r.choice(["", "", "stream "]) for _ in "io"]
                    lines.append(f"  rpc {rpc}({streams[0]}{types[0]}) returns ({streams[1]}{types[1]});")
            lines.append("}")
    return "\n".join(lines) + "\n"


def attempt(seed):
    """A pair: what became of it (skipped, refused, compiled), and the complaint, if any."""
    folder = pathlib.Path(f"seed{seed}").absolute()
    folder.mkdir()
    text = make(seed)
    (folder / "t.proto").write_text(text)
    rc, said = compiled.run("protoc", "-o", "/dev/null", "t.proto", cwd=folder)
    if rc != 0:
        return "skipped", None  # protoc itself would not have it
    rc, said = compiled.protoc(folder, ["t.proto"])
    if rc != 0:
        if re.search(r"^t\.proto:\d+:\d+: error: ", said, re.M) and ": note: " in said:
            return "refused", None
        return "refused", f"refused without a place\n{said}"
    return "compiled", compiled.complaint_of(folder, link=True)


passed = failed = 0
became = {"skipped": 0, "refused": 0, "compiled": 0}
with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    for seed, (what, complaint) in zip(range(first, first + count), pool.map(attempt, range(first, first + count))):
        became[what] += 1
        if complaint is None:
            passed += 1
        else:
            failed += 1
            print(f"HOSTILE_SEED={seed}: {complaint}\n{make(seed)}")
if count >= 60 and (became["refused"] < count / 20 or became["compiled"] < count / 20):
    failed += 1
    print("too few were refused or too few compiled for this to say anything")
print("; ".join(f"{n} {what}" for what, n in became.items()))
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
