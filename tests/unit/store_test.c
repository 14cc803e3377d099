/* The store of an entity: create, get, update, delete, on a database in memory and on a file. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <base/clock.h>
#include <rpc/ctx.h>

#include <stdio.h>
#include <string.h>

#include "codec_types.h"
#include "store_types.h"

struct fixture {
    csvc_db *db;
    csvc_ctx *ctx;
    char folder[256];
};

static struct fixture on_disk;
static struct fixture in_memory;

static int open_memory(void **state)
{
    in_memory.db = store_open_memory();
    in_memory.ctx = csvc_ctx_new(NULL);
    *state = &in_memory;
    return in_memory.ctx == NULL;
}

static int open_disk(void **state)
{
    on_disk.db = store_open(store_new_url(on_disk.folder), NULL);
    on_disk.ctx = csvc_ctx_new(NULL);
    *state = &on_disk;
    return on_disk.ctx == NULL;
}

static int close_all(void **state)
{
    struct fixture *f = *state;

    f->ctx = csvc_ctx_unref(f->ctx);
    f->db = csvc_db_close(f->db);
    if (f == &on_disk) {
        store_remove(f->folder);
    }
    return 0;
}

#define assert_fails(code, text, call)                                                             \
    do {                                                                                           \
        csvc_code got_ = (call);                                                                   \
        if (got_ != (code)) {                                                                      \
            print_error("%s: %s\n", csvc_code_name(got_), csvc_fail_text(f->ctx, got_));           \
        }                                                                                          \
        assert_int_equal(code, got_);                                                              \
        assert_string_equal(text, csvc_fail_text(f->ctx, code));                                   \
    } while (0)

static void *created(struct fixture *f, const csvc_entity *entity, const void *message)
{
    void *row = NULL;
    csvc_code code = csvc_store_create(f->db, f->ctx, entity, message, &row);

    if (code != CSVC_OK) {
        fail_msg("%s: %s", csvc_code_name(code), csvc_fail_text(f->ctx, code));
    }
    return row;
}

static User *created_user(struct fixture *f, const char *username, const char *email)
{
    User user = user_of(username, email);

    return created(f, &user_entity, &user);
}

static void a_row_comes_back_as_it_was_stored(void **state)
{
    struct fixture *f = *state;
    User user = user_of("ada", "ada@example.org");
    User *row;
    void *again;
    int64_t seconds;
    int32_t nanos;

    user.id = 77; /* not the caller's to choose */
    user.full_name = (char *)"Ada 'Robert\"); DROP TABLE users;--";
    user.created_at = (char *)"yesterday";
    user.password = (char *)"secret";
    row = created(f, &user_entity, &user);
    assert_int_equal(1, row->id);
    assert_string_equal("ada", row->username);
    assert_string_equal("ada@example.org", row->email);
    assert_string_equal(user.full_name, row->full_name);
    assert_string_equal("", row->password);
    assert_int_equal(0, row->age_case);
    assert_int_equal(20, strlen(row->created_at));
    assert_true(csvc__rfc3339_parse(row->created_at, &seconds, &nanos));
    assert_true(csvc__unix_now() / CSVC__SECOND - seconds <= 60);
    assert_string_equal(row->created_at, row->updated_at);
    assert_int_equal(CSVC_OK, csvc_store_get(f->db, f->ctx, &user_entity, row, &again));
    assert_true(csvc_message_equal(&user_type, row, again));
}

static void absent_and_zero_are_not_the_same(void **state)
{
    struct fixture *f = *state;
    User user = user_of("ada", "a");
    User *row;

    user.age_case = USER_AGE;
    user.age = 0;
    row = created(f, &user_entity, &user);
    assert_int_equal(USER_AGE, row->age_case);
    row->age_case = 0;
    assert_int_equal(CSVC_OK, csvc_store_update(f->db, f->ctx, &user_entity, row, USER_AGE_COLUMN,
                                                (void **)&row));
    assert_int_equal(0, row->age_case);
    row->age_case = USER_AGE;
    row->age = -5;
    assert_int_equal(CSVC_OK, csvc_store_update(f->db, f->ctx, &user_entity, row, USER_AGE_COLUMN,
                                                (void **)&row));
    assert_int_equal(USER_AGE, row->age_case);
    assert_int_equal(-5, row->age);
}

