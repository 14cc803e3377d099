/*
 * infer/steps.h: what the parts of inference share. run.c drives; nouns.c sorts rpcs by
 * their names; entity.c makes an entity of a message; rpc.c finds what an rpc does with
 * one.
 */
#ifndef GEN_INFER_STEPS_H
#define GEN_INFER_STEPS_H

#include "infer/infer.h"

#include "base/map.h"

/* An rpc whose name is about the message at hand, and what it would do with it. */
typedef struct gen_infer_use {
    gen_rpc *rpc;
    gen_crud_role role;
    struct gen_infer_use *next;
} gen_infer_use;

/* One run. `failed` is sticky: memory ran short, nothing that was made counts. */
typedef struct gen_inference {
    gen_model *model;
    gen_diag *diag;
    csvc_arena *a;
    csvc__map nouns;           /* what rpcs are called after their verb -> gen_infer_noun */
    const gen_infer_use *uses; /* of the message at hand, in the order of files and rpcs */
    bool failed;
} gen_inference;

/* ---- small questions (tools.c) ---- */

/* Arena memory, zeroed; NULL with `failed` set. */
void *gen_infer_calloc(gen_inference *in, size_t count, size_t size);
const char *gen_infer_printf(gen_inference *in, const char *format, ...) CSVC_PRINTF(2, 3);

/* Is the snake-case form of `name` one of `names` (NULL-terminated)? */
bool gen_infer_named(gen_inference *in, const char *name, const char *const *names);

/* The same words, however they are joined: createdAt, created_at? */
bool gen_infer_same_name(gen_inference *in, const char *x, const char *y);

/* Is it kept as one number or one text, so that it can be a key? */
bool gen_infer_key_kind(const gen_field *field);

/* More than one value, maps included? */
static inline bool gen_infer_many(const gen_field *field)
{
    return field->label == CSVC_LABEL_REPEATED;
}

/* A member of a oneof that the user wrote, not of the one behind `optional`? */
static inline bool gen_infer_in_oneof(const gen_field *field)
{
    return field->oneof != NULL && !field->oneof->synthetic;
}

/* Does it note whether it is there, so that an update can leave it alone? */
bool gen_infer_has_presence(const gen_field *field);

/* Can a value of `from` be put into `to` as it is? */
bool gen_infer_same_type(const gen_field *from, const gen_field *to);

/* ---- nouns.c ---- */

/* Sorts all rpcs by the noun in their names. Release with gen_infer_nouns_release. */
void gen_infer_nouns(gen_inference *in);
void gen_infer_nouns_release(gen_inference *in);

/* By their names alone: the rpcs that would do something with this message. */
const gen_infer_use *gen_infer_uses(gen_inference *in, const gen_message *message);

/* ---- rpc.c ---- */

/* How it would do it, by the shapes of request and reply. NULL, and why in *ret_reason, when it
 * cannot; *ret_place is what that is about. */
gen_crud *gen_infer_crud(gen_inference *in, const gen_rpc *rpc, gen_crud_role role,
                         gen_entity *entity, const char **ret_reason, gen_place *ret_place);

/* The request's field that carries the key of `message`; NULL: none. */
gen_field *gen_infer_key_field(gen_inference *in, const gen_message *request,
                               const gen_message *message, const gen_field *key);

/* The only field of this type, repeated or not; NULL when there is none or several. */
gen_field *gen_infer_field_of(const gen_message *in_message, const gen_message *type,
                              bool repeated);

/* ---- entity.c ---- */

/*
 * What the rules say a message would be as an entity. NULL, and why in *ret_reason, when it cannot
 * be one. Problems go to the diag only when the entity counts (gen_infer_entity_report).
 */
gen_entity *gen_infer_entity(gen_inference *in, gen_message *message, const char **ret_reason);

/* What is to be said about an entity that counts: secrets in it, options that cannot be had. */
void gen_infer_entity_report(gen_inference *in, const gen_entity *entity);

#endif /* GEN_INFER_STEPS_H */
