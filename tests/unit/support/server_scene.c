#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "server_scene.h"

void scene_start_with(scene *sc, csvc_server_options options)
{
    csvc_error err = {CSVC_ERROR_INIT};

    options.struct_size = sizeof(options);
    options.transport = &fake_transport;
    memset(&sc->peer, 0, sizeof(sc->peer));
    sc->srv = csvc_server_new(&options, &err);
    assert_non_null(sc->srv);
    assert_int_equal(CSVC_OK, echo_register(sc->srv, &sc->peer));
    assert_int_equal(CSVC_OK, csvc_server_listen(sc->srv, "fake:0", NULL, &err));
    assert_int_equal(CSVC_OK, csvc_server_start(sc->srv, &err));
    sc->ts = fake_last_server();
}

void scene_start(scene *sc)
{
    scene_start_with(sc, (csvc_server_options){CSVC_SERVER_OPTIONS_INIT});
}

void scene_end(scene *sc)
{
    assert_int_equal(0, fake_live(sc->ts));
    csvc_server_free(sc->srv);
}

const uint8_t seven_ada[7] = {0x08, 7, 0x12, 3, 'a', 'd', 'a'};

fake_call *scene_arrive_with(scene *sc, const char *path, fake_arrival arrival)
{
    arrival.path = path;
    if (arrival.bytes == NULL) {
        arrival.bytes = seven_ada;
        arrival.len = sizeof(seven_ada);
    }
    return fake_arrive(sc->ts, &arrival);
}

fake_call *scene_arrive(scene *sc, const char *path)
{
    return scene_arrive_with(sc, path, (fake_arrival){0});
}

fake_call *scene_finished(fake_call *call)
{
    fake_wait_finish(call);
    if (!call->no_auto_close) {
        fake_wait_release(call);
    }
    return call;
}

void assert_answer(fake_call *call, csvc_code code, const char *text)
{
    scene_finished(call);
    assert_string_equal(text, call->text);
    assert_int_equal(code, call->code);
    assert_int_equal(code == CSVC_OK, call->has_message);
    fake_call_free(call);
}
