#!/usr/bin/env python3
"""What c-svc says of changed protos beside what `buf breaking` says: each kind of change in a file of its own, both over all.

The rules are buf's categories WIRE and WIRE_JSON, and two of PACKAGE for what callers see. Where c-svc differs on purpose:
- of two rules on one thing, one on the wire and one on JSON, only the former is told (ONCE);
- a service that is gone is told also when nothing is left of its package, and at the one it may have become (GONE);
- it points at a name, buf at the keyword, the type or the number before or behind it: lines are compared, columns are not.
"""
import json
import os
import pathlib
import re
import sys
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e

BUF = e2e.PEERS / "node/node_modules/.bin/buf"
RULES = ["WIRE", "WIRE_JSON", "RPC_NO_DELETE", "PACKAGE_SERVICE_NO_DELETE"]
ENV = {**e2e.environment(), "BUF_CACHE_DIR": str(pathlib.Path.cwd() / "cache"), "HOME": str(pathlib.Path.cwd())}

WIRE_TYPE, JSON_TYPE = "FIELD_WIRE_COMPATIBLE_TYPE", "FIELD_WIRE_JSON_COMPATIBLE_TYPE"
WIRE_CARD, JSON_CARD = "FIELD_WIRE_COMPATIBLE_CARDINALITY", "FIELD_WIRE_JSON_COMPATIBLE_CARDINALITY"
FIELD_NUMBER, FIELD_NAME = "FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED", "FIELD_NO_DELETE_UNLESS_NAME_RESERVED"
VALUE_NUMBER, VALUE_NAME = "ENUM_VALUE_NO_DELETE_UNLESS_NUMBER_RESERVED", "ENUM_VALUE_NO_DELETE_UNLESS_NAME_RESERVED"
ONCE = {JSON_TYPE: WIRE_TYPE, JSON_CARD: WIRE_CARD, FIELD_NAME: FIELD_NUMBER, VALUE_NAME: VALUE_NUMBER}
RENAMED = ["FIELD_SAME_JSON_NAME", "FIELD_SAME_NAME"]


def message(fields):
    return f"message M {{\n  {fields}\n}}\n"


def enum(values):
    return f"enum E {{\n  {values}\n}}\nmessage UsesE {{ E e = 1; }}\n"


def service(rpcs, more=""):
    return f"message In {{ int64 id = 1; }}\nmessage Out {{ int64 id = 1; }}\nmessage Other {{ int64 id = 1; }}\n{more}" \
           f"service S {{\n  {rpcs}\n}}\n"


def typed(one, other):
    return message(f"{one} a = 1;"), message(f"{other} a = 1;")


def extension(before, after):
    """An extension's declaration before and after; it is number 100 of M."""
    head = "message M { extensions 100 to max; }\nmessage N { optional int32 a = 1; }\nenum E { A = 0; B = 1; }\n"
    return tuple(f"{head}extend M {{\n  {e}\n}}\n" for e in (before, after))


RPC = "rpc Get(In) returns (Out);"
NESTED = "message M { message N { int32 a = 1; } N n = 1; }\n"

