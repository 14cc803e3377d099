/* base/thread.c: threads of our own. */
#include <base/thread.h>

#include <signal.h>
#include <stdio.h>
#if defined(__linux__)
#include <sys/prctl.h>
#endif

#include <base/banned.h>

int csvc__thread_start(pthread_t *ret_thread, const pthread_attr_t *attr, void *(*run)(void *),
                       void *arg)
{
    sigset_t all;
    sigset_t before;
    int rc = 0;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(ret_thread, attr, run, arg);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

void csvc__thread_name(const char *name)
{
#if defined(__linux__)
    char text[16];

    (void)snprintf(text, sizeof(text), "%s", name);
    (void)prctl(PR_SET_NAME, text, 0, 0, 0);
#else
    (void)name;
#endif
}
