/* support/proto_helpers.c: runs protoc, in the folder the test runs in. */
#include "proto_helpers.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"

enum {
    MAX_SET = 64 << 20
};

static csvc_bytes read_and_remove(csvc_arena *a, const char *path)
{
    FILE *f = fopen(path, "rb");
    csvc__buffer b;
    char bytes[4096];
    size_t n;
    csvc_bytes all;

    assert_non_null(f);
    csvc__buffer_init(&b, MAX_SET);
    while ((n = fread(bytes, 1, sizeof(bytes), f)) > 0) {
        csvc__buffer_add(&b, bytes, n);
    }
    assert_int_equal(fclose(f), 0);
    assert_int_equal(unlink(path), 0);
    assert_true(csvc__buffer_ok(&b));
    all.data = (const uint8_t *)csvc_arena_strndup(a, b.data != NULL ? b.data : "", b.len);
    all.len = b.len;
    csvc__buffer_release(&b);
    assert_non_null(all.data);
    return all;
}

static csvc_bytes protoc(csvc_arena *a, const char *include, const char *protos, bool places)
{
    const char *source = getenv("CSVC_SOURCE");
    char *set = csvc_arena_printf(a, "set.%ld", (long)getpid());
    char *command;

    assert_non_null(source);
    command = csvc_arena_printf(
        a, "protoc -I'%s' -I'%s/runtime/proto' -I/usr/include --include_imports %s -o %s %s",
        include, source, places ? "--include_source_info" : "", set, protos);
    assert_non_null(command);
    assert_int_equal(system(command), 0);
    return read_and_remove(a, set);
}

csvc_bytes proto_set(csvc_arena *a, const char *folder, const char *protos, bool places)
{
    const char *source = getenv("CSVC_SOURCE");

    assert_non_null(source);
    return protoc(a, csvc_arena_printf(a, "%s/%s", source, folder), protos, places);
}

csvc_bytes proto_set_of_text(csvc_arena *a, const char *text, bool places)
{
    FILE *f = fopen("test.proto", "wb");
    csvc_bytes set;

    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    assert_int_equal(fclose(f), 0);
    set = protoc(a, ".", "test.proto", places);
    assert_int_equal(unlink("test.proto"), 0);
    return set;
}

static void put_field(csvc__buffer *b, unsigned number, const void *data, size_t len)
{
    csvc__buffer_putc(b, (char)(number << 3 | 2));
    for (size_t rest = len;; rest >>= 7) {
        csvc__buffer_putc(b, (char)((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0)));
        if (rest <= 0x7f) {
            break;
        }
    }
    csvc__buffer_add(b, data, len);
}

csvc_bytes proto_request(csvc_arena *a, csvc_bytes set, const char *const *files, size_t n_files,
                         const char *parameter)
{
    csvc__buffer b;
    csvc_bytes request;

    csvc__buffer_init(&b, MAX_SET);
    for (size_t i = 0; i < n_files; i++) {
        put_field(&b, 1, files[i], strlen(files[i]));
    }
    if (parameter != NULL) {
        put_field(&b, 2, parameter, strlen(parameter));
    }
    /* Each file of the set is field 1 there, and field 15 here. */
    for (size_t at = 0; at < set.len;) {
        size_t len = 0;
        unsigned shift = 0;

        assert_int_equal(set.data[at], 1 << 3 | 2);
        at++;
        do {
            len |= (size_t)(set.data[at] & 0x7f) << shift;
            shift += 7;
        } while ((set.data[at++] & 0x80) != 0);
        put_field(&b, 15, set.data + at, len);
        at += len;
    }
    assert_true(csvc__buffer_ok(&b));
    request.data = (const uint8_t *)csvc_arena_strndup(a, b.data != NULL ? b.data : "", b.len);
    request.len = b.len;
    csvc__buffer_release(&b);
    assert_non_null(request.data);
    return request;
}

csvc_bytes response_bytes(csvc_arena *a, const gen_response *response)
{
    size_t len = 0;
    size_t at = 0;
    uint8_t *bytes;

    for (size_t i = 0; i < response->n_pieces; i++) {
        len += response->pieces[i].len;
    }
    bytes = csvc_arena_alloc(a, len);
    for (size_t i = 0; bytes != NULL && i < response->n_pieces; i++) {
        if (response->pieces[i].len > 0) {
            memcpy(bytes + at, response->pieces[i].data, response->pieces[i].len);
            at += response->pieces[i].len;
        }
    }
    return (csvc_bytes){bytes != NULL ? len : 0, bytes};
}
