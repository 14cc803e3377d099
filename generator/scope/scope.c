/* scope/scope.c: services and rpcs as templates see them; names are in docs/internals/templates.md.
 */
#include "scope/parts.h"

#include "common/pb.h"
#include "names/names.h"

#include "base/banned.h"

/* ---- rpcs ---- */

static const char *const rpc_kinds[] = {"CSVC_RPC_UNARY", "CSVC_RPC_SERVER_STREAM",
                                        "CSVC_RPC_CLIENT_STREAM", "CSVC_RPC_BIDI_STREAM"};

static bool receives_stream(const gen_rpc *rpc)
{
    return rpc->kind == CSVC_RPC_CLIENT_STREAM || rpc->kind == CSVC_RPC_BIDI_STREAM;
}

static bool sends_stream(const gen_rpc *rpc)
{
    return rpc->kind == CSVC_RPC_SERVER_STREAM || rpc->kind == CSVC_RPC_BIDI_STREAM;
}

static char *handler(csvc_arena *a, const gen_rpc *rpc, size_t column, const char *prefix,
                     const char *self, const char *suffix)
{
    const char *items[] = {self, "csvc_ctx *ctx",
                           receives_stream(rpc)
                               ? "csvc_stream *in"
                               : csvc_arena_printf(a, "const %s *req", rpc->request->c_type),
                           sends_stream(rpc) ? "csvc_stream *out"
                                             : csvc_arena_printf(a, "%s *rsp", rpc->reply->c_type)};

    if (prefix == NULL || items[2] == NULL || items[3] == NULL) {
        return NULL;
    }
    return gen_layout(a, column, prefix, items, 4, suffix);
}

char *gen_layout_handler(csvc_arena *a, const gen_rpc *rpc, const char *prefix, const char *self,
                         const char *suffix)
{
    return handler(a, rpc, 0, prefix, self, suffix);
}

static char *invoke(csvc_arena *a, const gen_rpc *rpc)
{
    static const char *const items[] = {"const void *ops", "void *self", "csvc_ctx *ctx",
                                        "const void *in", "void *out"};
    const char *prefix =
        csvc_arena_printf(a, "static csvc_code %s_%s_invoke(", rpc->service->prefix, rpc->c_name);

    return prefix != NULL ? gen_layout(a, 0, prefix, items, 5, ")") : NULL;
}

/*
 * A function of a stream, PREFIX_RPC_end or PREFIX_client_RPC_end: `first` and, unless it is NULL,
 * a message, `type` with %s for its C type.
 */
static char *stream_function(csvc_arena *a, const gen_rpc *rpc, const char *returns,
                             const char *middle, const char *end, const char *first,
                             const char *second)
{
    const char *prefix = csvc_arena_printf(a, "static inline %s%s_%s%s%s(", returns,
                                           rpc->service->prefix, middle, rpc->c_name, end);
    const char *items[] = {first, second};

    if (prefix == NULL || first == NULL) {
        return NULL;
    }
    return gen_layout(a, 0, prefix, items, second != NULL ? 2 : 1, ")");
}

static void set_stream_functions(csvc_arena *a, gen_value *scope, const gen_rpc *rpc)
{
    const char *request = rpc->request->c_type;
    const char *reply = rpc->reply->c_type;

    gen_set_text(a, scope, "recv",
                 stream_function(a, rpc, "bool ", "", "_recv", "csvc_stream *in",
                                 csvc_arena_printf(a, "const %s **ret_req", request)));
    gen_set_text(a, scope, "send",
                 stream_function(a, rpc, "csvc_code ", "", "_send", "csvc_stream *out",
                                 csvc_arena_printf(a, "const %s *rsp", reply)));
    gen_set_text(a, scope, "frame",
                 stream_function(a, rpc, "csvc_frame *", "", "_frame",
                                 csvc_arena_printf(a, "const %s *rsp", reply), NULL));
    gen_set_text(a, scope, "client_send",
                 stream_function(a, rpc, "csvc_code ", "client_", "_send", "csvc_call *call",
                                 csvc_arena_printf(a, "const %s *req", request)));
    gen_set_text(
        a, scope, "client_close_send",
        stream_function(a, rpc, "void ", "client_", "_close_send", "csvc_call *call", NULL));
    gen_set_text(a, scope, "client_recv",
                 stream_function(a, rpc, "bool ", "client_", "_recv", "csvc_call *call",
                                 csvc_arena_printf(a, "const %s **ret_rsp", reply)));
}

