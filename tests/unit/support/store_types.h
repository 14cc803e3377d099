/*
 * support/store_types.h: messages kept in tables, for the store's tests, written by hand in the
 * shape that protoc-gen-c and protoc-gen-c-svc give them.
 */
#ifndef TESTS_STORE_TYPES_H
#define TESTS_STORE_TYPES_H

#include <csvc/store.h>

#include "codec_duration.pb-c.h"
#include "codec_timestamp.pb-c.h"
#include "codec_wrappers.pb-c.h"

typedef struct User {
    ProtobufCMessage base;
    int64_t id;
    char *username;
    char *email;
    char *full_name;
    char *created_at;
    char *updated_at;
    char *password; /* has no column */
    uint32_t age_case;
    int32_t age; /* proto3 optional: a oneof of its own */
} User;

enum {
    USER_AGE = 8 /* age_case when age is there */
};

/* Columns of user_entity. */
enum {
    USER_ID = 1,
    USER_USERNAME = 2,
    USER_EMAIL = 4,
    USER_FULL_NAME = 8,
    USER_CREATED_AT = 16,
    USER_UPDATED_AT = 32,
    USER_AGE_COLUMN = 64,
};

typedef struct Event {
    ProtobufCMessage base;
    char *id;
    char *name;
    Google__Protobuf__Timestamp *created_at;
    Google__Protobuf__Timestamp *updated_at;
    Google__Protobuf__Timestamp *at;
    Google__Protobuf__Duration *took;
    Google__Protobuf__Int64Value *count;
    Google__Protobuf__StringValue *label;
} Event;

extern const csvc_message_type user_type;
extern const csvc_message_type event_type;
extern const csvc_entity user_entity;  /* key numbered, username and email unique */
extern const csvc_entity event_entity; /* key a UUID */

extern const csvc_migrations *const store_migrations[]; /* tables for both */

/* Fields at their defaults. */
User user_init(void);
Event event_init(void);
User user_of(const char *username, const char *email);

/* A database opened and migrated; the test ends when it cannot be. */
csvc_db *store_open(const char *url, const csvc_db_options *options);
csvc_db *store_open_memory(void);

/* "sqlite:FOLDER/db.sqlite" in a new folder under the working directory or TMPDIR; static text, the
 * folder in `ret_folder`. */
const char *store_new_url(char ret_folder[256]);

/* Removes such a folder with the files in it. */
void store_remove(const char *folder);

#endif /* TESTS_STORE_TYPES_H */
