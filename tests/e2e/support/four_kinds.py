"""Handlers of the four kinds of rpc, written as the guide says; a project with them."""
import pathlib

import e2e

PROTO = """syntax = "proto3";
package all.v1;
message Num { int64 id = 1; string text = 2; }
service AllService {
  rpc One(Num) returns (Num);
  rpc Down(Num) returns (stream Num);
  rpc Up(stream Num) returns (Num);
  rpc Both(stream Num) returns (stream Num);
}
"""

HANDLER = """#include "services.h"

#include <stdatomic.h>

csvc_code {service}_{rpc}(struct service *svc, csvc_ctx *ctx, {parameters})
{{
    (void)svc;
    (void)ctx;
{body}}}
"""


def down(function, request, item, count="id"):
    """As many items as the request says, ids from 0. `function` is what the handler's functions begin with."""
    return f"const {request} *req, csvc_stream *out", f"""
    csvc_code code = CSVC_OK;

    for (int64_t i = 0; i < req->{count} && code == CSVC_OK; i++) {{
        {item} item = {item.upper()}__INIT;
        item.id = i;
        code = {function}_send(out, &item);
    }}
    return code;
"""


def up(function, item, reply, add="rsp->id += item->id;"):
    """What `add` makes of all items; one whose id is negative is refused."""
    return f"csvc_stream *in, {reply} *rsp", f"""
    const {item} *item;

    while ({function}_recv(in, &item)) {{
        {add}
        if (item->id < 0) {{
            return csvc_fail(ctx, CSVC_OUT_OF_RANGE, "%d is negative", (int)item->id);
        }}
    }}
    return csvc_stream_code(in);
"""


def both(function, item):
    """What comes; -1 says that the server has had enough."""
    return "csvc_stream *in, csvc_stream *out", f"""
    const {item} *item;
    csvc_code code = CSVC_OK;

    while (code == CSVC_OK && {function}_recv(in, &item)) {{
        if (item->id == -1) {{
            return CSVC_OK;
        }}
        code = {function}_send(out, item);
    }}
    return code != CSVC_OK ? code : csvc_stream_code(in);
"""


def of(service, item):
    """The three that stream, called Down, Up and Both."""
    return {"down": down(f"{service}_down", item, item), "up": up(f"{service}_up", item, item), "both": both(f"{service}_both", item)}


def write(made, service, handlers):
    """Each rpc's handler, parameters and body, into its file of a project."""
    for rpc, (parameters, body) in handlers.items():
        (made / f"server/{service}/{rpc}.c").write_text(HANDLER.format(service=service, rpc=rpc, parameters=parameters, body=body))


def project(name="all-service"):
    """Scaffolded, written, built; where it is. Its proto is all.proto beside it."""
    proto = pathlib.Path.cwd() / "all.proto"
    proto.write_text(PROTO)
    made = e2e.scaffold(name, "--proto", proto)
    write(made, "all_v1_all_service", of("all_v1_all_service", "All__V1__Num"))
    e2e.run("make", "-C", made, "-j2", *e2e.make_args())
    return made
