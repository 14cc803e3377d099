"""A project with the four kinds of rpc, its handlers written as the guide says."""
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

csvc_code all_v1_all_service_%s(struct service *svc, csvc_ctx *ctx, %s)
{
    (void)svc;
    (void)ctx;
%s}
"""

HANDLERS = {
    "down": ("const All__V1__Num *req, csvc_stream *out", """
    csvc_code code = CSVC_OK;
    for (int64_t i = 0; i < req->id && code == CSVC_OK; i++) {
        All__V1__Num n = ALL__V1__NUM__INIT;
        n.id = i;
        code = all_v1_all_service_down_send(out, &n);
    }
    return code;
"""),
    "up": ("csvc_stream *in, All__V1__Num *rsp", """
    const All__V1__Num *req;
    while (all_v1_all_service_up_recv(in, &req)) {
        rsp->id += req->id;
        if (req->id < 0) {
            return csvc_fail(ctx, CSVC_OUT_OF_RANGE, "%d is negative", (int)req->id);
        }
    }
    return csvc_stream_code(in);
"""),
    "both": ("csvc_stream *in, csvc_stream *out", """
    const All__V1__Num *req;
    csvc_code code = CSVC_OK;
    while (code == CSVC_OK && all_v1_all_service_both_recv(in, &req)) {
        if (req->id == -1) { /* the server has had enough */
            return CSVC_OK;
        }
        code = all_v1_all_service_both_send(out, req);
    }
    return code != CSVC_OK ? code : csvc_stream_code(in);
"""),
}


def project(name="all-service"):
    """Scaffolded, written, built; where it is. Its proto is all.proto beside it."""
    proto = pathlib.Path.cwd() / "all.proto"
    proto.write_text(PROTO)
    made = e2e.scaffold(name, "--proto", proto)
    for rpc, (parameters, body) in HANDLERS.items():
        (made / f"server/all_v1_all_service/{rpc}.c").write_text(HANDLER % (rpc, parameters, body))
    e2e.run("make", "-C", made, "-j2", *e2e.make_args())
    return made
