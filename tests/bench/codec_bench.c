/*
 * bench/codec_bench.c: decode and encode against protobuf-c's unpack and pack.
 *
 * A flat, a nested and a repeated message. Ours and protobuf-c's take turns, best of five rounds;
 * ours in an arena as a call has one (reset each time), protobuf-c's with its malloc. Encoding
 * is into memory that is there, for both. The program beside this one, codec_bench_cpp, prints what
 * C++ protobuf needs for the same bytes, and is run when it was built.
 *
 *     codec_bench             the table; exit code 1 when a ratio is below 1.5
 *     codec_bench --bytes X   the encoded message X on standard output, for the C++ program
 */
#include <base/arena.h>
#include <base/clock.h>
#include <codec/codec.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* one translation unit, so that no file of a support folder is a program */
#include "support/codec_bench.pb-c.c"
#include "support/codec_bench_types.c"

enum {
    ROUNDS = 5,
    N_USERS = 20,
    N_NUMBERS = 100
};

struct subject {
    const char *name;
    const csvc_message_type *type;
    const void *message;
    csvc_bytes bytes;
};

static void fill_flat(CodecBench__Flat *m, int i)
{
    static char names[N_USERS][24];
    static char emails[N_USERS][40];

    snprintf(names[i], sizeof(names[i]), "ada-lovelace-%d", i);
    snprintf(emails[i], sizeof(emails[i]), "ada.lovelace.%d@example.org", i);
    codec_bench__flat__init(m);
    m->id = 1000000 + i;
    m->username = names[i];
    m->email = emails[i];
    m->full_name = (char *)"Augusta Ada King, Countess of Lovelace";
    m->created_at = 1763716740 + i;
    m->updated_at = 1763716799 + i;
    m->verified = 1;
    m->status = CODEC_BENCH__STATUS__ACTIVE;
    m->logins = 321 * i;
    m->score = 0.25 * i;
    m->locale = (char *)"en_GB";
}

static void fill_nested(CodecBench__Nested *m, CodecBench__Nested *previous)
{
    static CodecBench__Nested__Customer customer = CODEC_BENCH__NESTED__CUSTOMER__INIT;
    static CodecBench__Address address = CODEC_BENCH__ADDRESS__INIT;
    static CodecBench__Money money = CODEC_BENCH__MONEY__INIT;

    address.street = (char *)"12 St James's Square";
    address.city = (char *)"London";
    address.zip = (char *)"SW1Y 4JH";
    address.country = (char *)"GB";
    money.currency = (char *)"GBP";
    money.units = 1234;
    money.nanos = 500000000;
    customer.id = 77;
    customer.name = (char *)"Charles Babbage";
    customer.home = &address;
    customer.work = &address;
    codec_bench__nested__init(m);
    m->id = 987654;
    m->customer = &customer;
    m->ship_to = &address;
    m->total = &money;
    m->tax = &money;
    m->previous = previous;
}

static void fill_repeated(CodecBench__Repeated *m)
{
    static CodecBench__Flat users[N_USERS];
    static CodecBench__Flat *pointers[N_USERS];
    static int32_t numbers[N_NUMBERS];
    static double samples[N_NUMBERS];
    static char *tags[N_USERS];

    codec_bench__repeated__init(m);
    for (int i = 0; i < N_USERS; i++) {
        fill_flat(&users[i], i);
        pointers[i] = &users[i];
        tags[i] = (char *)"a-tag";
    }
    for (int i = 0; i < N_NUMBERS; i++) {
        numbers[i] = i * i;
        samples[i] = i * 0.5;
    }
    m->n_users = N_USERS;
    m->users = pointers;
    m->n_numbers = N_NUMBERS;
    m->numbers = numbers;
    m->n_tags = N_USERS;
    m->tags = tags;
    m->n_samples = N_NUMBERS;
    m->samples = samples;
    m->total = N_USERS;
}

static void must(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "codec_bench: %s\n", what);
        exit(2);
    }
}

/* ---- what is measured: each does one thing `n` times -------------------------------------------
 */

static void our_decode(const struct subject *s, int n)
{
    csvc_arena *a = csvc_arena_new(0);
    void *message;

    for (int i = 0; i < n; i++) {
        must(csvc_decode(a, s->type, s->bytes, NULL, &message, NULL) == CSVC_OK, "decode");
        csvc_arena_reset(a);
    }
    csvc_arena_free(a);
}

static void our_encode(const struct subject *s, int n)
{
    static uint8_t scratch[16384];
    csvc_bytes bytes;

    for (int i = 0; i < n; i++) {
        must(csvc__encode_into(s->type, s->message, scratch, sizeof(scratch), NULL, &bytes, NULL) ==
                     CSVC_OK &&
                 bytes.len == s->bytes.len,
             "encode");
    }
}

