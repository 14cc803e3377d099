/* update/protos.h: what became of the protos since the last update. */
#ifndef UPDATE_PROTOS_H
#define UPDATE_PROTOS_H

#include "update.h"

/*
 * Compares them, after the model is built and before anything is planned: refuses what breaks the
 * wire unless that is allowed (FAILED_PRECONDITION, the problems are printed), fills u->renamed
 * from those --rename that are about rpcs and services, and leaves the others to the tables.
 */
csvc_code update_check_protos(update *u, csvc_error *err);

#endif /* UPDATE_PROTOS_H */
