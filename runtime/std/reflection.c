/*
 * std/reflection.c: grpc.reflection.v1 and v1alpha, which differ in their names alone: one handler
 * over the messages of v1 serves both.
 *
 * A stream is a detached call on its loop: one question is taken, answered, and then the next is
 * asked for, so a caller who does not read holds one answer.
 */
#include <base/arena.h>
#include <base/utf8.h>
#include <csvc/alloc.h>
#include <csvc/std.h>
#include <rpc/server.h>
#include <rpc/stream.h>
#include <std/symbols.h>

#include <stdlib.h>
#include <string.h>

#include "grpc/reflection/v1/reflection.csvc.h"
#include "grpc/reflection/v1alpha/reflection.csvc.h"

#include <base/banned.h>

typedef CsvcPb__ServerReflectionRequest request;
typedef CsvcPb__ServerReflectionResponse response;

enum {
    FIRST_CHUNK = 1024,    /* of the memory for an answer */
    MAX_ANSWER = 64 << 20, /* and all of it; without the descriptors, which are not copied */
    NAME_SHOWN = 200,      /* bytes of what was asked for, in the text of an error */
};

/* ---- what is served ---- */

typedef struct reflection {
    csvc__owned owned; /* first */
    const csvc_server *srv;
    pthread_mutex_t lock; /* of building; what is built does not change */
    bool built;
    csvc__symbols symbols;
} reflection;

static void reflection_free(csvc__owned *owned)
{
    reflection *r = (reflection *)(void *)owned;

    csvc__symbols_release(&r->symbols);
    (void)pthread_mutex_destroy(&r->lock);
    csvc__free(r);
}

static csvc_code build(reflection *r)
{
    const csvc__map *names = &r->srv->names;
    csvc_code code = CSVC_OK;

    for (size_t i = 0; code == CSVC_OK && i < names->n_entries; i++) {
        const csvc__served_service *served = names->entries[i].value;

        if (served->service->file != NULL) {
            code = csvc__symbols_add(&r->symbols, served->service->file);
        }
    }
    if (code == CSVC_OK) {
        csvc__symbols_sort(&r->symbols);
    } else {
        csvc__symbols_release(&r->symbols);
    }
    return code;
}

/* At the first question: most servers are never asked. */
static csvc_code built(reflection *r)
{
    csvc_code code = CSVC_OK;

    (void)pthread_mutex_lock(&r->lock);
    if (!r->built) {
        code = build(r);
        r->built = code == CSVC_OK;
    }
    (void)pthread_mutex_unlock(&r->lock);
    return code;
}

/* ---- answers ---- */

typedef struct asker {
    reflection *r;
    csvc_ctx *ctx;
    csvc_stream *stream;
    bool *sent;       /* of each file, whether this stream has had it */
    csvc_frame *held; /* an answer for which there was no room */
} asker;

/* One answer while it is made. All but what the asker keeps is in the arena. */
typedef struct answer {
    csvc_arena *a;
    response rsp;
    bool failed; /* no memory */
} answer;

static void fail(answer *an, csvc_code code, const char *what, const char *name)
{
    const CsvcPb__ErrorResponse empty = CSVC_PB__ERROR_RESPONSE__INIT;
    CsvcPb__ErrorResponse *error = csvc_arena_alloc(an->a, sizeof(*error));
    /* not in the middle of a character: what is no UTF-8 cannot be sent */
    char *text = csvc_arena_printf(an->a, "%s%s%.*s", what, *name != '\0' ? " " : "",
                                   csvc__utf8_cut(name, NAME_SHOWN), name);

    if (error == NULL || text == NULL) {
        an->failed = true;
        return;
    }
    *error = empty;
    error->error_code = (int32_t)code;
    error->error_message = text;
    an->rsp.message_response_case =
        CSVC_PB__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ERROR_RESPONSE;
    an->rsp.error_response = error;
}

/* The file, and those it imports that this stream has not had, nearest first. */
static void give_files(answer *an, const csvc__symbols *sy, bool *sent, uint32_t wanted)
{
    const CsvcPb__FileDescriptorResponse empty = CSVC_PB__FILE_DESCRIPTOR_RESPONSE__INIT;
    CsvcPb__FileDescriptorResponse *files = csvc_arena_alloc(an->a, sizeof(*files));
    ProtobufCBinaryData *bytes = csvc_arena_calloc(an->a, sy->n_files, sizeof(*bytes));
    const csvc_file **queue = csvc_arena_calloc(an->a, sy->n_files, sizeof(*queue));
    size_t n = 0;

    if (files == NULL || bytes == NULL || queue == NULL) {
        an->failed = true;
        return;
    }
    sent[wanted] = true;
    queue[n++] = sy->files[wanted];
    for (size_t i = 0; i < n; i++) {
        const csvc_file *file = queue[i];

        bytes[i].data = (uint8_t *)(uintptr_t)file->bytes.data;
        bytes[i].len = file->bytes.len;
        for (size_t k = 0; file->imports[k] != NULL; k++) {
            const int64_t import = csvc__symbols_file(sy, file->imports[k]->name);

            if (import != CSVC__NO_FILE && !sent[import]) {
                sent[import] = true;
                queue[n++] = sy->files[import];
            }
        }
    }
    *files = empty;
    files->n_file_descriptor_proto = n;
    files->file_descriptor_proto = bytes;
    an->rsp.message_response_case =
        CSVC_PB__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_FILE_DESCRIPTOR_RESPONSE;
    an->rsp.file_descriptor_response = files;
}

