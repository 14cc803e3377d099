/*
 * compose.h: what a project consists of: every file of it, made from its configuration and model.
 *
 * compose_own lists what becomes the user's (born once or merged), compose_gen what stays ours
 * (gen/ and .c-svc/). gen/ follows from c-svc.yaml, the protos, the migrations and which handlers
 * and tests are there, and from nothing else; gen/project.mk says so to make.
 */
#ifndef PROJECT_COMPOSE_H
#define PROJECT_COMPOSE_H

#include "project.h"

/* c-svc.yaml, and copies of the protos: what the rest is made from. `copies` are pairs of path in
 * the project and path on disk. */
csvc_code compose_sources(project *p, const protoc_file *copies, size_t n_copies, csvc_error *err);

/* Handlers, migrations, tests, main.c, Makefile, README.md... */
csvc_code compose_own(project *p, csvc_error *err);

/* gen/ and .c-svc/lock.json; after the two above, when they are wanted, and after p->lock is what
 * is to be recorded. */
csvc_code compose_gen(project *p, csvc_error *err);

#endif /* PROJECT_COMPOSE_H */
