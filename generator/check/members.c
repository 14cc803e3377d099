/* check/members.c: the members of one message's struct, and what protobuf-c cannot do in it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/parts.h"
#include "common/concat.h"
#include "names/names.h"
#include "names/words.h"
#include "request/nul.h"

#include "base/banned.h"

/* ---- names of members ---- */

typedef struct member {
    const char *what; /* "field ", "the count of field " */
    const char *name; /* "userId", "items" */
    gen_place place;
} member;

static void add_member(gen_checking *c, const gen_message *message, const char *c_name, member it)
{
    member *m = csvc_arena_alloc(c->a, sizeof(*m));
    void *old = NULL;

    if (c_name == NULL || m == NULL) {
        c->diag->failed = true;
        return;
    }
    *m = it;
    if (!gen_index_put(&c->members, c_name, m, &old)) {
        c->diag->failed = true;
        return;
    }
    if (old != NULL) {
        const member *first = old;

        gen_report(c->diag, GEN_ERROR, it.place,
                   "%s%s and %s%s are both called %s in the C struct of %s", first->what,
                   first->name, it.what, it.name, c_name, message->full_name);
        gen_report(c->diag, GEN_NOTE, first->place,
                   "here is the other; rename one of the two: the wire knows only numbers, and "
                   "[json_name = \"...\"] keeps what JSON calls it");
    }
}

static void add_field(gen_checking *c, const gen_message *message, const gen_field *field)
{
    add_member(c, message, field->c_name, (member){"field ", field->name, field->place});
    if (field->label == CSVC_LABEL_REPEATED) {
        add_member(c, message, gen_concat(c->a, "n_", field->c_name),
                   (member){"the count of field ", field->name, field->place});
    } else if (field->label == CSVC_LABEL_OPTIONAL && field->kind != CSVC_KIND_STRING &&
               field->kind != CSVC_KIND_MESSAGE) {
        add_member(c, message, gen_concat(c->a, "has_", field->c_name),
                   (member){"the presence of field ", field->name, field->place});
    }
}

static void check_base(gen_checking *c, const gen_message *message)
{
    const char *option = message->base_option;

    if (option != NULL &&
        (!gen_name_identifier(option) || gen_name_reserved(option) || gen_name_macro(option))) {
        gen_report(c->diag, GEN_ERROR, message->place,
                   "(pb_c_msg).base_field_name of %s is \"%.100s\", which cannot name a member",
                   message->full_name, option);
        gen_report(c->diag, GEN_NOTE, message->place, "it wants a C identifier that is no keyword");
        return;
    }
    if (option == NULL && strcmp(message->c_base, "base") != 0 && !c->parameters->messages) {
        gen_report(c->diag, GEN_ERROR, message->place,
                   "message %s has a member called base, as the first one of protobuf-c's structs",
                   message->full_name);
        gen_report(c->diag, GEN_NOTE, message->place,
                   "generate the messages with messages=on, or set option "
                   "(pb_c_msg).base_field_name = \"%s\";",
                   message->c_base);
    }
    add_member(c, message, message->c_base,
               (member){"protobuf-c's first member", "", message->place});
}

/* ---- proto2 defaults ---- */

/* Would the literal that protobuf-c writes, with 15 digits (6 of a float), be another number? */
static bool loses(const gen_field *field)
{
    char text[64];

    if (field->kind == CSVC_KIND_FLOAT) {
        float value = strtof(field->default_text, NULL);

        (void)snprintf(text, sizeof(text), "%.6g", (double)value);
        return (float)strtod(text, NULL) < value || (float)strtod(text, NULL) > value;
    }
    (void)snprintf(text, sizeof(text), "%.15g", strtod(field->default_text, NULL));
    return strtod(text, NULL) < strtod(field->default_text, NULL) ||
           strtod(text, NULL) > strtod(field->default_text, NULL);
}

static bool has_trigraph(const char *text)
{
    for (const char *at = strstr(text, "?\?"); at != NULL; at = strstr(at + 1, "?\?")) {
        if (at[2] != '\0' && strchr("=/()!<>-", at[2]) != NULL) {
            return true;
        }
    }
    return false;
}

