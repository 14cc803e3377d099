/* support/certs.h: certificates made by the openssl program, in a folder that is thrown away. */
#ifndef TESTS_CERTS_H
#define TESTS_CERTS_H

/* A folder for them, empty; it becomes the current one. */
void certs_begin(void);
/* Removes it, and goes back. */
void certs_end(void);

/* NAME.pem and NAME.key of a CA. */
void certs_ca(const char *name);

/* NAME.pem and NAME.key, signed by the CA, for a common name and alternative names as openssl
 * writes them ("DNS:localhost,IP:127.0.0.1"). `expired`: it was valid for a day of 2020. They come
 * into being under other names and are put in place one after the other, the certificate first. */
void certs_sign(const char *name, const char *ca, const char *common_name, const char *alt_names,
                int expired);

/*
 * Fixtures of cmocka. A folder with ca and server, which is localhost; and with callers, too: ada,
 * eve of another CA (other), and expired.
 */
int certs_set_up(void **state);
int certs_set_up_callers(void **state);
int certs_tear_down(void **state);

/* What ada's certificate says: the common name, and the alternative ones behind it. */
extern const char certs_ada[];

/* A file with this text. */
void certs_write(const char *path, const char *text);

#endif /* TESTS_CERTS_H */