static void what_is_required_is_required(void **state)
{
    struct fixture *f = *state;
    User user = user_of("", "a");
    User *row = created_user(f, "ada", "a");
    void *none = NULL;

    assert_fails(CSVC_INVALID_ARGUMENT, "username is required",
                 csvc_store_create(f->db, f->ctx, &user_entity, &user, &none));
    user = user_of("bob", NULL);
    assert_fails(CSVC_INVALID_ARGUMENT, "email is required",
                 csvc_store_create(f->db, f->ctx, &user_entity, &user, &none));
    row->username = (char *)"";
    assert_fails(CSVC_INVALID_ARGUMENT, "username is required",
                 csvc_store_update(f->db, f->ctx, &user_entity, row, USER_USERNAME, &none));
    assert_int_equal(CSVC_OK,
                     csvc_store_update(f->db, f->ctx, &user_entity, row, USER_FULL_NAME, &none));
}

static void lengths_are_counted_in_characters(void **state)
{
    struct fixture *f = *state;
    User user = user_of("123456789012345678901", "a");
    void *none = NULL;

    assert_fails(CSVC_INVALID_ARGUMENT, "username is longer than 20 characters",
                 csvc_store_create(f->db, f->ctx, &user_entity, &user, &none));
    /* 20 characters in 40 bytes */
    (void)created_user(f, "ääääääääääääääääääää", "a");
}

static void text_that_is_no_text_is_refused(void **state)
{
    struct fixture *f = *state;
    User user = user_of("a\xff", "a");
    void *none = NULL;

    assert_fails(CSVC_INVALID_ARGUMENT, "username is not UTF-8",
                 csvc_store_create(f->db, f->ctx, &user_entity, &user, &none));
}

static void a_taken_value_is_named(void **state)
{
    struct fixture *f = *state;
    User user = user_of("ada", "b");
    User *row = created_user(f, "bob", "bob@example.org");
    void *none = NULL;

    (void)created_user(f, "ada", "a");
    assert_fails(CSVC_ALREADY_EXISTS, "username \"ada\" is already taken",
                 csvc_store_create(f->db, f->ctx, &user_entity, &user, &none));
    user = user_of("eve", "a");
    assert_fails(CSVC_ALREADY_EXISTS, "email \"a\" is already taken",
                 csvc_store_create(f->db, f->ctx, &user_entity, &user, &none));
    /* both: the first in order */
    user = user_of("ada", "a");
    assert_fails(CSVC_ALREADY_EXISTS, "username \"ada\" is already taken",
                 csvc_store_create(f->db, f->ctx, &user_entity, &user, &none));
    user.id = row->id;
    user.username = (char *)"bob"; /* its own */
    assert_fails(
        CSVC_ALREADY_EXISTS, "email \"a\" is already taken",
        csvc_store_update(f->db, f->ctx, &user_entity, &user, USER_USERNAME | USER_EMAIL, &none));
    row->username = (char *)"ada";
    assert_fails(CSVC_ALREADY_EXISTS, "username \"ada\" is already taken",
                 csvc_store_update(f->db, f->ctx, &user_entity, row, USER_USERNAME, &none));
    /* its own value is not taken */
    row->username = (char *)"bob";
    assert_int_equal(CSVC_OK,
                     csvc_store_update(f->db, f->ctx, &user_entity, row, USER_USERNAME, &none));
}

static void a_long_value_is_shown_cut_and_harmless(void **state)
{
    struct fixture *f = *state;
    char email[200];
    User user;
    void *none = NULL;

    memset(email, 'x', sizeof(email));
    email[2] = '\n';
    email[3] = '"';
    memcpy(email + 63, "ä", 2); /* straddles the cut */
    email[199] = '\0';
    (void)created_user(f, "ada", email);
    user = user_of("bob", email);
    assert_fails(CSVC_ALREADY_EXISTS,
                 "email \"xx?'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...\" "
                 "is already taken",
                 csvc_store_create(f->db, f->ctx, &user_entity, &user, &none));
}

