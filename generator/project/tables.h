/*
 * tables.h: whether the steps make the tables that the entities need.
 */
#ifndef PROJECT_TABLES_H
#define PROJECT_TABLES_H

#include "project.h"

/*
 * Runs the steps in memory and compares the tables with the entities. What does not fit is reported
 * to the pipeline's diag, and listed as lines for gen/project.mk, with paths in the project. A step
 * that fails is an error, with its file and line. Nothing happens without storage.
 */
csvc_code tables_check(project *p, cli_list *ret_warnings, csvc_error *err);

#endif /* PROJECT_TABLES_H */