static void give_file(answer *an, asker *k, int64_t file, const char *what, const char *name)
{
    if (file == CSVC__NO_FILE) {
        fail(an, CSVC_NOT_FOUND, what, name);
    } else {
        give_files(an, &k->r->symbols, k->sent, (uint32_t)file);
    }
}

static void give_extension(answer *an, asker *k, const CsvcPb__ExtensionRequest *wanted)
{
    const csvc__extension *first;
    size_t n;

    if (!csvc__symbols_extensions(&k->r->symbols, wanted->containing_type, &first, &n)) {
        fail(an, CSVC_NOT_FOUND, "there is no type", wanted->containing_type);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (first[i].number == wanted->extension_number) {
            give_files(an, &k->r->symbols, k->sent, first[i].file);
            return;
        }
    }
    fail(an, CSVC_NOT_FOUND, "there is no extension of that number of type",
         wanted->containing_type);
}

static void give_extension_numbers(answer *an, const csvc__symbols *sy, char *type)
{
    const CsvcPb__ExtensionNumberResponse empty = CSVC_PB__EXTENSION_NUMBER_RESPONSE__INIT;
    CsvcPb__ExtensionNumberResponse *numbers;
    const csvc__extension *first;
    size_t n;

    if (!csvc__symbols_extensions(sy, type, &first, &n)) {
        fail(an, CSVC_NOT_FOUND, "there is no type", type);
        return;
    }
    numbers = csvc_arena_alloc(an->a, sizeof(*numbers));
    if (numbers == NULL) {
        an->failed = true;
        return;
    }
    *numbers = empty;
    numbers->base_type_name = type;
    numbers->extension_number = csvc_arena_calloc(an->a, n + 1, sizeof(int32_t));
    if (numbers->extension_number == NULL) {
        an->failed = true;
        return;
    }
    for (size_t i = 0; i < n; i++) {
        /* one that two files have is one */
        if (i == 0 || first[i].number != first[i - 1].number) {
            numbers->extension_number[numbers->n_extension_number++] = first[i].number;
        }
    }
    an->rsp.message_response_case =
        CSVC_PB__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ALL_EXTENSION_NUMBERS_RESPONSE;
    an->rsp.all_extension_numbers_response = numbers;
}

static int by_name(const void *a, const void *b)
{
    const CsvcPb__ServiceResponse *const *x = a;
    const CsvcPb__ServiceResponse *const *y = b;

    return strcmp((*x)->name, (*y)->name);
}

static void give_services(answer *an, const csvc__map *names)
{
    const CsvcPb__ListServiceResponse empty = CSVC_PB__LIST_SERVICE_RESPONSE__INIT;
    const CsvcPb__ServiceResponse none = CSVC_PB__SERVICE_RESPONSE__INIT;
    CsvcPb__ListServiceResponse *services = csvc_arena_alloc(an->a, sizeof(*services));
    CsvcPb__ServiceResponse *each = csvc_arena_calloc(an->a, names->n_entries, sizeof(*each));
    CsvcPb__ServiceResponse **list =
        csvc_arena_calloc(an->a, names->n_entries, sizeof(CsvcPb__ServiceResponse *));

    if (services == NULL || each == NULL || list == NULL) {
        an->failed = true;
        return;
    }
    for (size_t i = 0; i < names->n_entries; i++) {
        each[i] = none;
        each[i].name = names->entries[i].key;
        list[i] = &each[i];
    }
    qsort(list, names->n_entries, sizeof(list[0]), by_name);
    *services = empty;
    services->n_service = names->n_entries;
    services->service = list;
    an->rsp.message_response_case =
        CSVC_PB__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_LIST_SERVICES_RESPONSE;
    an->rsp.list_services_response = services;
}

static void make_answer(answer *an, asker *k, const request *req)
{
    const response empty = CSVC_PB__SERVER_REFLECTION_RESPONSE__INIT;
    const csvc__symbols *sy = &k->r->symbols;

    an->rsp = empty;
    an->rsp.valid_host = req->host;
    an->rsp.original_request = (request *)(uintptr_t)req;
    switch (req->message_request_case) {
    case CSVC_PB__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_BY_FILENAME:
        give_file(an, k, csvc__symbols_file(sy, req->file_by_filename), "there is no file",
                  req->file_by_filename);
        break;
    case CSVC_PB__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_SYMBOL:
        give_file(an, k, csvc__symbols_of(sy, req->file_containing_symbol), "there is no symbol",
                  req->file_containing_symbol);
        break;
    case CSVC_PB__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_EXTENSION:
        give_extension(an, k, req->file_containing_extension);
        break;
    case CSVC_PB__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_ALL_EXTENSION_NUMBERS_OF_TYPE:
        give_extension_numbers(an, sy, req->all_extension_numbers_of_type);
        break;
    case CSVC_PB__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_LIST_SERVICES:
        give_services(an, &k->r->srv->names);
        break;
    default:
        fail(an, CSVC_INVALID_ARGUMENT, "the request asks for nothing", "");
        break;
    }
}

