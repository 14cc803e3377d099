/*
 * open.h: the project that a command was started in.
 */
#ifndef PROJECT_OPEN_H
#define PROJECT_OPEN_H

#include "project.h"

/* The nearest folder at or above this one with a c-svc.yaml: "", "../", "../../"; NULL: none. */
const char *project_find(csvc_arena *a);

/* Fills project and pipeline from the c-svc.yaml here or above. */
csvc_code project_open(csvc_arena *a, project *p, pipeline *pipeline, csvc_error *err);

/* Finds the protos that the configuration lists. */
csvc_code project_name_protos(project *p, csvc_error *err);

#endif /* PROJECT_OPEN_H */
