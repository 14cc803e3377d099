/*
 * answers.h: options that say what became of columns and tables: of update and diff.
 */
#ifndef CLI_ANSWERS_H
#define CLI_ANSWERS_H

#include "cli.h"
#include "schema/schema.h"

#define CLI_ANSWER_OPTIONS                                                                         \
    {.name = "rename", .value = "OLD=NEW", .many = true},                                          \
        {.name = "keep", .value = "NAME", .many = true},                                           \
    {                                                                                              \
        .name = "allow-data-loss"                                                                  \
    }

void cli_read_answers(csvc_arena *a, const cli_args *args, schema_answers *ret_answers);

#endif /* CLI_ANSWERS_H */
