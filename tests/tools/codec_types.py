#!/usr/bin/env python3
"""Makes the messages of the codec's tests and of its benchmark: codec*.pb-c.[ch], codec_*types.[ch].

Run by hand, from the top of the tree, when one of the protos (SETS, below) or csvc_message_type changed:

    tests/tools/codec_types.py          needs protoc, protoc-gen-c and Python's protobuf

It does not share a line with protoc-gen-c-svc, so what the two make of one proto can be compared.
The well-known types go into flat files (codec_any.pb-c.h), beside those of the tests.
"""
import os
import re
import subprocess
import sys
import tempfile

from google.protobuf import descriptor_pb2
from google.protobuf.compiler import plugin_pb2

# folder of the output, folder of the protos, the protos, name of the tables
SETS = [
    ("tests/unit/support", "tests/unit/support/proto", ["codec2.proto", "codec3.proto", "codec_wkt.proto"],
     "codec_types"),
    ("tests/bench/support", "tests/bench/support", ["codec_bench.proto"], "codec_bench_types"),
]
WELL_KNOWN = {
    "Any": "ANY", "Timestamp": "TIMESTAMP", "Duration": "DURATION", "Empty": "EMPTY", "Struct": "STRUCT",
    "Value": "VALUE", "ListValue": "LIST_VALUE", "FieldMask": "FIELD_MASK",
}
KEYWORDS = {"struct", "double", "default", "union", "bool", "float", "enum", "case", "null"} - {"null"}
F = descriptor_pb2.FieldDescriptorProto


def camel(part):
    """protobuf-c's name of a type: foo_bar and FooBar are FooBar."""
    return "".join(w[:1].upper() + w[1:] for w in part.split("_"))


def lower(part):
    """protobuf-c's name of a function: FooBar is foo_bar, MTextEntry is mtext_entry."""
    out, was_upper = "", True
    for c in part:
        if c.isupper() and not was_upper:
            out += "_"
        was_upper = c.isupper()
        out += c.lower()
    return out


def json_camel(name):
    return re.sub(r"_(.)", lambda m: m.group(1).upper(), name).replace("_", "")


class Message:
    def __init__(self, file, full, proto, syntax):
        self.file, self.full, self.proto, self.syntax = file, full, proto, syntax
        parts = full.split(".")
        self.c_type = "__".join(camel(p) for p in parts)
        self.c_name = "__".join(lower(p) for p in parts)
        self.fields = sorted(proto.field, key=lambda f: f.number)
        self.required = any(f.label == F.LABEL_REQUIRED for f in self.fields)

    def init(self):
        return self.c_name.upper() + "__INIT"


def collect(files):
    messages, enums = {}, {}

    def walk(file, prefix, proto, syntax):
        full = prefix + "." + proto.name
        messages[full] = Message(file, full, proto, syntax)
        for sub in proto.nested_type:
            walk(file, full, sub, syntax)
        for enum in proto.enum_type:
            enums[full + "." + enum.name] = syntax

    for file in files:
        syntax = 3 if file.syntax == "proto3" else 2
        for proto in file.message_type:
            walk(file.name, file.package, proto, syntax)
        for enum in file.enum_type:
            enums[file.package + "." + enum.name] = syntax
    changed = True
    while changed:  # CSVC_MESSAGE_REQUIRED is about the messages within, too
        changed = False
        for m in messages.values():
            if not m.required and any(
                    f.type == F.TYPE_MESSAGE and messages[f.type_name[1:]].required for f in m.fields):
                m.required = changed = True
    return messages, enums


def field_row(m, f, messages, enums):
    name = f.name.lower()
    if name in KEYWORDS:
        name += "_"
    kind = F.Type.Name(f.type)[5:]
    flags, sub, label, quantifier = [], "NULL", None, "0"
    if f.type == F.TYPE_MESSAGE:
        target = messages[f.type_name[1:]]
        sub = "&%s__type" % target.c_name
        if target.proto.options.map_entry:
            flags.append("CSVC_FIELD_MAP")
    if f.type == F.TYPE_ENUM:
        sub = "&%s__descriptor" % "__".join(lower(p) for p in f.type_name[1:].split("."))
        if enums[f.type_name[1:]] == 2:
            flags.append("CSVC_FIELD_CLOSED_ENUM")
    if f.type == F.TYPE_STRING and m.syntax == 3:
        flags.append("CSVC_FIELD_UTF8")
    scalar = f.type not in (F.TYPE_STRING, F.TYPE_BYTES, F.TYPE_MESSAGE)
    if f.label == F.LABEL_REPEATED:
        label, quantifier = "REPEATED", "offsetof(%s, n_%s)" % (m.c_type, name)
        packed = f.options.packed if f.options.HasField("packed") else m.syntax == 3
        if scalar and packed:
            flags.append("CSVC_FIELD_PACKED")
    elif f.HasField("oneof_index"):
        oneof = m.proto.oneof_decl[f.oneof_index].name.lower()
        label, quantifier = "ONEOF", "offsetof(%s, %s_case)" % (m.c_type, oneof)
        if f.proto3_optional:
            flags.append("CSVC_FIELD_PRESENCE")
    elif f.label == F.LABEL_REQUIRED:
        label = "REQUIRED"
    elif m.syntax == 3 and f.type != F.TYPE_MESSAGE:
        label = "IMPLICIT"
    else:
        label = "OPTIONAL"
        if f.type not in (F.TYPE_STRING, F.TYPE_MESSAGE):
            quantifier = "offsetof(%s, has_%s)" % (m.c_type, name)
        if f.type == F.TYPE_STRING and f.HasField("default_value"):
            flags.append("CSVC_FIELD_PTR_DEFAULT")
    return "    {%d, offsetof(%s, %s), %s, CSVC_KIND_%s, CSVC_LABEL_%s, %s, %s}," % (
        f.number, m.c_type, name, quantifier, kind, label, " | ".join(flags) or "0", sub)


