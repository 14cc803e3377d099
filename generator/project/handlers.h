/*
 * handlers.h: handlers that do not lie where c-svc would put them.
 *
 * A handler is a function of a known name, so it is found by its definition, in whatever file below
 * server/ the user keeps it.
 */
#ifndef PROJECT_HANDLERS_H
#define PROJECT_HANDLERS_H

#include "project.h"

/* The line where the C source defines a function of this name: not only declares, names or calls
 * it. 0: it does not. */
size_t handlers_line(const char *source, const char *function);

/* The name of an rpc's handler. */
const char *handlers_function(csvc_arena *a, const gen_rpc *rpc);

/* The file below server/ that defines the function; NULL when none does. */
csvc_code handlers_where(project *p, const char *function, const char **ret_path, csvc_error *err);

/* Looks for the handlers that are not in their places, and notes where they are (project_moved). */
csvc_code handlers_find(project *p, csvc_error *err);

#endif /* PROJECT_HANDLERS_H */
