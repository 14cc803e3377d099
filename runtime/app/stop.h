/* app/stop.h: from the signal to the end of the last call. */
#ifndef CSVC_APP_STOP_H
#define CSVC_APP_STOP_H

#include <app/settings.h>
#include <csvc/health.h>
#include <csvc/server.h>

typedef struct csvc__stop {
    csvc_server *srv;
    csvc_health *health;
    const csvc__setting *delay; /* between NOT_SERVING and GOAWAY */
    const csvc__setting *grace; /* for calls, from then on */
} csvc__stop;

/* Waits for the signal, then stops. False: the grace ran out. When there are handlers that cannot
 * be ended, it ends the process. */
bool csvc__stop_at_signal(const csvc__stop *stop);

#endif /* CSVC_APP_STOP_H */