# name: before, after, rules; "2:" before the name: proto2
CASES = {
    "same": (message("int32 a = 1;"), message("int32 a = 1;"), []),
    "comment": (message("int32 a = 1;"), message("// other\n  int32 a = 1; // words"), []),
    "order": (message("int32 a = 1; int32 b = 2;"), message("int32 b = 2;\n  int32 a = 1;"), []),
    "field_added": (message("int32 a = 1;"), message("int32 a = 1; string b = 2;"), []),
    "field_gone": (message("int32 a = 1; int32 b = 2;"), message("int32 a = 1;"), [FIELD_NUMBER]),
    "field_reserved": (message("int32 a = 1; int32 b = 2;"), message('int32 a = 1; reserved 2; reserved "b";'), []),
    "field_number_reserved": (message("int32 a = 1; int32 b = 2;"), message("int32 a = 1; reserved 2 to 9;"), [FIELD_NAME]),
    "field_name_reserved": (message("int32 a = 1; int32 b = 2;"), message('int32 a = 1; reserved "b";'), [FIELD_NUMBER]),
    "field_renumbered": (message("int32 a = 1;"), message("int32 a = 2;"), [FIELD_NUMBER]),
    "field_renamed": (message("int32 a = 1;"), message("int32 b = 1;"), RENAMED),
    "field_renamed_same_json": (message("int32 a_b = 1;"), message("int32 aB = 1;"), ["FIELD_SAME_NAME"]),
    "field_json_name": (message("int32 a = 1;"), message('int32 a = 1 [json_name = "x"];'), ["FIELD_SAME_JSON_NAME"]),
    "fields_swapped": (message("int32 a = 1; int32 b = 2;"), message("int32 b = 1;\n  int32 a = 2;"), RENAMED * 2),
    "int32_int64": (*typed("int32", "int64"), [JSON_TYPE]),
    "int32_uint32": (*typed("int32", "uint32"), []),
    "int64_uint64": (*typed("int64", "uint64"), []),
    "int32_sint32": (*typed("int32", "sint32"), [WIRE_TYPE]),
    "sint32_sint64": (*typed("sint32", "sint64"), [JSON_TYPE]),
    "int32_bool": (*typed("int32", "bool"), [JSON_TYPE]),
    "int64_string": (*typed("int64", "string"), [WIRE_TYPE]),
    "int32_fixed32": (*typed("int32", "fixed32"), [WIRE_TYPE]),
    "fixed32_sfixed32": (*typed("fixed32", "sfixed32"), []),
    "fixed32_fixed64": (*typed("fixed32", "fixed64"), [WIRE_TYPE]),
    "fixed64_sfixed64": (*typed("fixed64", "sfixed64"), []),
    "fixed64_double": (*typed("fixed64", "double"), [WIRE_TYPE]),
    "float_double": (*typed("float", "double"), [WIRE_TYPE]),
    "string_bytes": (*typed("string", "bytes"), [JSON_TYPE]),
    "bytes_string": (*typed("bytes", "string"), [WIRE_TYPE]),
    "repeated": (*typed("int32", "repeated int32"), [WIRE_CARD]),
    "not_repeated": (*typed("repeated string", "string"), [WIRE_CARD]),
    "optional": (*typed("int32", "optional int32"), []),
    "map": (message("map<string, int32> a = 1;"), message("map<string, string> a = 1;"), [WIRE_TYPE]),
    "map_of_other_key": (message("map<int32, int32> a = 1;"), message("map<int64, int32> a = 1;"), [JSON_TYPE]),
    "map_from_list": ("message P { string key = 1; int32 value = 2; }\n" + message("repeated P a = 1;"),
                      "message P { string key = 1; int32 value = 2; }\n" + message("map<string, int32> a = 1;"),
                      [JSON_CARD, WIRE_TYPE]),
    "into_oneof": (message("int32 a = 1; int32 b = 2;"), message("oneof o { int32 a = 1; } int32 b = 2;"), ["FIELD_SAME_ONEOF"]),
    "out_of_oneof": (message("oneof o { int32 a = 1; int32 b = 2; }"), message("int32 a = 1;\n  oneof o { int32 b = 2; }"),
                     ["FIELD_SAME_ONEOF"]),
    "other_oneof": (message("oneof o { int32 a = 1; }"), message("oneof p { int32 a = 1; }"), ["FIELD_SAME_ONEOF"]),
    "optional_into_oneof": (message("optional int32 a = 1;"), message("oneof o { int32 a = 1; }"), ["FIELD_SAME_ONEOF"]),
    "other_message": ("message X { int32 a = 1; }\nmessage Y { int32 a = 1; }\n" + message("X a = 1;"),
                      "message X { int32 a = 1; }\nmessage Y { int32 a = 1; }\n" + message("Y a = 1;"), [WIRE_TYPE]),
    "message_to_bytes": ("message X { int32 a = 1; }\n" + message("X a = 1;"),
                         "message X { int32 a = 1; }\n" + message("bytes a = 1;"), [WIRE_TYPE]),
    "nested": (NESTED, NESTED.replace("int32 a", "string a"), [WIRE_TYPE]),
    "nested_gone": (NESTED, "message M { message O { int32 a = 1; } O n = 1; }\n", [WIRE_TYPE]),
    "message_gone": (message("int32 a = 1;") + "message Gone { int32 a = 1; }\n", message("int32 a = 1;"), []),
    "enum_to_int": ("enum E { A = 0; }\n" + message("E e = 1;"), "enum E { A = 0; }\n" + message("int32 e = 1;"), [WIRE_TYPE]),
    "enum_same_elsewhere": ("enum E { A = 0; }\n" + message("E e = 1;"),
                            "message In { enum E { A = 0; B = 1; } }\n" + message("In.E e = 1;"), []),
    "enum_other_elsewhere": ("enum E { A = 0; B = 1; }\n" + message("E e = 1;"),
                             "message In { enum E { A = 0; } }\n" + message("In.E e = 1;"), [WIRE_TYPE]),
    "enum_other_name": ("enum E { A = 0; }\n" + message("E e = 1;"), "enum F { A = 0; }\n" + message("F e = 1;"), [WIRE_TYPE]),
    "value_added": (enum("A = 0; B = 1;"), enum("A = 0; B = 1; C = 2;"), []),
    "value_gone": (enum("A = 0; B = 1;"), enum("A = 0;"), [VALUE_NUMBER]),
    "value_reserved": (enum("A = 0; B = 1;"), enum('A = 0; reserved 1; reserved "B";'), []),
    "value_number_reserved": (enum("A = 0; B = 1;"), enum("A = 0; reserved 1;"), [VALUE_NAME]),
    "value_renamed": (enum("A = 0; B = 1;"), enum("A = 0;\n  C = 1;"), ["ENUM_VALUE_SAME_NAME"]),
    "value_renumbered": (enum("A = 0; B = 1;"), enum("A = 0; B = 2;"), [VALUE_NUMBER]),
    "alias_gone": (enum("option allow_alias = true; A = 0; B = 1; C = 1;"), enum("A = 0;\n  B = 1;"), ["ENUM_VALUE_SAME_NAME"]),
    "aliases_gone": (enum("option allow_alias = true; A = 0; B = 1; C = 1;"), enum("A = 0; reserved 1;"), [VALUE_NAME]),
    "alias_added": (enum("A = 0; B = 1;"), enum("option allow_alias = true; A = 0; B = 1; C = 1;"), []),
    "reserved_number_used": (message("int32 a = 1; reserved 2;"), message("int32 a = 1; int32 b = 2;"),
                             ["RESERVED_MESSAGE_NO_DELETE"]),
    "reserved_ranges": (message("int32 a = 1; reserved 3 to 9, 12, 20 to max;"), message("int32 a = 1; reserved 3, 5 to 8, 30 to max;"),
                        ["RESERVED_MESSAGE_NO_DELETE"] * 3),
    "reserved_merged": (message("int32 a = 1; reserved 3, 4, 5;"), message("int32 a = 1; reserved 2 to 6;"), []),
    "reserved_name_gone": (message('int32 a = 1; reserved "b", "c";'), message('int32 a = 1; reserved "c";'),
                           ["RESERVED_MESSAGE_NO_DELETE"]),
    "reserved_of_enum": (enum('A = 0; reserved -5 to -1, 7 to max; reserved "B";'), enum("A = 0; reserved -4 to -2;"),
                         ["RESERVED_ENUM_NO_DELETE"] * 3),
    "rpc_added": (service(RPC), service(RPC + "\n  rpc Put(In) returns (Out);"), []),
    "rpc_gone": (service(RPC + "\n  rpc Put(In) returns (Out);"), service(RPC), ["RPC_NO_DELETE"]),
    "rpc_renamed": (service(RPC), service("rpc Fetch(In) returns (Out);"), ["RPC_NO_DELETE"]),
    "rpc_request": (service(RPC), service("rpc Get(Other) returns (Out);"), ["RPC_SAME_REQUEST_TYPE"]),
    "rpc_reply": (service(RPC), service("rpc Get(In) returns (Other);"), ["RPC_SAME_RESPONSE_TYPE"]),
    "rpc_client_stream": (service(RPC), service("rpc Get(stream In) returns (Out);"), ["RPC_SAME_CLIENT_STREAMING"]),
    "rpc_server_stream": (service("rpc Get(In) returns (stream Out);"), service(RPC), ["RPC_SAME_SERVER_STREAMING"]),
    "rpc_bidi": (service(RPC), service("rpc Get(stream In) returns (stream Out);"),
                 ["RPC_SAME_CLIENT_STREAMING", "RPC_SAME_SERVER_STREAMING"]),
    "rpc_idempotent": (service(RPC), service("rpc Get(In) returns (Out) { option idempotency_level = NO_SIDE_EFFECTS; }"),
                       ["RPC_SAME_IDEMPOTENCY_LEVEL"]),
    "service_added": (service(RPC), service(RPC) + "service T { rpc Get(In) returns (Out); }\n", []),
    "service_gone": (service(RPC) + "service T { rpc Put(In) returns (Out); }\n", service(RPC), ["PACKAGE_SERVICE_NO_DELETE"]),
    "2:default": (message("optional int32 a = 1 [default = 3];"), message("optional int32 a = 1 [default = 4];"),
                  ["FIELD_SAME_DEFAULT"]),
    "2:default_gone": (message('optional string a = 1 [default = "x"];'), message("optional string a = 1;"), ["FIELD_SAME_DEFAULT"]),
    "2:default_zero": (message("optional int32 a = 1;"), message("optional int32 a = 1 [default = 0];"), []),
    "2:default_of_enum": ("enum E { A = 0; B = 1; }\n" + message("optional E a = 1 [default = B];"),
                          "enum E { A = 0; B = 1; }\n" + message("optional E a = 1;"), ["FIELD_SAME_DEFAULT"]),
    "2:default_other_kind": (message("optional int32 a = 1 [default = 1];"), message("optional bool a = 1 [default = true];"),
                             [JSON_TYPE]),
    "2:default_wide": (message("optional uint64 a = 1 [default = 18446744073709551615];"),
                       message("optional uint64 a = 1 [default = 18446744073709551614];"), ["FIELD_SAME_DEFAULT"]),
    "2:default_float": (message("optional double a = 1 [default = 0.5];"), message("optional double a = 1 [default = 5e-1];"), []),
    "2:required_added": (message("optional int32 a = 1;"), message("optional int32 a = 1; required int32 b = 2;"),
                         ["MESSAGE_SAME_REQUIRED_FIELDS"]),
    "2:required_gone": (message("optional int32 a = 1; required int32 b = 2;"), message("optional int32 a = 1; reserved 2; reserved \"b\";"),
                        ["MESSAGE_SAME_REQUIRED_FIELDS"]),
    "2:ext_same": (*extension("optional int32 a = 100;", "optional int32 a = 100;"), []),
    "2:ext_gone": (*extension("optional int32 a = 100; optional int32 b = 101;", "optional int32 b = 101;"), []),
    "2:ext_renumbered": (*extension("optional int32 a = 100;", "optional int32 a = 101;"), []),
    "2:ext_typed": (*extension("optional int32 a = 100;", "optional string a = 100;"), [WIRE_TYPE]),
    "2:ext_json": (*extension("optional int32 a = 100;", "optional int64 a = 100;"), [JSON_TYPE]),
    "2:ext_renamed": (*extension("optional int32 a = 100;", "optional int32 b = 100;"), ["FIELD_SAME_NAME"]),
    "2:ext_json_name": (*extension("optional int32 a_b = 100;", 'optional int32 a_b = 100 [deprecated = true];'), []),
    "2:ext_repeated": (*extension("optional int32 a = 100;", "repeated int32 a = 100;"), [WIRE_CARD]),
    "2:ext_packed": (*extension("repeated int32 a = 100;", "repeated int32 a = 100 [packed = true];"), []),
    "2:ext_default": (*extension("optional int32 a = 100 [default = 1];", "optional int32 a = 100 [default = 2];"), ["FIELD_SAME_DEFAULT"]),
    "2:ext_enum": (*extension("optional E a = 100;", "optional int32 a = 100;"), [WIRE_TYPE]),
    "2:ext_message": (*extension("optional N a = 100;", "optional M a = 100;"), [WIRE_TYPE]),
    "2:ext_nested": ("message M { extensions 100 to max; }\nmessage N { message O {\n  extend M { optional int32 a = 100; } } }\n",
                     "message M { extensions 100 to max; }\nmessage N { message O {\n  extend M { optional sint32 a = 100; } } }\n", [WIRE_TYPE]),
    "2:ext_into_message": ("message M { extensions 100 to max; }\nextend M { optional int32 a = 100; }\n",
                           "message M { extensions 100 to max; }\nmessage N {\n  extend M { optional int32 a = 100; } }\n", ["FIELD_SAME_NAME"]),
    "2:ext_moved": ("message M { extensions 100 to max; }\nmessage N { extend M { optional int32 a = 100; } }\nmessage O {}\n",
                    "message M { extensions 100 to max; }\nmessage N {}\nmessage O {\n  extend M { optional string b = 100; } }\n",
                    [WIRE_TYPE, "FIELD_SAME_NAME"]),
    "2:ext_range_gone": ("message M { extensions 100 to 200; }\n", "message M { extensions 100 to 150; }\n", []),
    "3:ext_of_options": ('import "google/protobuf/descriptor.proto";\nextend google.protobuf.FieldOptions { int32 a = 50001; }\n',
                         'import "google/protobuf/descriptor.proto";\nextend google.protobuf.FieldOptions {\n  string a = 50001; }\n', [WIRE_TYPE]),
    "3:ext_optional": ('import "google/protobuf/descriptor.proto";\nextend google.protobuf.FieldOptions { int32 a = 50002; }\n',
                       'import "google/protobuf/descriptor.proto";\nextend google.protobuf.FieldOptions { optional int32 a = 50002; }\n', []),
    "2:required": (message("optional int32 a = 1;"), message("required int32 a = 1;"), ["MESSAGE_SAME_REQUIRED_FIELDS", WIRE_CARD]),
}