static void a_key_must_be_one(void **state)
{
    struct fixture *f = *state;
    User user = user_of("ada", "a");
    Event event = event_init();
    void *none = NULL;

    assert_fails(CSVC_INVALID_ARGUMENT, "id must be positive",
                 csvc_store_get(f->db, f->ctx, &user_entity, &user, &none));
    user.id = -1;
    assert_fails(CSVC_INVALID_ARGUMENT, "id must be positive",
                 csvc_store_update(f->db, f->ctx, &user_entity, &user, USER_EMAIL, &none));
    assert_fails(CSVC_INVALID_ARGUMENT, "id must be positive",
                 csvc_store_delete(f->db, f->ctx, &user_entity, &user));
    assert_fails(CSVC_INVALID_ARGUMENT, "id is required",
                 csvc_store_get(f->db, f->ctx, &event_entity, &event, &none));
}

static void what_is_not_there_is_not_found(void **state)
{
    struct fixture *f = *state;
    User user = user_of("ada", "a");
    Event event = event_init();
    void *none = NULL;

    user.id = 42;
    assert_fails(CSVC_NOT_FOUND, "user 42 not found",
                 csvc_store_get(f->db, f->ctx, &user_entity, &user, &none));
    assert_fails(CSVC_NOT_FOUND, "user 42 not found",
                 csvc_store_update(f->db, f->ctx, &user_entity, &user, USER_EMAIL, &none));
    assert_fails(CSVC_NOT_FOUND, "user 42 not found",
                 csvc_store_update(f->db, f->ctx, &user_entity, &user, 0, &none));
    assert_fails(CSVC_NOT_FOUND, "user 42 not found",
                 csvc_store_delete(f->db, f->ctx, &user_entity, &user));
    event.id = (char *)"x'y";
    assert_fails(CSVC_NOT_FOUND, "event \"x'y\" not found",
                 csvc_store_get(f->db, f->ctx, &event_entity, &event, &none));
    assert_null(none);
}

static void an_update_changes_only_its_columns(void **state)
{
    struct fixture *f = *state;
    const csvc_value old[] = {
        {.type = CSVC_VALUE_TEXT,
         .bytes = {.len = 20, .data = (const uint8_t *)"2001-01-01T00:00:00Z"}}};
    User *row = created_user(f, "ada", "a");
    User change = user_init();
    User *after;

    assert_int_equal(CSVC_OK, csvc_db_exec(f->db, f->ctx,
                                           "UPDATE users SET created_at = ?1, updated_at = ?1", old,
                                           1, NULL));
    change.id = row->id;
    change.username = (char *)"not this";
    change.full_name = (char *)"Ada";
    change.created_at = (char *)"nor this";
    assert_int_equal(
        CSVC_OK, csvc_store_update(f->db, f->ctx, &user_entity, &change,
                                   USER_FULL_NAME | USER_ID | USER_CREATED_AT | UINT64_C(1) << 63,
                                   (void **)&after));
    assert_string_equal("ada", after->username);
    assert_string_equal("Ada", after->full_name);
    assert_string_equal("2001-01-01T00:00:00Z", after->created_at);
    assert_string_not_equal("2001-01-01T00:00:00Z", after->updated_at);
    /* nothing to change is no change */
    assert_int_equal(CSVC_OK,
                     csvc_db_exec(f->db, f->ctx, "UPDATE users SET updated_at = ?1", old, 1, NULL));
    assert_int_equal(
        CSVC_OK, csvc_store_update(f->db, f->ctx, &user_entity, &change, USER_ID, (void **)&after));
    assert_string_equal("2001-01-01T00:00:00Z", after->updated_at);
}