static void check_default(gen_checking *c, const gen_field *field)
{
    const char *text = field->default_text;
    const char *why = NULL;

    switch (field->kind) {
    case CSVC_KIND_FLOAT:
    case CSVC_KIND_DOUBLE:
        if (!isfinite(strtod(text, NULL))) {
            why = "which protobuf-c writes as a word that is none in C";
        } else if (loses(field)) {
            why = "of which protobuf-c would drop digits";
        }
        break;
    case CSVC_KIND_INT64:
    case CSVC_KIND_SINT64:
    case CSVC_KIND_SFIXED64:
        if (strcmp(text, "-9223372036854775808") == 0) {
            why = "which is no literal in C";
        }
        break;
    case CSVC_KIND_STRING:
    case CSVC_KIND_BYTES:
        if (strchr(text, GEN_NUL_MARK) != NULL) {
            gen_report(c->diag, GEN_ERROR, field->place,
                       "field %s has a default with a NUL or with what is no UTF-8, where its C "
                       "string would end",
                       field->name);
            gen_report(c->diag, GEN_NOTE, field->place,
                       "declare it as bytes, or take the default out");
            return;
        }
        if (has_trigraph(text)) {
            why = "which holds a trigraph: C reads another character there";
        }
        break;
    default:
        break;
    }
    if (why != NULL) {
        gen_report(c->diag, GEN_ERROR, field->place, "field %s has the default %.60s, %s",
                   field->name, text, why);
        gen_report(c->diag, GEN_NOTE, field->place,
                   "take the default out, and put the value in where has_%s is false",
                   field->c_name);
    }
}

/* ---- the message ---- */

static void check_field(gen_checking *c, const gen_field *field)
{
    if (field->group) {
        gen_report(c->diag, GEN_ERROR, field->place,
                   "field %s is a group, for which protobuf-c has no code", field->name);
        gen_report(c->diag, GEN_NOTE, field->place,
                   "make it a field whose type is a message; on the wire that is another thing");
    }
    if (field->string_as_bytes) {
        gen_report(c->diag, GEN_ERROR, field->place,
                   "(pb_c_field).string_as_bytes makes field %s bytes in C, which JSON would print "
                   "as such",
                   field->name);
        gen_report(c->diag, GEN_NOTE, field->place,
                   "take the option out, or declare the field as bytes: the wire is the same");
    }
    if (field->c_name[0] == '_' && field->c_name[1] == '_') {
        gen_report(c->diag, GEN_ERROR, field->place,
                   "field %s begins with two underscores, as names of the C compiler do",
                   field->name);
        gen_report(c->diag, GEN_NOTE, field->place,
                   "rename it: the wire knows only numbers, and [json_name = \"%.100s\"] keeps "
                   "what JSON calls it",
                   field->json_name);
    }
    if (strchr(field->json_name, GEN_NUL_MARK) != NULL) {
        gen_report(c->diag, GEN_ERROR, field->place,
                   "field %s has a json_name with a NUL or with what is no UTF-8", field->name);
        gen_report(c->diag, GEN_NOTE, field->place, "give it another one");
    }
    if (field->renamed && !c->parameters->messages) {
        gen_report(c->diag, GEN_ERROR, field->place,
                   "field %s is called as %s, which protobuf-c would not mend", field->name,
                   gen_name_macro(field->name)       ? "a macro of the C library or the compiler"
                   : gen_name_of_struct(field->name) ? "a type of C's"
                                                     : "a word of C or C++");
        gen_report(c->diag, GEN_NOTE, field->place,
                   "generate the messages with messages=on (the member is %s then), or rename it "
                   "with [json_name = \"%.100s\"]",
                   field->c_name, field->json_name);
    }
    if (field->default_text != NULL) {
        check_default(c, field);
    }
}

void gen_check_message(gen_checking *c, const gen_message *message)
{
    gen_index_clear(&c->members);
    check_base(c, message);
    for (size_t i = 0; i < message->n_fields; i++) {
        add_field(c, message, message->fields[i]);
        check_field(c, message->fields[i]);
        gen_check_rules(c, message->fields[i]);
    }
    for (size_t i = 0; i < message->n_oneofs; i++) {
        const gen_oneof *oneof = &message->oneofs[i];
        const member it = oneof->synthetic
                              ? (member){"the presence of field ", oneof->fields[0]->name,
                                         oneof->fields[0]->place}
                              : (member){"the case of oneof ", oneof->name, oneof->place};

        add_member(c, message, gen_concat(c->a, oneof->c_name, "_case"), it);
    }
}
