/*
 * transport/gzip.c: messages packed with gzip.
 *
 * A transport hands received ones up as they came: who decodes a message unpacks it first, on the
 * thread that decodes, never to more than a message may have. A few bytes can stand for gigabytes.
 */
#include <csvc/alloc.h>
#include <transport/seam.h>

#include <limits.h>
#include <string.h>
#include <zlib.h>

#include <base/banned.h>

enum {
    GZIP_WINDOW = 15 + 16, /* gzip's header, and not zlib's */
    FIRST_ROOM = 4096,
    MEMORY_LEVEL = 8 /* zlib's own default */
};

/* What comes out, growing up to a maximum. */
typedef struct unpacked {
    csvc_payload payload;
    csvc_bytes piece;
    uint8_t *data;
    size_t room, max;
} unpacked;

static void *take(void *self, unsigned count, unsigned size)
{
    (void)self;
    return csvc__calloc(count, size);
}

static void give(void *self, void *memory)
{
    (void)self;
    csvc__free(memory);
}

static void dispose(csvc_payload *payload)
{
    unpacked *out = (unpacked *)payload;

    csvc__free(out->data);
    csvc__free(out);
}

/* More room behind what is there; a byte above the maximum shows that there would be more. */
static csvc_code grow(unpacked *out, csvc_error *err)
{
    size_t room = out->room < FIRST_ROOM ? FIRST_ROOM : 2 * out->room;
    uint8_t *data = NULL;

    if (out->room > out->max) {
        return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED,
                              "a compressed message becomes longer than the %zu bytes allowed",
                              out->max);
    }
    if (room > out->max) {
        room = out->max + 1;
    }
    data = csvc__realloc(out->data, room);
    if (data == NULL) {
        return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    }
    out->data = data;
    out->room = room;
    return CSVC_OK;
}

static csvc_code no_gzip(csvc_error *err)
{
    return csvc_error_set(err, CSVC_INTERNAL, "a compressed message is no gzip, or is cut short");
}

/* Unpacks one piece. `ended`: the bytes of a member were complete, more may follow. */
static csvc_code unpack_piece(z_stream *z, unpacked *out, csvc_bytes piece, bool *ended,
                              csvc_error *err)
{
    z->next_in = (Bytef *)(uintptr_t)piece.data;
    z->avail_in = (uInt)piece.len;
    for (;;) {
        csvc_code code = CSVC_OK;
        uInt room = 0;
        int rc = Z_OK;

        if (out->payload.len == out->room) {
            code = grow(out, err);
            if (code != CSVC_OK) {
                return code;
            }
        }
        if (*ended) {
            if (z->avail_in == 0) {
                return CSVC_OK;
            }
            *ended = false; /* another member: its bytes follow those of the one before */
            (void)inflateReset(z);
        }
        room = (uInt)(out->room - out->payload.len);
        z->next_out = out->data + out->payload.len;
        z->avail_out = room;
        rc = inflate(z, Z_NO_FLUSH);
        out->payload.len += room - z->avail_out;
        *ended = rc == Z_STREAM_END;
        if (rc == Z_MEM_ERROR) {
            return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
        }
        if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR) {
            return no_gzip(err);
        }
        if (!*ended && z->avail_out > 0) {
            return CSVC_OK; /* all that the piece had is out */
        }
    }
}

static csvc_code unpack(const csvc_payload *packed, unpacked *out, csvc_error *err)
{
    z_stream z = {.zalloc = take, .zfree = give};
    csvc_code code = CSVC_OK;
    bool ended = false;

    if (inflateInit2(&z, GZIP_WINDOW) != Z_OK) {
        return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    }
    for (size_t i = 0; i < packed->n_pieces && code == CSVC_OK; i++) {
        code = unpack_piece(&z, out, packed->pieces[i], &ended, err);
    }
    (void)inflateEnd(&z);
    if (code == CSVC_OK && !ended) {
        code = no_gzip(err);
    }
    if (code == CSVC_OK && out->payload.len > out->max) {
        code = grow(out, err); /* says so */
    }
    return code;
}

csvc_code csvc__payload_unpack(csvc_payload **payload, size_t max, csvc_error *err)
{
    csvc_payload *packed = *payload;
    unpacked *out = NULL;
    csvc_code code = CSVC_OK;

    if (!packed->compressed) {
        return CSVC_OK;
    }
    if (packed->len > UINT_MAX || max >= UINT_MAX) {
        return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "a compressed message is too long");
    }
    out = csvc__calloc(1, sizeof(*out));
    if (out == NULL) {
        return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    }
    out->max = max;
    code = unpack(packed, out, err);
    if (code != CSVC_OK) {
        dispose(&out->payload);
        return code;
    }
    out->piece = (csvc_bytes){.len = out->payload.len, .data = out->data};
    out->payload.dispose = dispose;
    out->payload.n_pieces = out->payload.len > 0 ? 1 : 0;
    out->payload.pieces = &out->piece;
    atomic_init(&out->payload.refs, 1);
    csvc__payload_unref(packed);
    *payload = &out->payload;
    return CSVC_OK;
}

/* ---- packing ---- */

csvc_payload *csvc__payload_pack(const csvc_bytes *pieces, size_t n_pieces)
{
    z_stream z = {.zalloc = take, .zfree = give};
    csvc_payload *packed = NULL;
    uint8_t *data = NULL;
    size_t len = 0;
    int rc = Z_OK;

    for (size_t i = 0; i < n_pieces; i++) {
        len += pieces[i].len;
    }
    if (len == 0 || len > UINT_MAX / 2 ||
        deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, MEMORY_LEVEL,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
        return NULL;
    }
    packed = csvc__payload_new(len, &data); /* what becomes longer is sent as it is */
    z.next_out = data;
    z.avail_out = packed != NULL ? (uInt)len : 0;
    for (size_t i = 0; i < n_pieces && rc == Z_OK && z.avail_out > 0; i++) {
        z.next_in = (Bytef *)(uintptr_t)pieces[i].data;
        z.avail_in = (uInt)pieces[i].len;
        rc = deflate(&z, i + 1 == n_pieces ? Z_FINISH : Z_NO_FLUSH);
    }
    (void)deflateEnd(&z);
    if (packed == NULL || rc != Z_STREAM_END) {
        csvc__payload_unref(packed);
        return NULL;
    }
    csvc__payload_cut(packed, len - z.avail_out);
    packed->compressed = true;
    return packed;
}
