/* app/addresses.c: addresses divided by commas. */
#include <app/addresses.h>

#include <stdio.h>
#include <string.h>

#include <base/banned.h>

/* One, without the blanks around it; NULL when it is too long. */
static const char *cut(const char *from, size_t len, char ret_address[CSVC__ADDRESS_SIZE])
{
    while (len > 0 && from[0] == ' ') {
        from++;
        len--;
    }
    while (len > 0 && from[len - 1] == ' ') {
        len--;
    }
    if (len >= CSVC__ADDRESS_SIZE) {
        return NULL;
    }
    memcpy(ret_address, from, len);
    ret_address[len] = '\0';
    return ret_address;
}

/* Moves to what is behind the next comma; NULL: that was the last one. */
static const char *behind(const char *list, size_t len)
{
    return list[len] == ',' ? list + len + 1 : NULL;
}

void csvc__address_print(const char *address, int port, char *ret_text, size_t size)
{
    const char *colon = strrchr(address, ':');

    if (colon != NULL && strcmp(colon, ":0") == 0 && port > 0) {
        (void)snprintf(ret_text, size, "%.*s:%d", (int)(colon - address), address, port);
    } else {
        (void)snprintf(ret_text, size, "%s", address);
    }
}

csvc_code csvc__addresses_listen(csvc_server *srv, const char *list,
                                 char ret_text[CSVC__ADDRESSES_SIZE], csvc_error *err)
{
    size_t at = 0;

    ret_text[0] = '\0';
    while (list != NULL) {
        const size_t len = strcspn(list, ",");
        char one[CSVC__ADDRESS_SIZE];
        const char *address = cut(list, len, one);
        int port = 0;
        csvc_code code;

        if (address == NULL) {
            return csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                                  "an address to listen on has at most %d bytes",
                                  CSVC__ADDRESS_SIZE - 1);
        }
        code = csvc_server_listen(srv, address, &port, err);
        if (code != CSVC_OK) {
            return code;
        }
        if (at + 1 < CSVC__ADDRESSES_SIZE) {
            if (at > 0) {
                ret_text[at++] = ',';
            }
            csvc__address_print(address, port, ret_text + at, CSVC__ADDRESSES_SIZE - at);
            at += strlen(ret_text + at);
        }
        list = behind(list, len);
    }
    return CSVC_OK;
}

bool csvc__addresses_target(const char *list, char ret_target[CSVC__ADDRESS_SIZE])
{
    while (list != NULL) {
        const size_t len = strcspn(list, ",");
        const char *address = cut(list, len, ret_target);

        if (address != NULL && address[0] != '\0' && strncmp(address, "systemd:", 8) != 0) {
            return true;
        }
        list = behind(list, len);
    }
    return false;
}
