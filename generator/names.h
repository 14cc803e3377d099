/*
 * names.h: the C names of things in a .proto.
 *
 * Types, members and constants are named by protobuf-c, so these functions follow its rules to the
 * letter; tests hold them against the installed protoc-gen-c. Services, rpcs, files and stores are
 * named by us. All results are arena memory.
 */
#ifndef GEN_NAMES_H
#define GEN_NAMES_H

#include "model.h"

/* Fills every c_* member, prefix and path of the model. `c_package` overrides the packages of all
 * files; NULL: none. False: no memory. */
bool gen_name_model(gen_model *model, const char *c_package);

/* GetUser -> get_user, HTTPServer -> http_server, getUser2 -> get_user2. */
const char *gen_snake(csvc_arena *a, const char *text);

/* get_user -> get-user. */
const char *gen_kebab(csvc_arena *a, const char *text);

/* user -> users, category -> categories, box -> boxes, person -> people. */
const char *gen_plural(csvc_arena *a, const char *text);

/* A keyword of C or C++, or reserved (_X, __x)? */
bool gen_name_reserved(const char *name);

#endif /* GEN_NAMES_H */