def write(folder, name, text):
    syntax, _, bare = name.rpartition(":")
    path = folder / f"{bare}.proto"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'syntax = "proto{syntax or 3}";\npackage c.{bare};\n{text}')
    return path


def bare(name):
    return name.rpartition(":")[2]


before, after = pathlib.Path("before"), pathlib.Path("after")
for name, (old, new, _) in CASES.items():
    write(before, name, old)
    write(after, name, new)
# Across files: a package that moved, a message in another file of its package, a file that went.
for folder, package in ((before, "p"), (after, "q")):
    write(folder, "package", message("int32 a = 1;")).write_text(
        f'syntax = "proto3";\n\npackage c.{package};\n{service(RPC)}')
(before / "from.proto").write_text('syntax = "proto3";\npackage c.moved;\n' + message("int32 a = 1;") + "message Stays { M m = 1; }\n")
(before / "to.proto").write_text('syntax = "proto3";\npackage c.moved;\nmessage Here { int32 a = 1; }\n')
(after / "from.proto").write_text('syntax = "proto3";\npackage c.moved;\nimport "to.proto";\nmessage Stays { M m = 1; }\n')
(after / "to.proto").write_text('syntax = "proto3";\npackage c.moved;\nmessage Here { int32 a = 1; }\n' + message("string a = 1;"))
# An extension that goes to another file.
EXTENDED = 'syntax = "proto2";\npackage c.ext_moves;\nmessage M { extensions 100 to max; }\n'
(before / "ext_from.proto").write_text(EXTENDED + "extend M { optional int32 a = 100; }\n")
(before / "ext_to.proto").write_text('syntax = "proto2";\npackage c.ext_moves;\nmessage Here { optional int32 a = 1; }\n')
(after / "ext_from.proto").write_text(EXTENDED)
(after / "ext_to.proto").write_text('syntax = "proto2";\npackage c.ext_moves;\nimport "ext_from.proto";\nmessage Here { optional int32 a = 1; }\n'
                                    "extend M {\n  optional string a = 100;\n}\n")
