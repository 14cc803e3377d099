/*
 * names/names.h: the C names of things in a .proto.
 *
 * Types, members and constants are named by protobuf-c, so these functions follow its rules to the
 * letter; tests hold them against the installed protoc-gen-c. Services, rpcs, files and stores are
 * named by us. All results are arena memory.
 */
#ifndef GEN_NAMES_H
#define GEN_NAMES_H

#include <csvc/arena.h>
#include <stdbool.h>

/*
 * What we emit, besides protobuf-c's names. P: service prefix, R: rpc c_name, U: their upper case,
 * M: message c_lower, F: file c_lower, S: store prefix (user_store). check.c compares them all;
 * templates use no others.
 *
 *   file      F__file (csvc_file)
 *   message   M__type (csvc_message_type)
 *   service   P_ops, P_ops_register, P_ops_init, U(P)_OPS_INIT, P_service (csvc_service),
 *             P_client_R, P_client_R_async; streams: P_client_R_start, _send, _recv, _close_send,
 *             _finish, and P_R_send, P_R_recv, P_R_frame; in projects the handlers: P_R
 *   entity    S_entity, S_create, S_get, S_update, S_delete, S_list, S_list_all, S_rows, S_scan,
 *             S_scan_start, S_scan_next, S_scan_end, and U(S)_COLUMN for each column (the upper
 *             case of the field's c_name)
 */

/* GetUser -> get_user, HTTPServer -> http_server, getUser2 -> get_user2, GetUserV2 -> get_user_v2,
 * userIDs -> user_ids. Anything but letters and digits separates words and becomes one '_'; none
 * is left at either end. */
const char *gen_snake(csvc_arena *a, const char *text);

/* USER_SERVICE of user_service. */
const char *gen_upper(csvc_arena *a, const char *text);

/* get_user -> get-user. */
const char *gen_kebab(csvc_arena *a, const char *text);

/* order_line, order-line -> OrderLine. */
const char *gen_camel(csvc_arena *a, const char *text);

/* user -> users, category -> categories, box -> boxes, person -> people. */
const char *gen_plural(csvc_arena *a, const char *text);

/* [A-Za-z_][A-Za-z0-9_]*? */
bool gen_name_identifier(const char *name);

/* Identifiers joined by dots? */
bool gen_name_package(const char *name);

/* A keyword of C or C++ (the newest ones too), or reserved for the compiler (_X, __x)? */
bool gen_name_reserved(const char *name);

/* A macro without arguments in lower case that the compiler (linux, unix) or a POSIX header
 * (errno, st_mtime) defines? As a member's name it would be replaced. */
bool gen_name_macro(const char *name);

#endif /* GEN_NAMES_H */
