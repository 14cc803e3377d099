/*
 * app/stop.c: from the signal to the end of the last call.
 *
 * First everybody who asks is told NOT_SERVING, and /readyz answers 503; then, after the delay that
 * those who ask need to hear of it, GOAWAY and the end of detached streams; calls in flight have
 * the grace. A second signal ends the process in any of these (signals.h).
 */
#include <app/notify.h>
#include <app/signals.h>
#include <app/stop.h>
#include <base/clock.h>
#include <csvc/log.h>
#include <rpc/server.h>

#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include <base/banned.h>

static void wait_ms(int64_t ms)
{
    struct timespec rest = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};

    while (nanosleep(&rest, &rest) != 0 && errno == EINTR) {
    }
}

bool csvc__stop_at_signal(const csvc__stop *stop)
{
    const char *signal_name = csvc__signals_wait();
    const int64_t began = csvc__now();
    bool orderly;
    char took[32];

    csvc__notify("STOPPING=1");
    csvc_health_drain(stop->health);
    csvc_log(CSVC_LOG_INFO, "stopping", "signal", signal_name, "delay",
             stop->delay->number > 0 ? stop->delay->value : NULL, "grace", stop->grace->value,
             NULL);
    wait_ms(stop->delay->number);
    orderly = csvc_server_shutdown(stop->srv, stop->grace->number) == CSVC_OK;
    if (!orderly) {
        csvc_log(CSVC_LOG_WARN, "the grace ran out, calls were cancelled", "grace",
                 stop->grace->value, NULL);
        if (!stop->srv->joined) {
            /* what those handlers use cannot be freed, and returning from main would pull the
             * program from under them, too */
            csvc__inflight_log(&stop->srv->inflight, "a handler still runs");
            csvc_log(CSVC_LOG_ERROR, "handlers still run; leaving without them", NULL);
            _exit(1);
        }
    }
    (void)snprintf(took, sizeof(took), "%lld", (long long)((csvc__now() - began) / CSVC__MS));
    csvc_log(CSVC_LOG_INFO, "stopped", "#ms", took, NULL);
    return orderly;
}