/* PREFIX_client_RPC and PREFIX_client_RPC_async of a stream, PREFIX_client_RPC_finish. */
static char *stream_start(csvc_arena *a, const gen_rpc *rpc, const char *end, const char *suffix)
{
    const char *prefix =
        csvc_arena_printf(a, "csvc_call *%s_client_%s%s(", rpc->service->prefix, rpc->c_name, end);
    const char *items[4] = {"csvc_channel *ch", "csvc_rpc *rpc"};
    size_t n = 2;

    if (!receives_stream(rpc)) {
        items[n++] = csvc_arena_printf(a, "const %s *req", rpc->request->c_type);
    }
    if (*end != '\0') {
        items[n++] = "const csvc_events *events";
    }
    return prefix != NULL && (n == 2 || items[2] != NULL)
               ? gen_layout(a, 0, prefix, items, n, suffix)
               : NULL;
}

static char *stream_start_call(csvc_arena *a, const gen_rpc *rpc, const char *events)
{
    const char *items[] = {
        "ch", csvc_arena_printf(a, "&%s_methods[%u]", rpc->service->prefix, (unsigned)rpc->index),
        "rpc", receives_stream(rpc) ? "NULL" : "req", events};

    return items[1] != NULL ? gen_layout(a, 4, "return csvc_call_start(", items, 5, ");") : NULL;
}

static char *stream_finish(csvc_arena *a, const gen_rpc *rpc)
{
    const char *prefix = csvc_arena_printf(a, "static inline csvc_code %s_client_%s_finish(",
                                           rpc->service->prefix, rpc->c_name);
    const char *items[] = {"csvc_call *call", "csvc_rpc *rpc",
                           csvc_arena_printf(a, "const %s **ret_rsp", rpc->reply->c_type)};

    return prefix != NULL && items[2] != NULL
               ? gen_layout(a, 0, prefix, items, sends_stream(rpc) ? 2 : 3, ")")
               : NULL;
}

/* What the test of a handler that is not written yet does with its stream. */
static char *test_start(csvc_arena *a, const gen_rpc *rpc)
{
    const char *prefix =
        csvc_arena_printf(a, "call = %s_client_%s(", rpc->service->prefix, rpc->c_name);
    const char *items[] = {"t->channel", "&t->rpc", "&req"};

    return prefix != NULL ? gen_layout(a, 4, prefix, items, receives_stream(rpc) ? 2 : 3, ");")
                          : NULL;
}

static char *test_finish(csvc_arena *a, const gen_rpc *rpc)
{
    const char *prefix =
        csvc_arena_printf(a, "code = %s_client_%s_finish(", rpc->service->prefix, rpc->c_name);
    const char *items[] = {"call", "&t->rpc", "&rsp"};

    return prefix != NULL ? gen_layout(a, 4, prefix, items, sends_stream(rpc) ? 2 : 3, ");") : NULL;
}

/* PREFIX_client_RPC_async of a unary rpc: its callback with the rpc's own type. */
static char *unary_async(csvc_arena *a, const gen_rpc *rpc, const char *suffix)
{
    const char *prefix =
        csvc_arena_printf(a, "csvc_call *%s_client_%s_async(", rpc->service->prefix, rpc->c_name);
    const char *items[] = {
        "csvc_channel *ch", "csvc_rpc *rpc",
        csvc_arena_printf(a, "const %s *req", rpc->request->c_type),
        csvc_arena_printf(a, "void (*done)(void *self, const csvc_rpc *rpc, const %s *rsp)",
                          rpc->reply->c_type),
        "void *self"};

    return prefix != NULL && items[2] != NULL && items[3] != NULL
               ? gen_layout(a, 0, prefix, items, 5, suffix)
               : NULL;
}

static char *unary_async_call(csvc_arena *a, const gen_rpc *rpc)
{
    const char *items[] = {
        "ch",
        csvc_arena_printf(a, "&%s_methods[%u]", rpc->service->prefix, (unsigned)rpc->index),
        "rpc",
        "req",
        csvc_arena_printf(a, "%s_%s_relay", rpc->service->prefix, rpc->c_name),
        "(csvc_done_fn *)done",
        "self"};

    return items[1] != NULL && items[4] != NULL
               ? gen_layout(a, 4, "return csvc_call_async(", items, 7, ");")
               : NULL;
}