static void a_deleted_row_is_gone_and_its_key_not_given_again(void **state)
{
    struct fixture *f = *state;
    User *row = created_user(f, "ada", "a");
    void *none = NULL;

    assert_int_equal(CSVC_OK, csvc_store_delete(f->db, f->ctx, &user_entity, row));
    assert_fails(CSVC_NOT_FOUND, "user 1 not found",
                 csvc_store_delete(f->db, f->ctx, &user_entity, row));
    assert_int_equal(CSVC_NOT_FOUND, csvc_store_get(f->db, f->ctx, &user_entity, row, &none));
    assert_int_equal(2, created_user(f, "ada", "a")->id);
}

static void a_string_key_is_made_or_kept(void **state)
{
    struct fixture *f = *state;
    Event event = event_init();
    Event *first, *second;
    void *none = NULL;

    event.name = (char *)"x";
    first = created(f, &event_entity, &event);
    second = created(f, &event_entity, &event);
    assert_int_equal(36, strlen(first->id));
    assert_int_equal('7', first->id[14]);
    assert_true(strchr("89ab", first->id[19]) != NULL);
    assert_true(strncmp(first->id, second->id, 13) <= 0); /* the time */
    assert_string_not_equal(first->id, second->id);
    event.id = (char *)"mine";
    assert_string_equal("mine", ((Event *)created(f, &event_entity, &event))->id);
    assert_fails(CSVC_ALREADY_EXISTS, "id \"mine\" is already taken",
                 csvc_store_create(f->db, f->ctx, &event_entity, &event, &none));
}

static void well_known_types_keep_their_meaning(void **state)
{
    struct fixture *f = *state;
    Google__Protobuf__Timestamp at = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    Google__Protobuf__Duration took = GOOGLE__PROTOBUF__DURATION__INIT;
    Google__Protobuf__Int64Value count = GOOGLE__PROTOBUF__INT64_VALUE__INIT;
    Google__Protobuf__StringValue label = GOOGLE__PROTOBUF__STRING_VALUE__INIT;
    Event event = event_init();
    Event *row;
    csvc_db_rows rows;
    void *none = NULL;

    row = created(f, &event_entity, &event);
    assert_null(row->at);
    assert_null(row->took);
    assert_null(row->count);
    assert_null(row->label);
    assert_true(row->created_at->seconds > 1700000000);

    at.seconds = -62135596800;
    at.nanos = 999999999;
    took.seconds = -3;
    took.nanos = -5;
    event.at = &at;
    event.took = &took;
    event.count = &count; /* there, and 0 */
    event.label = &label; /* there, and "" */
    row = created(f, &event_entity, &event);
    assert_true(csvc_message_equal(&google__protobuf__timestamp__type, &at, row->at));
    assert_true(csvc_message_equal(&google__protobuf__duration__type, &took, row->took));
    assert_int_equal(0, row->count->value);
    assert_string_equal("", row->label->value);
    assert_int_equal(CSVC_OK, csvc_db_query(f->db, f->ctx,
                                            "SELECT at, took FROM events WHERE at IS NOT NULL",
                                            NULL, 0, 10, &rows));
    assert_int_equal(1, rows.n_rows);
    assert_string_equal("0001-01-01T00:00:00.999999999Z", (const char *)rows.values[0].bytes.data);
    assert_int_equal(-3000000005, rows.values[1].i);

    at.nanos = 1000000000;
    assert_fails(CSVC_INVALID_ARGUMENT, "at is not a valid time",
                 csvc_store_create(f->db, f->ctx, &event_entity, &event, &none));
    at.nanos = 0;
    at.seconds = 253402300800;
    assert_fails(CSVC_INVALID_ARGUMENT, "at is not a valid time",
                 csvc_store_create(f->db, f->ctx, &event_entity, &event, &none));
    at.seconds = 0;
    took.seconds = 5;
    assert_fails(CSVC_INVALID_ARGUMENT, "took is not a valid duration",
                 csvc_store_create(f->db, f->ctx, &event_entity, &event, &none));
    took.nanos = 0;
    took.seconds = 315576000000;
    assert_fails(CSVC_INVALID_ARGUMENT, "took is longer than 292 years",
                 csvc_store_create(f->db, f->ctx, &event_entity, &event, &none));
}

