/* support/store_types.c: see the header. */
#include "store_types.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "codec_types.h"

static const ProtobufCFieldDescriptor user_names[] = {
    {.name = "id", .id = 1},         {.name = "username", .id = 2},
    {.name = "email", .id = 3},      {.name = "full_name", .id = 4},
    {.name = "created_at", .id = 5}, {.name = "updated_at", .id = 6},
    {.name = "password", .id = 7},   {.name = "age", .id = 8},
};

static const ProtobufCMessageDescriptor user_descriptor = {
    .magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
    .name = "store.User",
    .short_name = "User",
    .c_name = "User",
    .package_name = "store",
    .sizeof_message = sizeof(User),
    .n_fields = 8,
    .fields = user_names,
};

static const User user_initial = {
    .base = {.descriptor = &user_descriptor},
    .username = (char *)protobuf_c_empty_string,
    .email = (char *)protobuf_c_empty_string,
    .full_name = (char *)protobuf_c_empty_string,
    .created_at = (char *)protobuf_c_empty_string,
    .updated_at = (char *)protobuf_c_empty_string,
    .password = (char *)protobuf_c_empty_string,
};

#define TEXT(number, type, name)                                                                   \
    {                                                                                              \
        number, offsetof(type, name), 0, CSVC_KIND_STRING, CSVC_LABEL_IMPLICIT, CSVC_FIELD_UTF8,   \
            NULL                                                                                   \
    }
#define SUB(number, type, name, sub)                                                               \
    {                                                                                              \
        number, offsetof(type, name), 0, CSVC_KIND_MESSAGE, CSVC_LABEL_OPTIONAL, 0, sub            \
    }

static const csvc_field user_fields[] = {
    {1, offsetof(User, id), 0, CSVC_KIND_INT64, CSVC_LABEL_IMPLICIT, 0, NULL},
    TEXT(2, User, username),
    TEXT(3, User, email),
    TEXT(4, User, full_name),
    TEXT(5, User, created_at),
    TEXT(6, User, updated_at),
    TEXT(7, User, password),
    {8, offsetof(User, age), offsetof(User, age_case), CSVC_KIND_INT32, CSVC_LABEL_ONEOF,
     CSVC_FIELD_PRESENCE, NULL},
};

const csvc_message_type user_type = {
    .struct_size = sizeof(csvc_message_type),
    .size = sizeof(User),
    .n_fields = 8,
    .n_dense = 8,
    .syntax = 3,
    .descriptor = &user_descriptor,
    .initial = &user_initial,
    .fields = user_fields,
};

static const csvc_column user_columns[] = {
    {"id", 0, CSVC_COLUMN_KEY | CSVC_COLUMN_GENERATED, 0},
    {"username", 1, CSVC_COLUMN_UNIQUE | CSVC_COLUMN_REQUIRED | CSVC_COLUMN_TEXT_SEARCH, 20},
    {"email", 2, CSVC_COLUMN_UNIQUE | CSVC_COLUMN_REQUIRED, 0},
    {"full_name", 3, CSVC_COLUMN_TEXT_SEARCH, 0},
    {"created_at", 4, CSVC_COLUMN_CREATED_AT, 0},
    {"updated_at", 5, CSVC_COLUMN_UPDATED_AT, 0},
    {"age", 7, 0, 0},
};

const csvc_entity user_entity = {
    .struct_size = sizeof(csvc_entity),
    .name = "user",
    .table = "users",
    .type = &user_type,
    .columns = user_columns,
    .n_columns = 7,
};

static const ProtobufCFieldDescriptor event_names[] = {
    {.name = "id", .id = 1},         {.name = "name", .id = 2},  {.name = "created_at", .id = 3},
    {.name = "updated_at", .id = 4}, {.name = "at", .id = 5},    {.name = "took", .id = 6},
    {.name = "count", .id = 7},      {.name = "label", .id = 8},
};

static const ProtobufCMessageDescriptor event_descriptor = {
    .magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
    .name = "store.Event",
    .short_name = "Event",
    .c_name = "Event",
    .package_name = "store",
    .sizeof_message = sizeof(Event),
    .n_fields = 8,
    .fields = event_names,
};

static const Event event_initial = {
    .base = {.descriptor = &event_descriptor},
    .id = (char *)protobuf_c_empty_string,
    .name = (char *)protobuf_c_empty_string,
};

