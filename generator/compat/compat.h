/*
 * compat/compat.h: what a change of the protos does to those who hold the old ones.
 *
 * Two models are compared: the one last brought into the project, and the one of now. The rules and
 * their words are those of `buf breaking`: its categories WIRE and WIRE_JSON, and what callers see
 * when an rpc or a service is gone. tests/e2e/compat_buf.py holds both against each other.
 *
 * Nothing is decided here: whoever asks says how grave a break of the wire is.
 */
#ifndef GEN_COMPAT_H
#define GEN_COMPAT_H

#include "model/model.h"

/* ---- what became of the rpcs ---- */

typedef enum compat_fate {
    COMPAT_SAME = 0,
    COMPAT_RETYPED, /* types or streaming changed: the prototype of its handler did */
    COMPAT_ADDED,
    COMPAT_REMOVED,
    COMPAT_RENAMED, /* asked for, see compat_rename */
} compat_fate;

typedef struct compat_rpc {
    compat_fate fate;
    const gen_rpc *before; /* NULL: ADDED */
    const gen_rpc *now;    /* NULL: REMOVED */
    const gen_rpc *likely; /* REMOVED: an added one with its types and streaming in its place, which
                              it may have become; else NULL */
    const char *offer;     /* then "GetUser=FetchUser", as --rename takes it */
} compat_rpc;

typedef struct compat_service {
    const gen_service *before, *now; /* either may be NULL */
    const gen_service *likely;       /* gone: a new one it may have become (a package that moved, or
                                        another name for the same rpcs); else NULL */
    const char *offer;               /* then "user.UserService=acme.user.UserService" */
    bool renamed;                    /* asked for: the names differ */
    compat_rpc *rpcs;                /* of both, in the order of the new one, then those gone */
    size_t n_rpcs;
} compat_service;

typedef struct compat_services {
    compat_service *services; /* in the order of the new protos, then those gone */
    size_t n_services;
} compat_services;

/* One thing that has a new name: an rpc ("GetUser", or more: "UserService.GetUser",
 * "user.UserService.GetUser") or a service ("UserService", "user.UserService"). */
typedef struct compat_rename {
    const char *before;
    const char *now;
    bool used; /* by compat_match: something of the first name is gone */
} compat_rename;

/*
 * Pairs the services and rpcs of both models: those of one name, and those that `renames` name. A
 * rename whose first name is nobody's that is gone is left for others (columns have new names,
 * too). INVALID_ARGUMENT, with the sentence in err, when nothing new has the second name, or when
 * one of the names is more than one's. RESOURCE_EXHAUSTED.
 */
csvc_code compat_match(csvc_arena *a, const gen_model *before, const gen_model *now,
                       compat_rename *renames, size_t n_renames, compat_services *ret,
                       csvc_error *err);

/* Whether callers and handlers of one can be those of the other: a package that moved with the
 * service makes no difference. */
bool compat_same_signature(const gen_rpc *before, const gen_rpc *now);

/* Of what is gone and called so nothing is offered any more: it has no new name. Whether there is
 * any. */
bool compat_keep(compat_services *matched, const char *name);

/* ---- what breaks ---- */

/*
 * Reports each incompatible change, at its place in the new protos or, for what is gone, at what
 * held it. A change of the wire has the severity `wire`; what only JSON, or only a caller of
 * something that is gone, would see is a warning; `matched` tells what it may have become. Each
 * text ends with the rule's name in brackets. Of two rules on one thing, the one on the wire is
 * told. Returns how many were of the wire.
 *
 * Files of protobuf's own are left out: they change with protoc.
 */
size_t compat_check(const gen_model *before, const gen_model *now, const compat_services *matched,
                    gen_severity wire, gen_diag *diag);

#endif /* GEN_COMPAT_H */
