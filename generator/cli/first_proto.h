/*
 * first_proto.h: a small contract for those who come without one, named after the service.
 */
#ifndef CLI_FIRST_PROTO_H
#define CLI_FIRST_PROTO_H

#include "project/pipeline.h"
#include "template/template.h"

/*
 * Makes it of project/proto/entity.proto.tmpl and runs protoc over it, in a folder of its own that
 * goes again. Fills p->files and p->folders.
 */
csvc_code first_proto_compile(const char *name, pipeline *p, const gen_templates *templates,
                              csvc_bytes *ret_text, csvc_error *err);

#endif /* CLI_FIRST_PROTO_H */