EXPECTED = {f"{bare(name)}.proto": sorted(rules) for name, (_, _, rules) in CASES.items()}
EXPECTED.update({"package.proto": ["FILE_SAME_PACKAGE", "PACKAGE_SERVICE_NO_DELETE"], "from.proto": [], "to.proto": [WIRE_TYPE],
                 "ext_from.proto": [], "ext_to.proto": [WIRE_TYPE]})
GONE = {"package.proto": "PACKAGE_SERVICE_NO_DELETE"}  # nothing is left of the package: buf says so only by PACKAGE_NO_DELETE

# ---- buf ----

for folder in (before, after):
    e2e.run("protoc", f"-I{folder}", "--include_imports", "--include_source_info", f"--descriptor_set_out={folder}.binpb",
            *sorted(p.name for p in folder.glob("*.proto")))
config = json.dumps({"version": "v2", "breaking": {"use": RULES}})
done = e2e.run(BUF, "breaking", "after.binpb", "--against", "before.binpb", "--config", config, "--error-format", "json", env=ENV, check=100)
by_buf = []
for line in done.stdout.splitlines():
    said = json.loads(line)
    text = re.sub(r" (See https://|Note that while).*", "", said["message"]).rstrip(".").replace('"q moved', '" moved')  # a slip of 1.75
    by_buf.append((said.get("path", ""), said["start_line"], said["type"], text))


