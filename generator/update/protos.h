/* update/protos.h: what became of the protos since the last update. */
#ifndef UPDATE_PROTOS_H
#define UPDATE_PROTOS_H

#include "update.h"

/*
 * Compares them, after the model is built and before anything is planned: fills u->renamed from
 * those --rename that are about rpcs and services, and leaves the others to the tables. What breaks
 * the wire and is not allowed, and what may have a new name, is asked: it is among the problems,
 * and the options that would answer it are in u->project.asks.
 */
csvc_code update_check_protos(update *u, csvc_error *err);

/* FAILED_PRECONDITION when something was asked, of protos or tables; the problems are printed. */
csvc_code update_ask(update *u, csvc_error *err);

#endif /* UPDATE_PROTOS_H */