static char *relay(csvc_arena *a, const gen_rpc *rpc)
{
    static const char *const items[] = {"csvc_done_fn *done", "void *self", "const csvc_rpc *rpc",
                                        "const void *rsp"};
    const char *prefix =
        csvc_arena_printf(a, "static void %s_%s_relay(", rpc->service->prefix, rpc->c_name);

    return prefix != NULL ? gen_layout(a, 0, prefix, items, 4, ")") : NULL;
}

static char *client(csvc_arena *a, const gen_rpc *rpc, const char *suffix)
{
    const char *prefix =
        csvc_arena_printf(a, "csvc_code %s_client_%s(", rpc->service->prefix, rpc->c_name);
    const char *items[] = {"csvc_channel *ch", "csvc_rpc *rpc",
                           csvc_arena_printf(a, "const %s *req", rpc->request->c_type),
                           csvc_arena_printf(a, "const %s **ret_rsp", rpc->reply->c_type)};

    if (prefix == NULL || items[2] == NULL || items[3] == NULL) {
        return NULL;
    }
    return gen_layout(a, 0, prefix, items, 4, suffix);
}

/* What the body of the thunk ends with. */
static char *slot_call(csvc_arena *a, const gen_rpc *rpc)
{
    const char *prefix = csvc_arena_printf(a, "return slots->%s(", rpc->member);
    const char *items[] = {"self", "ctx", receives_stream(rpc) ? "(csvc_stream *)in" : "in", "out"};

    return prefix != NULL ? gen_layout(a, 4, prefix, items, 4, ");") : NULL;
}

static char *client_call(csvc_arena *a, const gen_rpc *rpc)
{
    const char *items[] = {
        "ch", csvc_arena_printf(a, "&%s_methods[%u]", rpc->service->prefix, (unsigned)rpc->index),
        "rpc", "req", "&rsp"};

    return items[1] != NULL ? gen_layout(a, 4, "csvc_code code = csvc_call_unary(", items, 5, ");")
                            : NULL;
}

/* One line more; either may be NULL: no text, no line. */
static const char *with_line(csvc_arena *a, const char *text, const char *line)
{
    if (text == NULL || line == NULL) {
        return text;
    }
    return *text != '\0' ? csvc_arena_printf(a, "%s\n%s", text, line) : line;
}

/* What a slot's comment says of streams; NULL for unary rpcs. */
static const char *stream_note(csvc_arena *a, const gen_rpc *rpc)
{
    const char *prefix = rpc->service->prefix;
    const char *name = rpc->c_name;

    switch (rpc->kind) {
    case CSVC_RPC_SERVER_STREAM:
        return csvc_arena_printf(a, "Server streaming: send with %s_%s_send().", prefix, name);
    case CSVC_RPC_CLIENT_STREAM:
        return csvc_arena_printf(a, "Client streaming: receive with %s_%s_recv().", prefix, name);
    case CSVC_RPC_BIDI_STREAM:
        return csvc_arena_printf(a, "Bidirectional streaming: %s_%s_recv() and %s_%s_send().",
                                 prefix, name, prefix, name);
    default:
        return NULL;
    }
}

static const char *slot_comment(csvc_arena *a, const gen_rpc *rpc)
{
    const char *text = gen_comment_of(a, rpc->comments);

    text = with_line(a, text, stream_note(a, rpc));
    text = with_line(a, text, rpc->deprecated ? "Deprecated." : NULL);
    return gen_layout_comment(a, 4, text);
}

static const gen_flag_name method_flags[] = {{CSVC_METHOD_INLINE, "CSVC_METHOD_INLINE"},
                                             {CSVC_METHOD_DEPRECATED, "CSVC_METHOD_DEPRECATED"}};

static void set_message_names(csvc_arena *a, gen_value *scope, const gen_message *request,
                              const gen_message *reply)
{
    gen_set_text(a, scope, "request_type", request->c_type);
    gen_set_text(a, scope, "request_init", csvc_arena_printf(a, "%s__INIT", request->c_upper));
    gen_set_text(a, scope, "request_table", csvc_arena_printf(a, "%s__type", request->c_lower));
    gen_set_text(a, scope, "request_name", request->full_name);
    gen_set_text(a, scope, "reply_type", reply->c_type);
    gen_set_text(a, scope, "reply_init", csvc_arena_printf(a, "%s__INIT", reply->c_upper));
    gen_set_text(a, scope, "reply_table", csvc_arena_printf(a, "%s__type", reply->c_lower));
    gen_set_text(a, scope, "reply_name", reply->full_name);
}

