/* nodes.c: what is in a document that libyaml has read. */
#include "nodes.h"

#include <string.h>

#include "console/say.h"

#include "base/banned.h"

const char *nodes_text(csvc_arena *a, const yaml_node_t *node)
{
    const char *text = node != NULL && node->type == YAML_SCALAR_NODE
                           ? (const char *)node->data.scalar.value
                           : NULL;

    return text != NULL && strlen(text) == node->data.scalar.length
               ? cli_must(csvc_arena_strdup(a, text))
               : NULL;
}

yaml_node_t *nodes_member(yaml_document_t *document, const yaml_node_t *node, const char *name)
{
    if (node == NULL || node->type != YAML_MAPPING_NODE) {
        return NULL;
    }
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(document, pair->key);

        if (key != NULL && key->type == YAML_SCALAR_NODE &&
            strcmp((const char *)key->data.scalar.value, name) == 0) {
            return yaml_document_get_node(document, pair->value);
        }
    }
    return NULL;
}
