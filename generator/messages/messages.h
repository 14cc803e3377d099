/*
 * messages/messages.h: the files that protoc-gen-c makes of the messages.
 */
#ifndef GEN_MESSAGES_H
#define GEN_MESSAGES_H

#include "model/model.h"
#include "output/output.h"
#include "request/request.h"

/* Runs protoc-gen-c on the request, changed as docs/internals/generator.md says, and adds its files
 * to the plan. */
csvc_code gen_messages(gen_plan *plan, const gen_model *model, const gen_request *request,
                       csvc_error *err);

#endif /* GEN_MESSAGES_H */
