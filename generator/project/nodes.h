/*
 * nodes.h: what is in a document that libyaml has read: c-svc.yaml, the lock, buf's files.
 */
#ifndef PROJECT_NODES_H
#define PROJECT_NODES_H

#include <yaml.h>

#include <csvc/arena.h>

/* A scalar's text, in the arena; NULL when the node is NULL, no scalar, or holds a NUL. */
const char *nodes_text(csvc_arena *a, const yaml_node_t *node);

/* The value under `name` in a mapping; NULL when there is none, or the node is no mapping. */
yaml_node_t *nodes_member(yaml_document_t *document, const yaml_node_t *node, const char *name);

#endif /* PROJECT_NODES_H */