def subject(text):
    return re.sub(r" (changed|without|moved) .*", "", text)


told = {(path, rule, subject(text)) for path, _, rule, text in by_buf}
by_buf = [f for f in by_buf if (f[0], ONCE.get(f[2]), subject(f[3])) not in told]

# ---- c-svc ----

e2e.run("c-svc", "new-service", "compat", "--storage", "none", "-I", before,
        *(word for path in sorted(before.glob("*.proto")) for word in ("--proto", path)))
home = pathlib.Path("compat")
recorded = (home / ".c-svc/descriptors.pb").read_bytes()
for path in after.glob("*.proto"):
    (home / "proto" / path.name).write_text(path.read_text())
done = e2e.run("c-svc", "generate", cwd=home)
by_us = []
for path, line, text, rule in re.findall(r"^proto/([^:\n]+)(?::(\d+):\d+)?: warning: (.*) \[([A-Z_]+)\]$", done.stderr, re.M):
    by_us.append((path, int(line or 1), rule, text))

# ---- beside each other ----

for name, rules in EXPECTED.items():
    ours = sorted(f for f in by_us if f[0] == name)
    theirs = sorted(f for f in by_buf if f[0] == name)
    e2e.equal(sorted(f[2] for f in ours), rules, f"rules that c-svc names for {name}")
    ours = [f for f in ours if f[2] != GONE.get(name)]
    if any(f[2] == "PACKAGE_SERVICE_NO_DELETE" for f in ours):  # buf has no line for it
        ours = [(f[0], 1, *f[2:]) if f[2] == "PACKAGE_SERVICE_NO_DELETE" else f for f in ours]
    e2e.equal(ours, theirs, f"{name}, by c-svc (got) and by buf (expected)")
e2e.equal(sorted({f[0] for f in by_us}), sorted(n for n, rules in EXPECTED.items() if rules), "files with findings")
if "reserved 2; reserved \"b\";" not in done.stderr:
    e2e.fail("no note says what to reserve")
e2e.equal((home / ".c-svc/descriptors.pb").read_bytes(), recorded, "generate changed what later protos are compared with")

# What c-svc keeps is what protoc would make, without the places; buf reads it as it is.
config = json.dumps({"version": "v2", "breaking": {"use": ["FILE"]}})
e2e.run(BUF, "breaking", "before.binpb", "--against", f"{home}/.c-svc/descriptors.pb#format=binpb", "--config", config, env=ENV)
print(f"{len(EXPECTED)} changes, {len(by_us)} findings; {len(by_buf)} of buf")
