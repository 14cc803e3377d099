/* base/thread.h: threads of our own. */
#ifndef CSVC_BASE_THREAD_H
#define CSVC_BASE_THREAD_H

#include <csvc/common.h>
#include <pthread.h>

/* pthread_create with every signal blocked: those are for the program's own threads. 0, or an
 * errno. `attr` may be NULL. */
CSVC_API int csvc__thread_start(pthread_t *ret_thread, const pthread_attr_t *attr,
                                void *(*run)(void *), void *arg) CSVC_MUST_CHECK;

/* Names the calling thread for debuggers and ps; 15 characters count. */
CSVC_API void csvc__thread_name(const char *name);

#endif /* CSVC_BASE_THREAD_H */