/* The members of its csvc_retry that were given, ", .codes = ...". */
static const char *retry_members(csvc_arena *a, const CsvcPb__Retry *retry)
{
    uint32_t codes = 0;
    const char *text = "";

    if (retry == NULL) {
        return text;
    }
    for (size_t i = 0; i < retry->n_codes; i++) {
        codes |= UINT32_C(1) << retry->codes[i];
    }
    if (retry->max_attempts != 0) {
        text = csvc_arena_printf(a, ", .max_attempts = %u", (unsigned)retry->max_attempts);
    }
    if (codes != 0 && text != NULL) {
        text = csvc_arena_printf(a, "%s, .codes = 0x%x", text, (unsigned)codes);
    }
    if (retry->initial_backoff_ms != 0 && text != NULL) {
        text = csvc_arena_printf(a, "%s, .initial_backoff_ms = %u", text,
                                 (unsigned)retry->initial_backoff_ms);
    }
    if (retry->max_backoff_ms != 0 && text != NULL) {
        text =
            csvc_arena_printf(a, "%s, .max_backoff_ms = %u", text, (unsigned)retry->max_backoff_ms);
    }
    if (retry->has_multiplier && text != NULL) {
        const unsigned thousandths = (unsigned)(retry->multiplier * 1000 + 0.5);

        text = csvc_arena_printf(a, "%s, .multiplier = %u.%03u", text, thousandths / 1000,
                                 thousandths % 1000);
    }
    return text;
}

gen_value *gen_scope_rpc(csvc_arena *a, const gen_rpc *rpc)
{
    const char *prefix = rpc->service->prefix;
    const char *symbol = csvc_arena_printf(a, "%s_%s", prefix, rpc->c_name);
    const char *head = csvc_arena_printf(a, "csvc_code %s_%s(", prefix, rpc->c_name);
    const char *slot = csvc_arena_printf(a, "csvc_code (*%s)(", rpc->member);
    uint32_t flags = (rpc->is_inline ? CSVC_METHOD_INLINE : 0U) |
                     (rpc->deprecated ? CSVC_METHOD_DEPRECATED : 0U);
    gen_value *scope = gen_object(a);

    gen_set_text(a, scope, "name", rpc->name);
    gen_set_text(a, scope, "c_name", rpc->c_name);
    gen_set_text(a, scope, "kebab", gen_kebab(a, rpc->c_name));
    gen_set_text(a, scope, "member", rpc->member);
    gen_set_text(a, scope, "symbol", symbol);
    gen_set_text(a, scope, "service_client",
                 csvc_arena_printf(a, "%s_client_%s", prefix, rpc->c_name));
    gen_set_text(a, scope, "path", rpc->path);
    gen_set_text(a, scope, "in", receives_stream(rpc) ? "in" : "req");
    gen_set_text(a, scope, "out", sends_stream(rpc) ? "out" : "rsp");
    gen_set_number(a, scope, "index", rpc->index);
    gen_set_text(a, scope, "kind", rpc_kinds[rpc->kind]);
    gen_set_truth(a, scope, "unary", rpc->kind == CSVC_RPC_UNARY);
    gen_set_truth(a, scope, "client_streaming", receives_stream(rpc));
    gen_set_truth(a, scope, "server_streaming", sends_stream(rpc));
    gen_set_truth(a, scope, "refuses_empty",
                  rpc->request->has_rules && rpc->request->entity == NULL && !receives_stream(rpc));
    gen_set_truth(a, scope, "inline", rpc->is_inline);
    gen_set_truth(a, scope, "deprecated", rpc->deprecated);
    gen_set_truth(a, scope, "has_flags", flags != 0);
    gen_set_truth(a, scope, "has_retry", rpc->retry != NULL);
    gen_set_text(a, scope, "retry", retry_members(a, rpc->retry));
    gen_set_text(a, scope, "flags", gen_flags_text(a, flags, method_flags, 2));
    gen_set_text(a, scope, "comment", slot_comment(a, rpc));
    gen_set_text(a, scope, "slot", handler(a, rpc, 4, slot, "void *self", ");"));
    gen_set_text(a, scope, "invoke", invoke(a, rpc));
    gen_set_text(a, scope, "slot_call", slot_call(a, rpc));
    gen_set_text(a, scope, "client_call", client_call(a, rpc));
    gen_set_text(a, scope, "client_prototype", client(a, rpc, ");"));
    gen_set_text(a, scope, "client_definition", client(a, rpc, ")"));
    if (rpc->kind == CSVC_RPC_UNARY) {
        gen_set_text(a, scope, "relay", relay(a, rpc));
        gen_set_text(a, scope, "async_prototype", unary_async(a, rpc, ");"));
        gen_set_text(a, scope, "async_definition", unary_async(a, rpc, ")"));
        gen_set_text(a, scope, "async_call", unary_async_call(a, rpc));
    } else {
        set_stream_functions(a, scope, rpc);
        gen_set_text(a, scope, "start_prototype", stream_start(a, rpc, "", ");"));
        gen_set_text(a, scope, "start_definition", stream_start(a, rpc, "", ")"));
        gen_set_text(a, scope, "start_call", stream_start_call(a, rpc, "NULL"));
        gen_set_text(a, scope, "async_prototype", stream_start(a, rpc, "_async", ");"));
        gen_set_text(a, scope, "async_definition", stream_start(a, rpc, "_async", ")"));
        gen_set_text(a, scope, "async_call", stream_start_call(a, rpc, "events"));
        gen_set_text(a, scope, "client_finish", stream_finish(a, rpc));
        gen_set_text(a, scope, "test_start", test_start(a, rpc));
        gen_set_text(a, scope, "test_finish", test_finish(a, rpc));
    }
    gen_set_text(a, scope, "handler_prototype",
                 handler(a, rpc, 0, head, "struct service *svc", ");"));
    gen_set_text(a, scope, "handler_definition",
                 handler(a, rpc, 0, head, "struct service *svc", ")"));
    set_message_names(a, scope, rpc->request, rpc->reply);
    return scope;
}

