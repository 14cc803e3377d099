#!/usr/bin/env python3
"""Our codec beside Python's protobuf: what both read, both must mean the same by, on the wire and as JSON.

Thousands of messages, random ones and broken ones, from a fixed seed. What only one of the two reads must have a
reason that is listed here.
"""
import sys
sys.path.insert(0, __import__("os").environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e

PEER = r'''
import random, struct, subprocess, sys
from google.protobuf import json_format, unknown_fields
import codec2_pb2, codec3_pb2, codec_wkt_pb2

ROUNDS = int(sys.argv[2])
TYPES = [codec3_pb2.All, codec2_pb2.All, codec2_pb2.Required, codec_wkt_pb2.Known, codec3_pb2.Deep]
# what only Python accepts: C's strings end at a NUL, and it looks for required fields when it writes
STRICTER = ("a NUL within a string", "a required field is missing")
rng = random.Random(20260101)
filter_ = subprocess.Popen([sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

def answer():
    length = struct.unpack("<I", filter_.stdout.read(4))[0]
    return filter_.stdout.read(length)

def ours(index, data):
    filter_.stdin.write(struct.pack("<BI", index, len(data)) + data)
    filter_.stdin.flush()
    return answer().decode(), answer(), answer().decode()

def scalar(f):
    F = type(f)
    edge = rng.random() < 0.5
    if f.type in (F.TYPE_INT32, F.TYPE_SINT32, F.TYPE_SFIXED32):
        return rng.choice([0, 1, -1, 2**31 - 1, -2**31, 127, 128]) if edge else rng.randint(-2**31, 2**31 - 1)
    if f.type in (F.TYPE_INT64, F.TYPE_SINT64, F.TYPE_SFIXED64):
        return rng.choice([0, 1, -1, 2**63 - 1, -2**63]) if edge else rng.randint(-2**63, 2**63 - 1)
    if f.type in (F.TYPE_UINT32, F.TYPE_FIXED32):
        return rng.choice([0, 1, 2**32 - 1]) if edge else rng.randint(0, 2**32 - 1)
    if f.type in (F.TYPE_UINT64, F.TYPE_FIXED64):
        return rng.choice([0, 1, 2**64 - 1]) if edge else rng.randint(0, 2**64 - 1)
    if f.type in (F.TYPE_FLOAT, F.TYPE_DOUBLE):
        x = rng.choice([0.0, -0.0, 1.5, float("inf"), float("-inf"), 5e-324, 1e308, 0.1]) if edge else rng.uniform(-1e9, 1e9)
        return x if f.type == F.TYPE_DOUBLE or abs(x) < 1e38 or x in (float("inf"), float("-inf")) else 0.1
    if f.type == F.TYPE_BOOL:
        return rng.random() < 0.5
    if f.type == F.TYPE_ENUM:
        return rng.choice([v.number for v in f.enum_type.values])
    if f.type == F.TYPE_STRING:
        return "".join(rng.choice("abcxyz_ éß€漢😀\"\\\n\t\x01/") for _ in range(rng.choice([0, 1, 3, 8, 40])))
    return bytes(rng.randrange(256) for _ in range(rng.choice([0, 1, 2, 3, 20])))

def fill(m, depth=0):
    known = m.DESCRIPTOR.full_name
    if known == "google.protobuf.Timestamp":
        m.seconds, m.nanos = rng.randint(-62135596800, 253402300799), rng.choice([0, 500000000, 1000, 1])
        return m
    if known == "google.protobuf.Duration":
        sign = rng.choice([1, -1])
        m.seconds, m.nanos = sign * rng.randint(0, 315575999999), sign * rng.choice([0, 250000000, 1000, 999999999])
        return m
    if known == "google.protobuf.FieldMask":
        m.paths.extend(rng.sample(["a", "user_id", "a.b_c", "x_y_z"], rng.randint(0, 3)))
        return m
    if known == "google.protobuf.Value" and depth > 3:
        m.bool_value = True
        return m
    if known == "google.protobuf.Any":
        return m
    for f in m.DESCRIPTOR.fields:
        if depth > 3 and f.message_type or rng.random() < (0.6 if depth else 0.5):
            if not f.is_required:
                continue
        if f.message_type and f.message_type.GetOptions().map_entry:
            key, value = f.message_type.fields_by_name["key"], f.message_type.fields_by_name["value"]
            for _ in range(rng.randint(0, 3)):
                if value.message_type:
                    fill(getattr(m, f.name)[scalar(key)], depth + 1)
                else:
                    getattr(m, f.name)[scalar(key)] = scalar(value)
        elif f.is_repeated:
            for _ in range(rng.choice([0, 1, 2, 5, 17])):
                if f.message_type:
                    fill(getattr(m, f.name).add(), depth + 1)
                else:
                    getattr(m, f.name).append(scalar(f))
        elif f.message_type:
            sub = getattr(m, f.name)
            sub.SetInParent()
            fill(sub, depth + 1)
        else:
            value = scalar(f)
            if known == "google.protobuf.Value" and f.name == "number_value" and value in (float("inf"), float("-inf")):
                value = 2.5
            setattr(m, f.name, value)
    if known == "google.protobuf.Value" and m.WhichOneof("kind") is None:
        m.null_value = 0  # none chosen prints as null, and comes back as that
    return m

def broken(data):
    data = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 5])):
        way = rng.randrange(6)
        at = rng.randrange(len(data) + 1)
        if way == 0 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif way == 1 and at < len(data):
            data[at] = rng.choice([0, 1, 0x7F, 0x80, 0xFF])
        elif way == 2:
            del data[at:at + rng.randint(1, 8)]
        elif way == 3:
            data[at:at] = bytes(rng.randrange(256) for _ in range(rng.randint(1, 4)))
        elif way == 4:
            data[at:at] = data[at:at + rng.randint(1, 30)]
        else:
            data += data[:at]
    return bytes(data)

def same(a, b):
    return a == b or a.SerializePartialToString(deterministic=True) == b.SerializePartialToString(deterministic=True)

def nothing_unknown(m):
    copy = type(m)()
    copy.CopyFrom(m)
    copy.DiscardUnknownFields()
    return copy

def odd_entries(m):
    """Whether Python put a map's entry among the unknown fields because there is an unknown one in it; we keep it."""
    maps = {f.number for f in m.DESCRIPTOR.fields if f.message_type and f.message_type.GetOptions().map_entry}
    if any(u.field_number in maps and u.wire_type == 2 for u in unknown_fields.UnknownFieldSet(m)):
        return True
    for f, value in m.ListFields():
        if f.message_type and not f.message_type.GetOptions().map_entry:
            if any(odd_entries(v) for v in (value if f.is_repeated else [value])):
                return True
        elif f.message_type and f.message_type.fields_by_name["value"].message_type:
            if any(odd_entries(v) for v in value.values()):
                return True
    return False

both = odd = only_python = neither = json_compared = 0
for i in range(ROUNDS):
    index = rng.randrange(len(TYPES))
    Type = TYPES[index]
    whole = i % 2 == 0
    data = fill(Type()).SerializePartialToString()
    if not whole:
        data = broken(data)
    why, encoded, json = ours(index, data)
    try:
        theirs = Type.FromString(data)
    except Exception:
        theirs = None
    where = f"round {i}, {Type.DESCRIPTOR.full_name} {data.hex()}"
    assert filter_.poll() is None, where
    if why:
        assert theirs is None or why.endswith(STRICTER), f"{where}: only Python reads it: {why}"
        only_python += theirs is not None
        neither += theirs is None
        continue
    assert theirs is not None, f"{where}: only we read it, as {encoded.hex()}"
    both += 1
    odd += not whole and odd_entries(theirs)
    assert (not whole and odd_entries(theirs)) or same(Type.FromString(encoded), theirs), f"{where}: became {encoded.hex()}"
    if whole:
        assert json, f"{where}: no JSON"
        back = json_format.Parse(json, Type())
        assert same(nothing_unknown(theirs), back), f"{where}: as JSON {json}"
        json_compared += 1
filter_.stdin.close()
assert filter_.wait() == 0
assert both > ROUNDS / 2 and neither > ROUNDS / 20 and json_compared > ROUNDS / 3 and odd < ROUNDS / 100, \
    (both, neither, json_compared, odd)
print(f"{both} read by both, {neither} by neither, {only_python} by Python only; {json_compared} compared as JSON")
'''

support = e2e.SOURCE / "tests/unit/support"
sources = [*sorted(support.glob("codec*.pb-c.c")), support / "codec_types.c"]
flags = e2e.run("pkg-config", "--cflags", "--libs", "libcsvc", "libprotobuf-c").stdout.split()
sanitize = [f"-fsanitize={e2e.SAN}"] if e2e.SAN else []
e2e.run("cc", "-g", "-O1", *sanitize, "-o", "codec_filter", f"-I{support}",
        e2e.SOURCE / "tests/e2e/support/codec_filter.c", *sources, *flags, f"-Wl,-rpath,{e2e.STAGE}/lib")
for proto in ("codec2.proto", "codec3.proto", "codec_wkt.proto"):
    e2e.run(e2e.PEERS / "python/bin/python", "-m", "grpc_tools.protoc", "-I", support / "proto", "--python_out=.", proto)
open("peer.py", "w").write(PEER)
print(e2e.run(e2e.PEERS / "python/bin/python", "peer.py", "./codec_filter", 20000, timeout=500).stdout, end="")
