/* run.c: other programs, which end when c-svc is told to. */
#include "say.h"
#include "stop.h"

#include "base/banned.h"

csvc_code cli_run(csvc_arena *a, const char *const *argv, gen_process_result *ret_result,
                  csvc_error *err)
{
    const gen_process process = {.argv = argv, .stop = stop_asked};

    return gen_process_run(a, &process, ret_result, err);
}
