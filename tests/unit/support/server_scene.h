/* support/server_scene.h: a server over the fake transport, and calls that arrive at it. */
#ifndef TESTS_SERVER_SCENE_H
#define TESTS_SERVER_SCENE_H

#include <csvc/server.h>

#include "echo_service.h"
#include "fake_transport.h"

typedef struct scene {
    csvc_server *srv;
    fake_server *ts;
    echo_peer peer;
} scene;

void scene_start(scene *sc);
void scene_start_with(scene *sc, csvc_server_options options);
void scene_end(scene *sc); /* no call may be alive */

/* {id: 7, name: "ada"} */
extern const uint8_t seven_ada[7];

/* A call with that message, or with what `arrival` says. */
fake_call *scene_arrive(scene *sc, const char *path);
fake_call *scene_arrive_with(scene *sc, const char *path, fake_arrival arrival);

/* Runs it to its end and gives it back for a last look. */
fake_call *scene_finished(fake_call *call);
/* The same, looks at the answer, and frees it. */
void assert_answer(fake_call *call, csvc_code code, const char *text);

#endif /* TESTS_SERVER_SCENE_H */
