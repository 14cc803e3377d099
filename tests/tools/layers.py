#!/usr/bin/env python3
"""The layer rule over #include: each part may include only what stands left of it. Prints every breach; exits 1 on any."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Layers of the runtime by height; the same height is sideways and not allowed.
LAYERS = {"base": 0, "codec": 1, "transport": 2, "rpc": 3, "std": 4, "interceptors": 4, "http": 4, "store": 4,
          "discovery": 4, "events": 4, "outbox": 5, "app": 6, "testing": 7}

# Within transport: seam (files of the folder itself) <- {net, tls} <- the transports, which do not know one another.
TRANSPORT = {"": 0, "net": 1, "tls": 1, "grpc_core": 2, "nghttp2": 2}

# Within a folder, where it is kept that fine: files (x.c and x.h are one) on floors, from the ground up; each may include only what lies on a
# lower one. What a lower one has to tell a higher one goes through a function pointer.
FLOORS = {"transport/nghttp2": ["ng memory out fields budget tls_socket",
                                "request tls_context queue",
                                "tls_session shared",
                                "loop counts settings inbox",
                                "conn",
                                "guard call",
                                "sieve send",
                                "receive",
                                "serve",
                                "session output",
                                "life",
                                "accept",
                                "server",
                                "transport"]}

# Which layer a public header belongs to.
PUBLIC = {"common": "base", "code": "base", "alloc": "base", "arena": "base", "log": "base", "metrics": "base", "health": "base", "message": "codec",
          "transport": "transport", "ctx": "rpc", "service": "rpc", "interceptor": "rpc", "server": "rpc",
          "client": "rpc", "stream": "rpc", "std": "std", "store": "store", "http": "http", "app": "app", "testing": "testing"}

# Foreign headers and the only folders that may include them.
FOREIGN = {"grpc/": ("runtime/transport/grpc_core/",), "nghttp2/": ("runtime/transport/nghttp2/",), "sqlite3.h": ("runtime/store/sqlite/",), "libwebsockets.h": ("runtime/http/",),
           "openssl/": ("runtime/transport/tls/", "runtime/transport/nghttp2/")}

# The steps of the generator, the same way. The engine (template) knows nothing of protobuf, the model nothing of templates.
STEPS = {"common": 0, "names": 0, "template": 0, "request": 1, "output": 1, "model": 2, "infer": 3, "check": 4, "compat": 4, "scope": 4,
         "messages": 4, "plan": 5, "plugin": 6, "console": 1, "schema": 5, "project": 6, "update": 7, "cli": 8}
RENDERERS = {"template", "output", "scope", "messages", "plan", "plugin", "project", "update", "cli"}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def layer_of_include(name):
    if name.startswith("csvc/"):
        stem = name[5:-2]
        return PUBLIC.get(stem, f"unknown public header {name}")
    head = name.split("/")[0]
    return head if head in LAYERS else None


def part_of_transport(name):
    """"transport/net/address.h": "net"; "transport/seam.h": ""; None outside."""
    parts = name.split("/")
    return None if parts[0] != "transport" else parts[1] if len(parts) > 2 else ""


def check_transport(path, name, breaches):
    relative = path.relative_to(ROOT / "runtime").as_posix()
    own, other = part_of_transport(relative), part_of_transport(name)
    if other in (None, "") or other == own:
        return
    if own is None:
        breaches.append(f"{path.relative_to(ROOT)}: {name} is within transport")
    elif own not in TRANSPORT or other not in TRANSPORT:
        breaches.append(f"{path.relative_to(ROOT)}: {own} or {other}: a part of transport without a place in {__file__}")
    elif TRANSPORT[other] >= TRANSPORT[own]:
        breaches.append(f"{path.relative_to(ROOT)}: {own or 'transport'} includes {other} ({name})")


def check_floors(path, name, breaches):
    folder = path.parent.relative_to(ROOT / "runtime").as_posix()
    other, _, file = name.rpartition("/")
    if folder not in FLOORS or other != folder:
        return
    floors = {stem: i for i, stems in enumerate(FLOORS[folder]) for stem in stems.split()}
    own, other = path.stem, pathlib.PurePath(file).stem
    if own not in floors or other not in floors:
        breaches.append(f"{path.relative_to(ROOT)}: {own} or {other}: a file of {folder} without a floor in {__file__}")
    elif own != other and floors[other] >= floors[own]:
        breaches.append(f"{path.relative_to(ROOT)}: {own} includes {other} ({name}), which is no lower in {folder}")


def check_runtime(path, breaches):
    relative = path.relative_to(ROOT / "runtime")
    if relative.parts[0] == "include":
        own = PUBLIC.get(path.stem)
        if own is None:
            breaches.append(f"{path}: public header without a layer in {__file__}")
            return
    else:
        own = relative.parts[0]
    for quote, name in INCLUDE.findall(path.read_text()):
        if quote == '"' and own == "std" and (ROOT / "runtime/std/pb" / name).exists():
            continue  # of the protos it serves, whose folders begin with grpc/, too
        for foreign, homes in FOREIGN.items():
            if (name.startswith(foreign)) and not str(path.relative_to(ROOT)).startswith(homes):
                breaches.append(f"{path.relative_to(ROOT)}: <{name}> belongs to {' and '.join(homes)} alone")
        check_transport(path, name, breaches)
        check_floors(path, name, breaches)
        other = layer_of_include(name)
        if other is None:
            if quote == '"' and "/" not in name and not (path.parent / name).exists():
                breaches.append(f"{path.relative_to(ROOT)}: \"{name}\" is not beside it")
            continue
        if other not in LAYERS:
            breaches.append(f"{path.relative_to(ROOT)}: {other}")
        elif other != own and LAYERS[other] >= LAYERS[own]:
            breaches.append(f"{path.relative_to(ROOT)}: {own} includes {other} ({name})")


def check_generator(path, breaches):
    names = [name for _, name in INCLUDE.findall(path.read_text())]
    relative = path.relative_to(ROOT)
    own = relative.parts[1]
    if own in ("pb", "tools"):
        return
    if own not in STEPS:
        breaches.append(f"{relative}: a file of no step")
        return
    for name in names:
        other = layer_of_include(name)
        # examples are named by the client's own rule, cli_command.c, which needs nothing else of the runtime
        named = name == "app/cli.h" and path.name == "example.c"
        if other is not None and LAYERS.get(other, 9) > LAYERS["rpc"] and name != "csvc/store.h" and not named:
            breaches.append(f"{relative}: the generator includes {name}")
        step = name.split("/")[0] if "/" in name else None
        if step not in STEPS or step == own:
            continue
        if STEPS[step] >= STEPS[own]:
            breaches.append(f"{relative}: {own} includes {step} ({name})")
        if step in ("template", "output") and own not in RENDERERS:
            breaches.append(f"{relative}: {own} knows nothing of templates ({name})")


def main():
    breaches = []
    for path in sorted((ROOT / "runtime").rglob("*.[ch]")):
        check_runtime(path, breaches)
    for path in sorted((ROOT / "generator").rglob("*.[ch]")):
        check_generator(path, breaches)
    for breach in breaches:
        print(breach)
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
