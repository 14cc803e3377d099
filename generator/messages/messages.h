/*
 * messages/messages.h: the files that protoc-gen-c makes of the messages.
 */
#ifndef GEN_MESSAGES_H
#define GEN_MESSAGES_H

#include "model/model.h"
#include "output/output.h"
#include "request/request.h"

typedef struct gen_messages gen_messages;

/* Starts protoc-gen-c on the request, changed as docs/internals/generator.md says; it works while
 * the caller does something else. */
csvc_code gen_messages_start(const gen_model *model, const gen_request *request,
                             gen_messages **ret_messages, csvc_error *err);

/* Waits for it and adds its files to the plan. NULL: there are none. */
csvc_code gen_messages_end(gen_messages *messages, gen_plan *plan, csvc_error *err);

/* Instead of that: ends it. Takes NULL. */
void gen_messages_drop(gen_messages *messages);

#endif /* GEN_MESSAGES_H */