static void a_stored_value_that_cannot_be_is_said(void **state)
{
    struct fixture *f = *state;
    Event event = event_init();
    User *user = created_user(f, "ada", "a");
    Event *row = created(f, &event_entity, &event);
    void *none = NULL;

    assert_int_equal(CSVC_OK,
                     csvc_db_exec(f->db, f->ctx, "UPDATE events SET at = 'soon'", NULL, 0, NULL));
    assert_fails(CSVC_DATA_LOSS, "the stored at is not a time",
                 csvc_store_get(f->db, f->ctx, &event_entity, row, &none));
    assert_int_equal(
        CSVC_OK, csvc_db_exec(f->db, f->ctx, "UPDATE users SET age = 5000000000", NULL, 0, NULL));
    assert_fails(CSVC_DATA_LOSS, "the stored age is no number of its type",
                 csvc_store_get(f->db, f->ctx, &user_entity, user, &none));
    assert_int_equal(CSVC_OK,
                     csvc_db_exec(f->db, f->ctx,
                                  "UPDATE users SET age = 1, full_name = CAST(x'410042' AS TEXT)",
                                  NULL, 0, NULL));
    assert_fails(CSVC_DATA_LOSS, "the stored full_name is not a text in UTF-8",
                 csvc_store_get(f->db, f->ctx, &user_entity, user, &none));
}

static void an_inline_handler_may_not_wait(void **state)
{
    struct fixture *f = *state;
    User user = user_of("ada", "a");
    csvc_store_rows rows;
    void *none = NULL;

    f->ctx->may_block = false;
    user.id = 1;
    assert_int_equal(CSVC_FAILED_PRECONDITION,
                     csvc_store_create(f->db, f->ctx, &user_entity, &user, &none));
    assert_int_equal(CSVC_FAILED_PRECONDITION,
                     csvc_store_get(f->db, f->ctx, &user_entity, &user, &none));
    assert_int_equal(CSVC_FAILED_PRECONDITION,
                     csvc_store_list(f->db, f->ctx, &user_entity, NULL, &rows));
    assert_int_equal(CSVC_FAILED_PRECONDITION,
                     csvc_db_exec(f->db, f->ctx, "DELETE FROM users", NULL, 0, NULL));
    f->ctx->may_block = true;
}

static void a_ctx_that_has_ended_runs_nothing(void **state)
{
    struct fixture *f = *state;
    User user = user_of("ada", "a");
    void *none = NULL;
    csvc_ctx *ended = csvc_ctx_new(NULL);

    csvc_ctx_cancel(ended);
    assert_int_equal(CSVC_CANCELLED, csvc_store_create(f->db, ended, &user_entity, &user, &none));
    ended = csvc_ctx_unref(ended);
    (void)created_user(f, "ada", "a"); /* so it was not stored */
}

/* ---- every kind of field ---- */

/* All fields of codec3.All as columns, the table written by the rules of docs/internals/store.md.
 */
static csvc_column all_columns[64];
static csvc_entity all_entity = {
    .struct_size = sizeof(csvc_entity), .name = "thing", .table = "things", .columns = all_columns};

static const char *sql_type(const csvc_field *f)
{
    if (f->label == CSVC_LABEL_REPEATED || f->kind == CSVC_KIND_MESSAGE ||
        f->kind == CSVC_KIND_BYTES) {
        return "BLOB";
    }
    return f->kind == CSVC_KIND_STRING                                 ? "TEXT"
           : f->kind == CSVC_KIND_FLOAT || f->kind == CSVC_KIND_DOUBLE ? "REAL"
                                                                       : "INTEGER";
}

