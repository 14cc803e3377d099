/* nghttp2/settings.c: what our SETTINGS tell a peer. */
#include <transport/nghttp2/ng.h>
#include <transport/nghttp2/settings.h>

#include <base/banned.h>

enum {
    HEAD = 9, /* bytes of a frame's head */
    ENTRY = 6,
    CONNECTION_WINDOW = 4 * 1024 * 1024
};

#define UNLIMITED UINT32_C(0x7fffffff)

bool csvc__ng_settings_submit(nghttp2_session *session, const ng_shared *shared)
{
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, UNLIMITED},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, NG_STREAM_WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, shared->max_metadata},
    };

    return nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings,
                                   sizeof(settings) / sizeof(settings[0])) == 0 &&
           nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0,
                                                 CONNECTION_WINDOW) == 0;
}

void csvc__ng_settings_complete(uint8_t *frame, size_t len, const ng_shared *shared)
{
    const uint32_t max = shared->max_streams;

    if (frame[3] != NGHTTP2_SETTINGS) {
        return;
    }
    for (size_t at = HEAD; at + ENTRY <= len; at += ENTRY) {
        uint8_t *value = frame + at + 2;

        if (frame[at] == 0 && frame[at + 1] == NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS) {
            value[0] = (uint8_t)(max >> 24);
            value[1] = (uint8_t)(max >> 16);
            value[2] = (uint8_t)(max >> 8);
            value[3] = (uint8_t)max;
        }
    }
}
