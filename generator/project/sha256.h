/* sha256.h: SHA-256 (FIPS 180-4), as sha256sum prints it, so that a Makefile can compare. */
#ifndef PROJECT_SHA256_H
#define PROJECT_SHA256_H

#include <csvc/arena.h>

enum {
    SHA256_HEX = 65 /* 64 digits and a NUL */
};

void sha256_hex(csvc_bytes data, char ret_hex[SHA256_HEX]);

/* The same in memory of the arena, never NULL. */
const char *sha256_text(csvc_arena *a, csvc_bytes data);

#endif /* PROJECT_SHA256_H */