static void their_decode(const struct subject *s, int n)
{
    for (int i = 0; i < n; i++) {
        ProtobufCMessage *m =
            protobuf_c_message_unpack(s->type->descriptor, NULL, s->bytes.len, s->bytes.data);

        must(m != NULL, "unpack");
        protobuf_c_message_free_unpacked(m, NULL);
    }
}

/*
 * protobuf-c's pack trusts that there is room, so a program asks for the size first, which is a
 * pass of its own; ours looks for itself. The bare pack is shown, too.
 */
static void their_encode(const struct subject *s, int n)
{
    static uint8_t memory[16384];

    for (int i = 0; i < n; i++) {
        must(protobuf_c_message_get_packed_size(s->message) <= sizeof(memory) &&
                 protobuf_c_message_pack(s->message, memory) == s->bytes.len,
             "pack");
    }
}

static void bare_pack(const struct subject *s, int n)
{
    static uint8_t memory[16384];

    for (int i = 0; i < n; i++) {
        must(protobuf_c_message_pack(s->message, memory) == s->bytes.len, "pack");
    }
}

typedef void measured(const struct subject *s, int n);

static double nanos_each(measured *one, const struct subject *s, int n)
{
    int64_t start = csvc__now();

    one(s, n);
    return (double)(csvc__now() - start) / n;
}

/* How often it is done in about 50 ms. */
static int calibrate(measured *one, const struct subject *s)
{
    int n = 64;

    while (nanos_each(one, s, n) * n < 10e6) {
        n *= 2;
    }
    return n * 5;
}

/* Best times, in turn. */
static void compare(const struct subject *s, measured *const *peers, size_t n_peers,
                    double *ret_best)
{
    int n = calibrate(peers[1], s);

    for (size_t i = 0; i < n_peers; i++) {
        ret_best[i] = 1e18;
    }
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < n_peers; i++) {
            double nanos = nanos_each(peers[i], s, n);

            ret_best[i] = nanos < ret_best[i] ? nanos : ret_best[i];
        }
    }
}

static bool report(const struct subject *s)
{
    measured *const decoders[] = {our_decode, their_decode};
    measured *const encoders[] = {our_encode, their_encode, bare_pack};
    double d[2];
    double e[3];

    compare(s, decoders, 2, d);
    compare(s, encoders, 3, e);
    printf("%-9s %6zu  %7.0f %7.0f %6.2fx  %7.0f %7.0f %6.2fx  (%.0f)\n", s->name, s->bytes.len,
           d[0], d[1], d[1] / d[0], e[0], e[1], e[1] / e[0], e[2]);
    return d[1] / d[0] >= 1.5 && e[1] / e[0] >= 1.5;
}

int main(int argc, char **argv)
{
    CodecBench__Flat flat;
    CodecBench__Nested first;
    CodecBench__Nested nested;
    CodecBench__Repeated repeated;
    struct subject subjects[] = {{"flat", &codec_bench__flat__type, &flat, {0, NULL}},
                                 {"nested", &codec_bench__nested__type, &nested, {0, NULL}},
                                 {"repeated", &codec_bench__repeated__type, &repeated, {0, NULL}}};
    csvc_arena *a = csvc_arena_new(0);
    bool ok = true;
    char *slash = strrchr(argv[0], '/');
    char cpp[4096];
    FILE *file;

    fill_flat(&flat, 7);
    fill_nested(&first, NULL);
    fill_nested(&nested, &first);
    fill_repeated(&repeated);
    for (size_t i = 0; i < 3; i++) {
        must(csvc_encode(a, subjects[i].type, subjects[i].message, &subjects[i].bytes, NULL) ==
                 CSVC_OK,
             "encode");
        if (argc == 3 && strcmp(argv[1], "--bytes") == 0 &&
            strcmp(argv[2], subjects[i].name) == 0) {
            fwrite(subjects[i].bytes.data, 1, subjects[i].bytes.len, stdout);
            csvc_arena_free(a);
            return 0;
        }
    }
    printf("ns                  decode, protobuf-c         encode, protobuf-c\n"
           "message    bytes     ours  unpack   ratio     ours size+pack ratio  (pack)\n");
    for (size_t i = 0; i < 3; i++) {
        ok = report(&subjects[i]) && ok;
    }
    csvc_arena_free(a);
    fflush(stdout);
    snprintf(cpp, sizeof(cpp), "%.*s/codec_bench_cpp", slash != NULL ? (int)(slash - argv[0]) : 1,
             slash != NULL ? argv[0] : ".");
    file = fopen(cpp, "rb");
    if (file == NULL) {
        printf("C++ protobuf: %s is not built\n", cpp);
    } else {
        fclose(file);
        snprintf(cpp + strlen(cpp), sizeof(cpp) - strlen(cpp), " '%s'", argv[0]);
        fflush(stdout);
        must(system(cpp) == 0, "codec_bench_cpp failed");
    }
    return ok ? 0 : 1;
}
