/* base/thread.h: threads of our own. */
#ifndef CSVC_BASE_THREAD_H
#define CSVC_BASE_THREAD_H

#include <csvc/common.h>
#include <pthread.h>

/* pthread_create with every signal blocked: those are for the program's own threads. 0, or an
 * errno. `attr` may be NULL. */
CSVC_API int csvc__thread_start(pthread_t *ret_thread, const pthread_attr_t *attr,
                                void *(*run)(void *), void *arg) CSVC_MUST_CHECK;

/* A condition whose waits count in csvc__now() time. 0, or an errno. */
CSVC_API int csvc__cond_init(pthread_cond_t *ret_cond) CSVC_MUST_CHECK;

/* pthread_cond_wait, until then at most (INT64_MAX: however long). 0, or ETIMEDOUT. */
CSVC_API int csvc__cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t until);

/* Names the calling thread for debuggers and ps; 15 characters count. */
CSVC_API void csvc__thread_name(const char *name);

#endif /* CSVC_BASE_THREAD_H */
