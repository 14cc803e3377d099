/*
 * strays.h: what lies about.
 */
#ifndef PROJECT_STRAYS_H
#define PROJECT_STRAYS_H

#include "project.h"

/* Handlers and tests of rpcs that are gone: files where one of ours would be, with what one of ours
 * has in it. Nothing compiles them any more. */
void project_strays(project *p, cli_list *ret_paths);

#endif /* PROJECT_STRAYS_H */