static void make_things(struct fixture *f, const csvc_message_type *type, const char *key)
{
    char sql[8192];
    size_t len = (size_t)snprintf(sql, sizeof(sql), "CREATE TABLE \"things\" (");

    all_entity.type = type;
    all_entity.n_columns = 0;
    for (uint32_t i = 0; i < type->n_fields && all_entity.n_columns < 64; i++) {
        const csvc_field *field = &type->fields[i];
        const char *name = type->descriptor->fields[i].name;
        const bool is_key = strcmp(name, key) == 0;
        const bool not_null =
            field->label == CSVC_LABEL_IMPLICIT || field->label == CSVC_LABEL_REQUIRED;

        all_columns[all_entity.n_columns++] =
            (csvc_column){.name = name, .field = i, .flags = is_key ? CSVC_COLUMN_KEY : 0};
        len += (size_t)snprintf(sql + len, sizeof(sql) - len, "%s\"%s\" %s%s%s", i == 0 ? "" : ", ",
                                name, sql_type(field), not_null || is_key ? " NOT NULL" : "",
                                is_key ? " PRIMARY KEY" : "");
    }
    (void)snprintf(sql + len, sizeof(sql) - len, ") STRICT");
    if (csvc_db_exec(f->db, f->ctx, sql, NULL, 0, NULL) != CSVC_OK) {
        fail_msg("%s: %s", sql, csvc_fail_text(f->ctx, CSVC_INTERNAL));
    }
}

static void every_kind_of_field_comes_back(void **state)
{
    struct fixture *f = *state;
    Codec3__All all = CODEC3__ALL__INIT;
    Codec3__Inner inner = CODEC3__INNER__INIT;
    Codec3__Inner *inners[] = {&inner, &inner};
    int32_t numbers[] = {1, -2, INT32_MIN};
    char *texts[] = {(char *)"", (char *)"x'\"%_\\", (char *)"ä"};
    void *row, *again;

    make_things(f, &codec3__all__type, "i64");
    all.i64 = 9;
    row = created(f, &all_entity, &all);
    assert_true(csvc_message_equal(&codec3__all__type, &all, row));

    all.i64 = INT64_MAX;
    all.i32 = INT32_MIN;
    all.u32 = UINT32_MAX;
    all.u64 = UINT64_MAX;
    all.s32 = -1;
    all.s64 = INT64_MIN;
    all.f32 = UINT32_MAX;
    all.f64 = UINT64_MAX - 1;
    all.sf32 = -7;
    all.sf64 = -8;
    all.flt = -1.5f;
    all.dbl = 1e300;
    all.flag = 1;
    all.color = CODEC3__COLOR__BELOW;
    all.text = (char *)"'; DROP TABLE things; --";
    all.data = (ProtobufCBinaryData){.len = 3, .data = (uint8_t *)"\0\xff\0"};
    inner.id = 5;
    inner.name = (char *)"deep";
    all.inner = &inner;
    all.n_r_i32 = 3;
    all.r_i32 = numbers;
    all.n_r_text = 3;
    all.r_text = texts;
    all.n_r_inner = 2;
    all.r_inner = inners;
    row = created(f, &all_entity, &all);
    assert_true(csvc_message_equal(&codec3__all__type, &all, row));
    assert_int_equal(CSVC_OK, csvc_store_get(f->db, f->ctx, &all_entity, &all, &again));
    assert_true(csvc_message_equal(&codec3__all__type, &all, again));

    all.i64 = 1;
    all.dbl = 0.0 / 0.0;
    assert_fails(CSVC_INVALID_ARGUMENT, "dbl is not a number",
                 csvc_store_create(f->db, f->ctx, &all_entity, &all, &again));
    all.dbl = 1.0 / 0.0;
    row = created(f, &all_entity, &all);
    assert_true(csvc_message_equal(&codec3__all__type, &all, row));
    texts[2] = (char *)"\xff";
    all.i64 = 2;
    assert_int_equal(CSVC_INVALID_ARGUMENT,
                     csvc_store_create(f->db, f->ctx, &all_entity, &all, &again));
    texts[2] = (char *)"z";
    all.i64 = 1;
    assert_int_equal(CSVC_ALREADY_EXISTS,
                     csvc_store_create(f->db, f->ctx, &all_entity, &all, &again));
    assert_string_equal("i64 1 is already taken", csvc_fail_text(f->ctx, CSVC_ALREADY_EXISTS));
}

