/* app/addresses.h: addresses divided by commas, as GRPC_ADDR has them. */
#ifndef CSVC_APP_ADDRESSES_H
#define CSVC_APP_ADDRESSES_H

#include <csvc/server.h>

enum {
    CSVC__ADDRESS_SIZE = 512, /* of one */
    CSVC__ADDRESSES_SIZE = 2048
};

/* "127.0.0.1:0" with the port that was found. */
void csvc__address_print(const char *address, int port, char *ret_text, size_t size);

/* Listens on each; how they are called in the log, with the ports that were found. Codes and texts
 * as csvc_server_listen. */
csvc_code csvc__addresses_listen(csvc_server *srv, const char *list,
                                 char ret_text[CSVC__ADDRESSES_SIZE],
                                 csvc_error *err) CSVC_MUST_CHECK;

/* The first of those that can be called, too; false: there is none. */
bool csvc__addresses_target(const char *list, char ret_target[CSVC__ADDRESS_SIZE]);

#endif /* CSVC_APP_ADDRESSES_H */
