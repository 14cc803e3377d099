/*
 * support/disk_faults.h: calls that change something on a disk are counted, and one of them fails
 * or is where the process is killed. They replace the C library's, so this is linked only into
 * those programs that ask for it.
 */
#ifndef TESTS_DISK_FAULTS_H
#define TESTS_DISK_FAULTS_H

#include <stdbool.h>

extern struct disk_faults {
    bool on;
    int left;    /* calls until it happens */
    int number;  /* of the error; 0: the process is killed */
    bool always; /* from then on, not once */
    int seen;
} disk_faults;

#endif /* TESTS_DISK_FAULTS_H */