static void a_key_the_caller_gives_may_be_above_63_bits(void **state)
{
    struct fixture *f = *state;
    Codec3__All all = CODEC3__ALL__INIT;
    void *row = NULL;

    make_things(f, &codec3__all__type, "u64");
    assert_fails(CSVC_INVALID_ARGUMENT, "u64 must be positive",
                 csvc_store_create(f->db, f->ctx, &all_entity, &all, &row));
    all.u64 = UINT64_MAX;
    (void)created(f, &all_entity, &all);
    assert_int_equal(CSVC_OK, csvc_store_get(f->db, f->ctx, &all_entity, &all, &row));
    assert_true(((Codec3__All *)row)->u64 == UINT64_MAX);
    assert_int_equal(CSVC_OK, csvc_store_delete(f->db, f->ctx, &all_entity, &all));
}

static void an_entity_that_is_none_is_internal(void **state)
{
    struct fixture *f = *state;
    csvc_column columns[] = {{"id", 0, 0, 0}, {"username", 1, CSVC_COLUMN_KEY, 0}};
    csvc_entity entity = user_entity;
    User user = user_of("ada", "a");
    void *none = NULL;

    entity.columns = columns;
    entity.n_columns = 1;
    assert_fails(CSVC_INTERNAL, "entity user: it has not exactly one key",
                 csvc_store_create(f->db, f->ctx, &entity, &user, &none));
    entity.n_columns = 65;
    assert_fails(CSVC_INTERNAL, "entity user: it has not 1 to 64 columns",
                 csvc_store_create(f->db, f->ctx, &entity, &user, &none));
    entity.n_columns = 2;
    columns[0].field = 8;
    assert_fails(CSVC_INTERNAL, "entity user: column id names no field",
                 csvc_store_create(f->db, f->ctx, &entity, &user, &none));
    assert_fails(CSVC_INVALID_ARGUMENT, "the message is missing",
                 csvc_store_create(f->db, f->ctx, &user_entity, NULL, &none));
}

/* ---- unique, but not required ---- */

/* A user whose email is unique and may be left out. */
static const csvc_column guest_columns[] = {
    {"id", 0, CSVC_COLUMN_KEY | CSVC_COLUMN_GENERATED, 0},
    {"email", 2, CSVC_COLUMN_UNIQUE, 0},
    {"username", 1, CSVC_COLUMN_UNIQUE | CSVC_COLUMN_REQUIRED, 0},
};

static const csvc_entity guest_entity = {
    .struct_size = sizeof(csvc_entity),
    .name = "guest",
    .table = "guests",
    .type = &user_type,
    .columns = guest_columns,
    .n_columns = 3,
};

static size_t guests_with(struct fixture *f, const char *email)
{
    User match = user_of("", email);
    csvc_store_page page = {CSVC_STORE_PAGE_INIT, .match = &match, .match_set = 2};
    csvc_store_rows rows;

    if (csvc_store_list(f->db, f->ctx, &guest_entity, &page, &rows) != CSVC_OK) {
        fail_msg("%s", csvc_fail_text(f->ctx, CSVC_INTERNAL));
    }
    for (size_t i = 0; i < rows.n_rows; i++) {
        assert_string_equal(email, ((const User *)rows.rows[i])->email);
    }
    return rows.n_rows;
}

