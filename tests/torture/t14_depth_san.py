#!/usr/bin/env python3
"""T14: messages within messages, 100, 101, 10,000 and a million deep: in binary (messages, groups nobody knows, Struct, what
is in an Any) as a request of each kind. A hundred are taken, more is INTERNAL, the workers' stack of 256 KiB suffices, and the next
good call works. JSON: unit/json_read."""
import os
import sys
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/torture/support")
import h2
import torture
from torture import e2e, OK, INTERNAL

DEEPEST = 1_000_000


def varint(n):
    out = bytearray()
    while n > 0x7f:
        out.append(n & 0x7f | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def nested(depth, *fields, core=b""):
    """`fields` in turn, one within the other, `depth` levels of them; from the inside out, sizes first."""
    out, size = [core], len(core)
    for level in range(depth):
        tag = varint(fields[(depth - 1 - level) % len(fields)] << 3 | 2)
        head = tag + varint(size)
        out.append(head)
        size += len(head)
    return b"".join(reversed(out))


def groups(depth):
    """A field nobody knows: groups within groups, opened and closed."""
    return b"\xa3\x06" * depth + b"\xa4\x06" * depth


# what, and the bytes at a depth
BOMBS = [
    ("messages", lambda n: nested(n, 1)),
    ("lists of values", lambda n: nested(1, 2, core=nested(n - 1, 6, 1))),   # Tree.value, Value.list_value, ListValue.values
    ("structs", lambda n: nested(1, 2, core=nested(n - 1, 5, 1, 2))),        # Value.struct_value, Struct.fields, the entry's value
    ("groups nobody knows", groups),
]


def depth_of(address, data, rpc="Depth"):
    with h2.Connection(address) as c:
        c.call(1, torture.SERVICE + rpc, h2.message(data))
        # a request of some MiB needs the server's window
        return c.finish(1, 60)[0]


def bombs(server):
    for what, make in BOMBS:
        for depth, right in ((1, OK), (50, OK), (99, OK), (100, OK), (101, INTERNAL), (10_000, INTERNAL), (DEEPEST, INTERNAL)):
            got = depth_of(server.address, make(depth))
            e2e.equal(got, right, f"{what}, {depth} deep")
            e2e.equal(depth_of(server.address, make(50)), OK, f"a good call after {what}, {depth} deep")
    for rpc in ("Fast", "Up", "Both", "BothDetached", "Down"):
        one = b"\x08\x01"
        e2e.equal(depth_of(server.address, one + nested(10_000, 30), rpc), OK, f"bytes that nobody looks into, {rpc}")
        e2e.equal(depth_of(server.address, one + groups(10_000), rpc), INTERNAL, f"groups, {rpc}")
    # an Any is bytes until somebody unpacks it
    e2e.equal(depth_of(server.address, nested(1, 3, core=nested(1, 2, core=nested(10_000, 1)))), OK, "what is in an Any")


with torture.Server("--grpc-max-message-bytes", str(16 * torture.MIB)) as server:
    server.warm_by(lambda: bombs(server))