/* ---- a stream ---- */

static void give_up(asker *k, csvc_code code)
{
    k->held = csvc_frame_unref(k->held);
    (void)csvc_finish(k->ctx, code == CSVC_OK ? CSVC_OK : csvc_fail(k->ctx, code, "out of memory"));
}

/* Whether a refused message was refused for a full queue, which on_writable follows. */
static bool is_full(csvc_stream *st)
{
    bool full;

    (void)pthread_mutex_lock(&st->lock);
    full = st->refused;
    (void)pthread_mutex_unlock(&st->lock);
    return full;
}

/* Sends what is held; then the next question may come. */
static void send_held(void *self)
{
    asker *k = self;
    csvc_code code;

    if (k->held == NULL) {
        return;
    }
    code = csvc_stream_send_frame(k->stream, k->held);
    if (code == CSVC_RESOURCE_EXHAUSTED && is_full(k->stream)) {
        return;
    }
    if (code == CSVC_RESOURCE_EXHAUSTED) {
        give_up(k, code);
        return;
    }
    k->held = csvc_frame_unref(k->held);
    csvc_more(k->stream);
}

static void asked(void *self, const void *message)
{
    asker *k = self;
    _Alignas(16) uint8_t first[FIRST_CHUNK];
    csvc_arena arena;
    answer an = {.a = &arena};

    if (message == NULL) {
        give_up(k, CSVC_OK);
        return;
    }
    csvc__arena_init(&arena, first, sizeof(first), MAX_ANSWER);
    make_answer(&an, k, message);
    if (!an.failed) {
        k->held = csvc_pb_server_reflection_server_reflection_info_frame(&an.rsp);
    }
    csvc__arena_release(&arena);
    if (k->held == NULL) {
        give_up(k, CSVC_RESOURCE_EXHAUSTED);
    } else {
        send_held(k);
    }
}

static void gone(void *self, csvc_code code)
{
    asker *k = self;

    (void)code;
    k->held = csvc_frame_unref(k->held);
    (void)csvc_ctx_unref(k->ctx);
}

static csvc_code info(void *self, csvc_ctx *ctx, csvc_stream *in, csvc_stream *out)
{
    reflection *r = self;
    asker *k = csvc_calloc(ctx, 1, sizeof(*k));
    const csvc_code code = built(r);

    if (code == CSVC_INTERNAL) {
        return csvc_fail(ctx, code, "the descriptors of this program are broken");
    }
    if (code == CSVC_OK && k != NULL) {
        k->sent = csvc_calloc(ctx, r->symbols.n_files + 1, sizeof(bool));
    }
    if (code != CSVC_OK || k == NULL || k->sent == NULL) {
        return csvc_fail(ctx, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    }
    k->r = r;
    k->stream = out;
    k->ctx = csvc_detach(ctx, &(csvc_events){CSVC_EVENTS_INIT, .self = k, .on_message = asked,
                                             .on_writable = send_held, .on_done = gone});
    csvc_more(in);
    return CSVC_OK;
}

/* ---- the services ---- */

static csvc_code invoke(const void *ops, void *self, csvc_ctx *ctx, const void *in, void *out)
{
    (void)ops;
    return info(self, ctx, (csvc_stream *)(uintptr_t)in, out);
}

static const csvc_method alpha_methods[] = {
    {
        .name = "ServerReflectionInfo",
        .path = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        .kind = CSVC_RPC_BIDI_STREAM,
        .request = &csvc_pb__server_reflection_request__type,
        .reply = &csvc_pb__server_reflection_response__type,
        .invoke = invoke,
    },
};

static const csvc_service alpha_service = {
    .struct_size = sizeof(csvc_service),
    .ops_size = sizeof(csvc_pb_server_reflection_ops),
    .name = "grpc.reflection.v1alpha.ServerReflection",
    .file = &csvc_pb__alpha__grpc__reflection__v1alpha__reflection__file,
    .methods = alpha_methods,
    .n_methods = 1,
};

csvc_code csvc_reflection_register(csvc_server *srv)
{
    const csvc_pb_server_reflection_ops ops = {CSVC_PB_SERVER_REFLECTION_OPS_INIT,
                                               .server_reflection_info = info};
    reflection *r = csvc__calloc(1, sizeof(*r));
    csvc_code code;

    if (r == NULL) {
        return CSVC_RESOURCE_EXHAUSTED;
    }
    r->srv = srv;
    (void)pthread_mutex_init(&r->lock, NULL);
    code = csvc__server_register_inline(srv, &csvc_pb_server_reflection_service, &ops, r);
    if (code != CSVC_OK) {
        reflection_free(&r->owned);
        return code;
    }
    r->owned.dispose = reflection_free;
    csvc__server_own(srv, &r->owned);
    return csvc__server_register_inline(srv, &alpha_service, &ops, r);
}
