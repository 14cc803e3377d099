/* support/log_catcher.h: keeps what is logged, to be looked at. Any thread may log. */
#ifndef TESTS_LOG_CATCHER_H
#define TESTS_LOG_CATCHER_H

#include <csvc/log.h>

/* From now on, the first time before other threads log, records of `level` and above are kept; 64
 * KiB of them. */
void log_catch(csvc_log_level level);

/* "info event key=value key=value\n" for each record since; lives until the next log_catch. */
const char *log_caught(void);

/* Keeps nothing any more, and puts the level back. What is logged from now on is dropped. */
void log_let_go(void);

#endif /* TESTS_LOG_CATCHER_H */