/* ---- services ---- */

gen_value *gen_scope_service(csvc_arena *a, const gen_service *service)
{
    const char *parameters[] = {"csvc_server *srv",
                                csvc_arena_printf(a, "const %s_ops *ops", service->prefix),
                                "void *self"};
    const char *head = csvc_arena_printf(a, "csvc_code %s_ops_register(", service->prefix);
    const char *text = gen_comment_of(a, service->comments);
    bool ok = parameters[1] != NULL && head != NULL;
    gen_value *scope = gen_object(a);
    gen_value *rpcs = gen_list(a);
    bool has_unary = false;
    bool has_streams = false;

    text = with_line(a, text, service->deprecated ? "Deprecated." : NULL);
    for (size_t i = 0; i < service->n_rpcs; i++) {
        has_unary = has_unary || service->rpcs[i].kind == CSVC_RPC_UNARY;
        has_streams = has_streams || service->rpcs[i].kind != CSVC_RPC_UNARY;
        gen_push(a, rpcs, gen_scope_rpc(a, &service->rpcs[i]));
    }
    gen_set_text(a, scope, "name", service->name);
    gen_set_text(a, scope, "full_name", service->full_name);
    gen_set_text(a, scope, "prefix", service->prefix);
    gen_set_text(a, scope, "upper", service->upper);
    gen_set_text(a, scope, "ops", csvc_arena_printf(a, "%s_ops", service->prefix));
    gen_set_text(a, scope, "table", csvc_arena_printf(a, "%s_service", service->prefix));
    gen_set_truth(a, scope, "deprecated", service->deprecated);
    gen_set_text(a, scope, "comment", gen_layout_comment(a, 0, text));
    gen_set_text(a, scope, "register_prototype",
                 ok ? gen_layout(a, 0, head, parameters, 3, ");") : NULL);
    gen_set_text(a, scope, "register_definition",
                 ok ? gen_layout(a, 0, head, parameters, 3, ")") : NULL);
    gen_set_number(a, scope, "n_rpcs", (int64_t)service->n_rpcs);
    gen_set_truth(a, scope, "has_unary", has_unary);
    gen_set_truth(a, scope, "has_streams", has_streams);
    gen_set(a, scope, "rpcs", rpcs);
    return scope;
}
