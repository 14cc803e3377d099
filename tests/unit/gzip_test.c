/* Packed messages: what comes out of them, and what does not. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <transport/seam.h>

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* A packed message in pieces of `step` bytes. */
typedef struct packed {
    csvc_payload payload;
    uint8_t *data;
    size_t len;
    csvc_bytes pieces[4096];
    int disposed;
} packed;

static void dispose(csvc_payload *payload)
{
    ((packed *)payload)->disposed++;
}

static void pack(packed *p, const uint8_t *data, size_t len, int window)
{
    z_stream z = {0};

    memset(p, 0, sizeof(*p));
    p->data = malloc(len + 1024);
    assert_int_equal(Z_OK, deflateInit2(&z, 9, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY));
    z.next_in = (Bytef *)(uintptr_t)data;
    z.avail_in = (uInt)len;
    z.next_out = p->data;
    z.avail_out = (uInt)(len + 1024);
    assert_int_equal(Z_STREAM_END, deflate(&z, Z_FINISH));
    p->len = z.total_out;
    assert_int_equal(Z_OK, deflateEnd(&z));
}

static csvc_payload *in_pieces(packed *p, size_t step)
{
    p->payload =
        (csvc_payload){.dispose = dispose, .len = p->len, .pieces = p->pieces, .compressed = true};
    atomic_init(&p->payload.refs, 1);
    p->disposed = 0;
    for (size_t at = 0; at < p->len; at += step) {
        size_t len = p->len - at < step ? p->len - at : step;

        assert_true(p->payload.n_pieces < sizeof(p->pieces) / sizeof(p->pieces[0]));
        p->pieces[p->payload.n_pieces++] = (csvc_bytes){len, p->data + at};
    }
    return &p->payload;
}

static packed p;

static void assert_unpacks(const uint8_t *data, size_t len, size_t step, size_t max)
{
    csvc_payload *payload = in_pieces(&p, step);
    csvc_error err = {CSVC_ERROR_INIT};

    if (csvc__payload_unpack(&payload, max, &err) != CSVC_OK) {
        fail_msg("%zu bytes in steps of %zu: %s", len, step, err.text);
    }
    assert_int_equal(1, p.disposed);
    assert_false(payload->compressed);
    assert_int_equal(len, payload->len);
    assert_int_equal(len > 0 ? 1 : 0, payload->n_pieces);
    if (len > 0) {
        assert_int_equal(len, payload->pieces[0].len);
        assert_memory_equal(data, payload->pieces[0].data, len);
    }
    csvc__payload_unref(payload);
}

static void assert_refused(csvc_code code, size_t step, size_t max)
{
    csvc_payload *payload = in_pieces(&p, step);
    csvc_error err = {CSVC_ERROR_INIT};

    assert_int_equal(code, csvc__payload_unpack(&payload, max, &err));
    assert_ptr_equal(&p.payload, payload);
    assert_int_equal(0, p.disposed);
    csvc__payload_unref(payload);
}

static uint8_t *some_bytes(size_t len)
{
    uint8_t *data = malloc(len + 1);
    uint32_t x = 1;

    for (size_t i = 0; i < len; i++) {
        x = x * 1103515245 + 12345;
        data[i] = (uint8_t)(x >> 16 & 15);
    }
    return data;
}

static void what_was_packed_comes_out(void **state)
{
    static const size_t sizes[] = {0, 1, 100, 4095, 4096, 4097, 100000, 1 << 20};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        uint8_t *data = some_bytes(sizes[i]);

        pack(&p, data, sizes[i], 15 + 16);
        assert_unpacks(data, sizes[i], p.len, 1 << 20);
        assert_unpacks(data, sizes[i], p.len / 1000 + 1, 1 << 20);
        free(p.data);
        free(data);
    }
}

static void the_maximum_is_for_what_comes_out(void **state)
{
    static const size_t sizes[] = {1, 4096, 5000, 8192, 100000};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        uint8_t *data = some_bytes(sizes[i]);

        pack(&p, data, sizes[i], 15 + 16);
        assert_unpacks(data, sizes[i], p.len, sizes[i]);
        assert_unpacks(data, sizes[i], 7 + p.len / 1000, sizes[i]);
        assert_refused(CSVC_RESOURCE_EXHAUSTED, p.len, sizes[i] - 1);
        assert_refused(CSVC_RESOURCE_EXHAUSTED, 7 + p.len / 1000, sizes[i] - 1);
        assert_refused(CSVC_RESOURCE_EXHAUSTED, p.len, 0);
        free(p.data);
        free(data);
    }
}

static void bad_ones_are_refused(void **state)
{
    uint8_t *data = some_bytes(5000);

    (void)state;
    pack(&p, data, 5000, 15 + 16);
    for (size_t cut = 0; cut < p.len; cut += 7) {
        size_t whole = p.len;

        p.len = cut;
        assert_refused(CSVC_INTERNAL, 100, 1 << 20);
        p.len = whole;
    }
    p.data[p.len - 8] ^= 1; /* the sum of the bytes */
    assert_refused(CSVC_INTERNAL, p.len, 1 << 20);
    p.data[p.len - 8] ^= 1;
    p.data[p.len] = 'x'; /* something behind it */
    p.len++;
    assert_refused(CSVC_INTERNAL, p.len, 1 << 20);
    p.len--;
    p.data[0] ^= 1;
    assert_refused(CSVC_INTERNAL, p.len, 1 << 20);
    free(p.data);
    pack(&p, data, 5000, 15); /* zlib's own header */
    assert_refused(CSVC_INTERNAL, p.len, 1 << 20);
    free(p.data);
    free(data);
}

/* Members one behind the other are one text: RFC 1952. */
static void members_follow_each_other(void **state)
{
    uint8_t *data = some_bytes(9000);
    uint8_t *both;
    size_t len;

    (void)state;
    pack(&p, data, 4096, 15 + 16);
    both = p.data;
    len = p.len;
    pack(&p, data + 4096, 9000 - 4096, 15 + 16);
    both = realloc(both, len + p.len + 1);
    memcpy(both + len, p.data, p.len);
    free(p.data);
    p.data = both;
    p.len += len;
    assert_unpacks(data, 9000, p.len, 9000);
    assert_unpacks(data, 9000, 3, 1 << 20);
    free(p.data);
    free(data);
}

static void a_plain_one_stays(void **state)
{
    uint8_t *data;
    csvc_payload *payload = csvc__payload_new(3, &data);
    csvc_payload *same = payload;
    csvc_error err = {CSVC_ERROR_INIT};

    (void)state;
    assert_non_null(payload);
    memcpy(data, "abc", 3);
    assert_int_equal(CSVC_OK, csvc__payload_unpack(&payload, 1, &err));
    assert_ptr_equal(same, payload);
    csvc__payload_unref(payload);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_packed_comes_out),
        cmocka_unit_test(the_maximum_is_for_what_comes_out),
        cmocka_unit_test(bad_ones_are_refused),
        cmocka_unit_test(members_follow_each_other),
        cmocka_unit_test(a_plain_one_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
