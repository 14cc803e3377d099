/*
 * app/signals.h: SIGTERM and SIGINT, for the one program that runs.
 *
 * The first of them is reported; from then on both have their default action again, so a second one
 * ends the process at once. A SIGINT that the program was started to ignore stays ignored; SIGPIPE
 * is ignored: a peer that has gone is an error of a call, not the end of the process.
 */
#ifndef CSVC_APP_SIGNALS_H
#define CSVC_APP_SIGNALS_H

#include <csvc/code.h>

/* From here on the signals are ours. FAILED_PRECONDITION when they already are. */
csvc_code csvc__signals_take(csvc_error *err) CSVC_MUST_CHECK;

/* Waits for the first one; its name. */
const char *csvc__signals_wait(void);

/* Gives them back as they were. */
void csvc__signals_give_back(void);

#endif /* CSVC_APP_SIGNALS_H */
