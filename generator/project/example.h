/*
 * example.h: lines to try, as the client takes them.
 */
#ifndef PROJECT_EXAMPLE_H
#define PROJECT_EXAMPLE_H

#include "project.h"

/* A command line to try first; NULL when there is no rpc. */
const char *project_example(project *p);
/* An rpc as the client takes it: `create-user --username ada`. */
const char *project_example_rpc(project *p, const gen_rpc *rpc);
/* An rpc that takes a stream: `printf '{...}\n{...}\n' | build/NAME-client upload`. */
const char *project_example_lines(project *p, const gen_rpc *rpc);

#endif /* PROJECT_EXAMPLE_H */