def message_tables(m, messages, enums):
    out = ["static const %s %s__initial = %s;" % (m.c_type, m.c_name, m.init())]
    fields = "NULL"
    if m.fields:
        fields = m.c_name + "__fields"
        out.append("static const csvc_field %s[] = {" % fields)
        out += [field_row(m, f, messages, enums) for f in m.fields]
        out.append("};")
    json_names = "NULL"
    if any(f.json_name != json_camel(f.name) for f in m.fields):
        json_names = m.c_name + "__json_names"
        rows = ['"%s"' % f.json_name if f.json_name != json_camel(f.name) else "NULL" for f in m.fields]
        out.append("static const char *const %s[] = {%s};" % (json_names, ", ".join(rows)))
    dense = 0
    while dense < len(m.fields) and m.fields[dense].number == dense + 1:
        dense += 1
    known = "NONE"
    if m.full.startswith("google.protobuf."):
        known = WELL_KNOWN.get(m.proto.name, "WRAPPER" if m.proto.name in (
            "DoubleValue", "FloatValue", "Int64Value", "UInt64Value", "Int32Value", "UInt32Value",
            "BoolValue", "StringValue", "BytesValue") else "NONE")
    flags = (["CSVC_MESSAGE_MAP_ENTRY"] if m.proto.options.map_entry else []) + \
        (["CSVC_MESSAGE_REQUIRED"] if m.required else [])
    out += [
        "const csvc_message_type %s__type = {" % m.c_name,
        "    .struct_size = sizeof(csvc_message_type),",
        "    .size = sizeof(%s)," % m.c_type,
        "    .n_fields = %d," % len(m.fields),
        "    .n_dense = %d," % dense,
        "    .syntax = %d," % m.syntax,
        "    .well_known = CSVC_WKT_%s," % known,
        "    .flags = %s," % (" | ".join(flags) or "0"),
        "    .descriptor = &%s__descriptor," % m.c_name,
        "    .initial = &%s__initial," % m.c_name,
        "    .fields = %s," % fields,
        "    .json_names = %s," % json_names,
        "};", ""]
    return out


def flat(name):
    return "codec_" + name.split("/")[-1] if name.startswith("google/") else name


def make(support, here, protos, tables):
    with tempfile.TemporaryDirectory() as scratch:
        out = os.path.join(scratch, "set")
        subprocess.run(["protoc", "-I", here, "--include_imports", "-o", out] + protos, check=True)
        files = descriptor_pb2.FileDescriptorSet.FromString(open(out, "rb").read()).file
    messages, enums = collect(files)

    request = plugin_pb2.CodeGeneratorRequest()
    for file in files:
        copy = request.proto_file.add()
        copy.CopyFrom(file)
        copy.name = flat(file.name)
        copy.dependency[:] = [flat(d) for d in file.dependency]
        for message in copy.message_type:  # what protoc-gen-c refuses, as what it is: a oneof of one
            for field in message.field:
                field.ClearField("proto3_optional")
        request.file_to_generate.append(copy.name)
    answer = subprocess.run(["protoc-gen-c"], input=request.SerializeToString(), check=True,
                            stdout=subprocess.PIPE).stdout
    response = plugin_pb2.CodeGeneratorResponse.FromString(answer)
    if response.error:
        sys.exit(response.error)
    for file in response.file:
        with open(os.path.join(support, file.name), "w") as f:
            if file.name.endswith(".h"):  # an INIT with a oneof that begins with bytes warns
                f.write('#pragma GCC diagnostic ignored "-Wmissing-braces"\n')
            f.write(re.sub(r"[ \t]+\n", "\n", file.content))

    header, source = (os.path.join(support, tables + end) for end in (".h", ".c"))
    guard = "TESTS_%s_H" % tables.upper()
    head = "/* Made by tests/tools/codec_types.py; do not edit. */\n"
    with open(header, "w") as f:
        f.write(head + "#ifndef %s\n#define %s\n\n#include <csvc/message.h>\n\n" % (guard, guard))
        f.write("".join('#include "%s"\n' % flat(x.name).replace(".proto", ".pb-c.h") for x in files))
        f.write("\n" + "".join("extern const csvc_message_type %s__type;\n" % m.c_name for m in messages.values()))
        f.write("\n#endif /* %s */\n" % guard)
    with open(source, "w") as f:
        f.write(head + '#include "%s.h"\n\n' % tables)
        for m in messages.values():
            f.write("\n".join(message_tables(m, messages, enums)) + "\n")
    subprocess.run(["clang-format-14", "-i", header, source], check=True)


for one in SETS:
    make(*one)
