/* answers.c: --rename, --keep, --allow-data-loss. */
#include "answers.h"

#include "base/banned.h"

static cli_list values_of(csvc_arena *a, const cli_args *args, const char *name)
{
    const char *const *values;
    size_t n = cli_args_options(a, args, name, &values);
    cli_list list = {0};

    for (size_t i = 0; i < n; i++) {
        cli_list_add(a, &list, values[i]);
    }
    return list;
}

void cli_read_answers(csvc_arena *a, const cli_args *args, schema_answers *ret_answers)
{
    *ret_answers = (schema_answers){
        .renames = values_of(a, args, "rename"),
        .keeps = values_of(a, args, "keep"),
        .allow_data_loss = cli_args_option(args, "allow-data-loss", 0) != NULL,
    };
}