static const csvc_field event_fields[] = {
    TEXT(1, Event, id),
    TEXT(2, Event, name),
    SUB(3, Event, created_at, &google__protobuf__timestamp__type),
    SUB(4, Event, updated_at, &google__protobuf__timestamp__type),
    SUB(5, Event, at, &google__protobuf__timestamp__type),
    SUB(6, Event, took, &google__protobuf__duration__type),
    SUB(7, Event, count, &google__protobuf__int64_value__type),
    SUB(8, Event, label, &google__protobuf__string_value__type),
};

const csvc_message_type event_type = {
    .struct_size = sizeof(csvc_message_type),
    .size = sizeof(Event),
    .n_fields = 8,
    .n_dense = 8,
    .syntax = 3,
    .descriptor = &event_descriptor,
    .initial = &event_initial,
    .fields = event_fields,
};

static const csvc_column event_columns[] = {
    {"id", 0, CSVC_COLUMN_KEY | CSVC_COLUMN_GENERATED, 0},
    {"name", 1, CSVC_COLUMN_TEXT_SEARCH, 0},
    {"created_at", 2, CSVC_COLUMN_CREATED_AT, 0},
    {"updated_at", 3, CSVC_COLUMN_UPDATED_AT, 0},
    {"at", 4, 0, 0},
    {"took", 5, 0, 0},
    {"count", 6, 0, 0},
    {"label", 7, 0, 0},
};

const csvc_entity event_entity = {
    .struct_size = sizeof(csvc_entity),
    .name = "event",
    .table = "events",
    .type = &event_type,
    .columns = event_columns,
    .n_columns = 8,
};

static const csvc_migration steps[] = {
    {1, "0001_users",
     "CREATE TABLE \"users\" (\n"
     "    \"id\" INTEGER PRIMARY KEY AUTOINCREMENT,\n"
     "    \"username\" TEXT NOT NULL,\n"
     "    \"email\" TEXT NOT NULL,\n"
     "    \"full_name\" TEXT NOT NULL,\n"
     "    \"created_at\" TEXT NOT NULL,\n"
     "    \"updated_at\" TEXT NOT NULL,\n"
     "    \"age\" INTEGER\n"
     ") STRICT;\n"
     "CREATE UNIQUE INDEX \"users_username_key\" ON \"users\" (\"username\");\n"
     "CREATE UNIQUE INDEX \"users_email_key\" ON \"users\" (\"email\");\n",
     0},
    {2, "0002_events",
     "CREATE TABLE \"events\" (\n"
     "    \"id\" TEXT NOT NULL PRIMARY KEY,\n"
     "    \"name\" TEXT NOT NULL,\n"
     "    \"created_at\" TEXT NOT NULL,\n"
     "    \"updated_at\" TEXT NOT NULL,\n"
     "    \"at\" TEXT,\n"
     "    \"took\" INTEGER,\n"
     "    \"count\" INTEGER,\n"
     "    \"label\" TEXT\n"
     ") STRICT;\n",
     0},
};

static const csvc_migrations set = {.driver = "sqlite", .steps = steps, .n_steps = 2};
const csvc_migrations *const store_migrations[] = {&set, NULL};

User user_init(void)
{
    return user_initial;
}

Event event_init(void)
{
    return event_initial;
}

User user_of(const char *username, const char *email)
{
    User user = user_initial;

    user.username = (char *)username;
    user.email = (char *)email;
    return user;
}

csvc_db *store_open(const char *url, const csvc_db_options *options)
{
    static const csvc_db_driver *const drivers[] = {&csvc_sqlite, NULL};
    csvc_db_options o = {CSVC_DB_OPTIONS_INIT};
    csvc_error err = {CSVC_ERROR_INIT};
    csvc_db *db;

    if (options != NULL) {
        o = *options;
    }
    o.drivers = drivers;
    db = csvc_db_open(url, &o, &err);
    if (db == NULL || csvc_db_migrate(db, store_migrations, &err) != CSVC_OK) {
        fprintf(stderr, "%s: %s: %s\n", url, csvc_code_name(err.code), err.text);
        abort();
    }
    return db;
}

csvc_db *store_open_memory(void)
{
    return store_open("sqlite::memory:", NULL);
}

const char *store_new_url(char ret_folder[256])
{
    static char url[512];

    snprintf(ret_folder, 256, "%s/csvc-store-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : ".");
    if (mkdtemp(ret_folder) == NULL) {
        perror("mkdtemp");
        abort();
    }
    snprintf(url, sizeof(url), "sqlite:%s/db.sqlite", ret_folder);
    return url;
}

void store_remove(const char *folder)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    char path[600];

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        (void)unlink(path);
    }
    if (dir != NULL) {
        closedir(dir);
    }
    (void)rmdir(folder);
}