static void many_rows_may_be_without_a_unique_value(void **state)
{
    struct fixture *f = *state;
    static const char *const ddl[] = {
        "CREATE TABLE \"guests\" (\"id\" INTEGER PRIMARY KEY AUTOINCREMENT, \"email\" TEXT NOT "
        "NULL, \"username\" TEXT NOT NULL) STRICT",
        "CREATE UNIQUE INDEX \"guests_email_key\" ON \"guests\" (\"email\") WHERE \"email\" <> ''",
        "CREATE UNIQUE INDEX \"guests_username_key\" ON \"guests\" (\"username\")",
    };
    csvc_db_rows plan;
    User guest = user_of("ada", "");
    User *row;

    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(CSVC_OK, csvc_db_exec(f->db, f->ctx, ddl[i], NULL, 0, NULL));
    }
    row = created(f, &guest_entity, &guest);
    assert_string_equal("", row->email);
    guest = user_of("bob", "");
    (void)created(f, &guest_entity, &guest);
    guest = user_of("eve", "e@example.org");
    (void)created(f, &guest_entity, &guest);
    assert_int_equal(2, guests_with(f, ""));
    assert_int_equal(1, guests_with(f, "e@example.org"));
    assert_int_equal(0, guests_with(f, "nobody"));
    /* a value is unique as ever, and so is the other column; an empty one is never the taken one */
    guest = user_of("ann", "e@example.org");
    assert_fails(CSVC_ALREADY_EXISTS, "email \"e@example.org\" is already taken",
                 csvc_store_create(f->db, f->ctx, &guest_entity, &guest, NULL));
    guest = user_of("eve", "");
    assert_fails(CSVC_ALREADY_EXISTS, "username \"eve\" is already taken",
                 csvc_store_create(f->db, f->ctx, &guest_entity, &guest, NULL));
    guest = user_of("eve", "e@example.org");
    assert_fails(CSVC_ALREADY_EXISTS, "email \"e@example.org\" is already taken",
                 csvc_store_create(f->db, f->ctx, &guest_entity, &guest, NULL));
    row->email = (char *)"e@example.org";
    assert_fails(CSVC_ALREADY_EXISTS, "email \"e@example.org\" is already taken",
                 csvc_store_update(f->db, f->ctx, &guest_entity, row, 2, NULL));
    guest = user_of("eve", "");
    guest.id = 3;
    assert_int_equal(CSVC_OK, csvc_store_update(f->db, f->ctx, &guest_entity, &guest, 2, NULL));
    assert_int_equal(3, guests_with(f, ""));
    assert_int_equal(CSVC_OK, csvc_store_update(f->db, f->ctx, &guest_entity, row, 2, NULL));
    assert_int_equal(1, guests_with(f, "e@example.org"));
    /* why a list says `<> ''` beside the equality */
    assert_int_equal(
        CSVC_OK, csvc_db_query(f->db, f->ctx,
                               "EXPLAIN QUERY PLAN SELECT \"id\" FROM \"guests\" WHERE \"email\" "
                               "= 'x' AND \"email\" <> '' ORDER BY \"id\" LIMIT 20",
                               NULL, 0, 9, &plan));
    assert_non_null(strstr((const char *)plan.values[3].bytes.data, "guests_email_key"));
}

#define BOTH(test)                                                                                 \
    {#test " (memory)", test, open_memory, close_all, NULL},                                       \
    {                                                                                              \
#test " (file)", test, open_disk, close_all, NULL                                          \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(a_row_comes_back_as_it_was_stored),
        BOTH(absent_and_zero_are_not_the_same),
        BOTH(what_is_required_is_required),
        BOTH(lengths_are_counted_in_characters),
        BOTH(text_that_is_no_text_is_refused),
        BOTH(a_taken_value_is_named),
        BOTH(many_rows_may_be_without_a_unique_value),
        BOTH(a_long_value_is_shown_cut_and_harmless),
        BOTH(a_key_must_be_one),
        BOTH(what_is_not_there_is_not_found),
        BOTH(an_update_changes_only_its_columns),
        BOTH(a_deleted_row_is_gone_and_its_key_not_given_again),
        BOTH(a_string_key_is_made_or_kept),
        BOTH(well_known_types_keep_their_meaning),
        BOTH(a_stored_value_that_cannot_be_is_said),
        BOTH(an_inline_handler_may_not_wait),
        BOTH(a_ctx_that_has_ended_runs_nothing),
        BOTH(every_kind_of_field_comes_back),
        BOTH(a_key_the_caller_gives_may_be_above_63_bits),
        BOTH(an_entity_that_is_none_is_internal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
