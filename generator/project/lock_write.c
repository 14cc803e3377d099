/* lock_write.c: writes .c-svc/lock.json. */
#include "lock.h"

#include <string.h>

#include "base/buffer.h"
#include "project.h"
#include "sha256.h"

#include "base/banned.h"

static csvc_code hash_of(project *p, const char *path, char ret_hex[SHA256_HEX], csvc_error *err)
{
    csvc_bytes content;
    csvc_code code = project_read(p, path, &content, err);

    if (code == CSVC_OK) {
        sha256_hex(content, ret_hex);
    }
    return code;
}

csvc_code lock_sum(project *p, const char **ret_hex, csvc_error *err)
{
    char hex[SHA256_HEX];
    csvc__buffer lines;
    csvc_code code = CSVC_OK;

    csvc__buffer_init(&lines, 16 << 20);
    for (size_t i = 0; code == CSVC_OK && i < p->inputs.len; i++) {
        code = hash_of(p, p->inputs.items[i], hex, err);
        csvc__buffer_printf(&lines, "%s  %s\n", hex, p->inputs.items[i]);
    }
    if (code == CSVC_OK && !csvc__buffer_ok(&lines)) {
        code = csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    }
    if (code == CSVC_OK) {
        *ret_hex =
            sha256_text(p->a, (csvc_bytes){.len = lines.len, .data = (const uint8_t *)lines.data});
    }
    csvc__buffer_release(&lines);
    return code;
}

void lock_born(project *p)
{
    size_t n = p->plan.n_outputs; /* it grows by the bases */

    p->lock.format = LOCK_FORMAT;
    for (size_t i = 0; i < n; i++) {
        const gen_output output = p->plan.outputs[i];
        const csvc_bytes content = gen_output_content(&output);

        if (output.owner != GEN_BORN_ONCE && output.owner != GEN_MERGED) {
            continue;
        }
        lock_put(p->a, &p->lock,
                 (lock_record){.path = output.path,
                               .owner = output.owner,
                               .hash = sha256_text(p->a, content)});
        if (output.owner == GEN_MERGED) {
            project_add(p, cli_printf(p->a, LOCK_BASE "%s", output.path), GEN_MACHINE, content);
        }
    }
}

static void put_text(csvc__buffer *b, const char *before, const char *text)
{
    csvc__buffer_puts(b, before);
    csvc__buffer_json(b, text, strlen(text));
}

static void put_pair(csvc__buffer *b, const char *key, const char *value, bool first)
{
    put_text(b, first ? "\n    " : ",\n    ", key);
    put_text(b, ": ", value);
}

static void put_record(csvc__buffer *b, const lock_record *record, bool first)
{
    put_text(b, first ? "\n    " : ",\n    ", record->path);
    put_text(b, ": {\"owner\": ", lock_owner_name(record->owner));
    if (record->hash[0] != '\0') {
        put_text(b, ", \"hash\": ", record->hash);
    }
    if (record->at != NULL) {
        put_text(b, ", \"at\": ", record->at);
    }
    if (record->state != LOCK_THERE) {
        put_text(b, ", \"state\": ", lock_state_name(record->state));
    }
    csvc__buffer_putc(b, '}');
}

csvc_code lock_text(project *p, csvc_bytes *ret_text, csvc_error *err)
{
    cli_list made = {0};
    char hex[SHA256_HEX];
    csvc_code code = CSVC_OK;
    csvc__buffer b;

    csvc__buffer_init(&b, PROJECT_MAX_FILE);
    csvc__buffer_puts(&b, "{\n");
    if (p->lock.format > 1) {
        csvc__buffer_printf(&b, "  \"format\": %u,\n", p->lock.format);
    }
    csvc__buffer_printf(&b, "  \"c-svc\": \"%s\",\n  \"inference\": %u,\n  \"inputs\": {",
                        CSVC_VERSION, (unsigned)p->config.inference);
    for (size_t i = 0; code == CSVC_OK && i < p->inputs.len; i++) {
        code = hash_of(p, p->inputs.items[i], hex, err);
        put_pair(&b, p->inputs.items[i], hex, i == 0);
    }
    if (p->lock.format > 1) {
        csvc__buffer_puts(&b, "\n  },\n  \"files\": {");
        for (size_t i = 0; i < p->lock.n_files; i++) {
            put_record(&b, &p->lock.files[i], i == 0);
        }
    }
    csvc__buffer_puts(&b, "\n  },\n  \"generated\": {");
    for (size_t i = 0; i < p->plan.n_outputs; i++) {
        if (strncmp(p->plan.outputs[i].path, "gen/", 4) == 0) {
            cli_list_add(p->a, &made, p->plan.outputs[i].path);
        }
    }
    cli_list_sort(&made);
    for (size_t i = 0; code == CSVC_OK && i < made.len; i++) {
        code = hash_of(p, made.items[i], hex, err);
        put_pair(&b, made.items[i], hex, i == 0);
    }
    csvc__buffer_puts(&b, "\n  }\n}\n");
    if (code == CSVC_OK && !csvc__buffer_ok(&b)) {
        code = csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    }
    if (code == CSVC_OK) {
        *ret_text =
            (csvc_bytes){.len = b.len, .data = cli_must(csvc_arena_strndup(p->a, b.data, b.len))};
    }
    csvc__buffer_release(&b);
    return code;
}
