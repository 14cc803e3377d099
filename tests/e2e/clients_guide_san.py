#!/usr/bin/env python3
# transports: both
"""docs/clients.md: its code compiles without a warning and does what it says, against a server whose handlers count and note."""
import os
import pathlib
import re
import subprocess
import sys
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e
import four_kinds

HANDLERS = {
    "fetch": ("const Feed__Item *req, Feed__Item *rsp", """
    static atomic_int attempts;
    const char *tenant = csvc_metadata(ctx, "x-tenant"), *trace = csvc_metadata(ctx, "traceparent");
    const char *token = csvc_metadata(ctx, "authorization");

    if (req->id == 404) {
        return csvc_fail(ctx, CSVC_NOT_FOUND, "no item 404");
    }
    if (req->id == 500 && atomic_fetch_add(&attempts, 1) < 3) {
        return csvc_fail(ctx, CSVC_RESOURCE_EXHAUSTED, "not yet"); /* the policy of the proto */
    }
    rsp->id = req->id;
    rsp->text = csvc_printf(ctx, "%d tenant=%s trace=%s token=%s left=%d", (int)req->id, tenant != NULL ? tenant : "-",
                            trace != NULL ? trace : "-", token != NULL ? token : "-", csvc_time_left_ms(ctx) > 0);
    return csvc_set_trailer(ctx, "x-served-by", "the test");
"""),
    "watch": four_kinds.down("feed_service_watch", "Feed__Many", "Feed__Item", count="count"),
    "upload": four_kinds.up("feed_service_upload", "Feed__Item", "Feed__Many", add="rsp->count++;"),
    "talk": four_kinds.both("feed_service_talk", "Feed__Item"),
}

blocks = re.findall(r"<!-- (proto|part|main|file: \S+) -->\n```\w+\n(.*?)^```", (e2e.SOURCE / "docs/clients.md").read_text(), re.M | re.S)
kinds = [kind for kind, _ in blocks]
e2e.equal((kinds.count("proto"), kinds.count("part"), kinds.count("main"), len(kinds)), (1, 7, 1, 10), "blocks of docs/clients.md")
proto = pathlib.Path.cwd() / "feed.proto"
proto.write_text(dict(blocks)["proto"])
project = e2e.scaffold("feed-service", "--proto", proto)
four_kinds.write(project, "feed_service", HANDLERS)
for kind, text in blocks:
    if kind.startswith("file: "):
        (project / kind.split()[1]).write_text(text)
header, main = project / "server/service.h", project / "server/main.c"
header.write_text(re.sub(r"#include <csvc/\w+\.h>|(struct service \{)\n.*?\};", lambda m: m[0] if not m[1] else "struct service {\n    csvc_channel *backend;\n};",
                         header.read_text(), flags=re.S).replace("#define SERVICE_H\n", "#define SERVICE_H\n\n#include <csvc/client.h>\n"))
lines = main.read_text().replace("int main(", "#include <stdlib.h>\n\nint main(", 1)
main.write_text(lines.replace("    services_register(", dict(blocks)["main"] + "    services_register(", 1))
e2e.run("make", "-C", project, "-j2", *e2e.make_args())

(project / "guide.c").write_text("\n".join(text for kind, text in blocks if kind == "part"))
flags = e2e.run("pkg-config", "--cflags", "--libs", "libcsvc-grpc-core", "libcsvc").stdout.split()
san = [f"-fsanitize={e2e.SAN}"] if e2e.SAN else []
e2e.run("cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-g", *san, "-Igen", "-o", "build/guide", "guide.c", "gen/feed.csvc.c", "gen/feed.pb-c.c", *flags,
        f"-Wl,-rpath,{e2e.STAGE}/lib", cwd=project)

with e2e.Server(project / "build/feed-service", env={"BACKEND": "localhost:1"}) as back, \
        e2e.Server(project / "build/feed-service", env={"BACKEND": f"static:127.0.0.1:9,{back.address}"}) as front:
    guide = subprocess.Popen([project / "build/guide", back.address], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    heard = ""
    while "last:" not in heard:
        line = guide.stdout.readline()
        if line == "":
            e2e.fail(f"the guide's program said no more than\n{heard}")
        heard += line
    rest, _ = guide.communicate("\n", timeout=60)
    e2e.equal((guide.returncode, rest), (0, ""), "how the guide's program ends")
    e2e.equal(heard.splitlines(), [
        "fetched: 1 tenant=- trace=- token=Bearer 42 left=1",
        "not fetched: NOT_FOUND: no item 404",
        "served by the test",
        "watched: OK, 4950",
        "uploaded: 50",
        "talked: 7",
        "ended: CANCELLED",
        "last: 3",
    ], "what the guide's program says")

    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    env = {**e2e.environment(), "GRPC_ADDR": front.address}
    out = e2e.run(project / "build/feed-service-client", "--metadata", "x-tenant: acme", "--metadata", f"traceparent: {trace}", "--metadata",
                  "authorization: secret", "relay", "--id", "500", env=env).stdout
    e2e.equal(f"500 tenant=acme trace={trace} token=- left=1" in out, True, f"what the handler handed on: {out}")
    out = e2e.run("curl", "-s", f"http://{front.admin}/metrics").stdout
    for sample in ('grpc_client_handled_total{grpc_type="unary",grpc_service="feed.FeedService",grpc_method="Fetch",grpc_code="OK"} 1\n',
                   'grpc_client_started_total{grpc_type="unary",grpc_service="feed.FeedService",grpc_method="Fetch"} 1\n'):
        e2e.equal(sample in out, True, f"{sample} of\n{out}")
print("docs/clients.md: all its code runs")
