/*
 * contract.h: the protos that a project was last brought up to, and what changed since.
 *
 * They are kept as descriptors, without places and comments, in .c-svc/descriptors.pb, a
 * FileDescriptorSet that protoc and buf read, too. New projects and `c-svc update` write it;
 * `c-svc generate` only compares.
 */
#ifndef PROJECT_CONTRACT_H
#define PROJECT_CONTRACT_H

#include "compat/compat.h"
#include "project.h"

/* The model of the recorded protos, entities included; NULL when there are none (a project older
 * than that). FAILED_PRECONDITION when the file cannot be read as what it should be. */
csvc_code contract_recorded(project *p, const gen_model **ret_before, csvc_error *err);

/* Adds the protos of now to the plan, to be recorded. Where nothing of the project's own protos
 * changed the file stays as it is, whatever protoc puts beside them. */
csvc_code contract_plan(project *p, csvc_error *err);

/* What became of the services and rpcs: compat_match. Nothing when there is no record. */
csvc_code contract_match(project *p, compat_rename *renames, size_t n_renames,
                         compat_services *ret_matched, csvc_error *err);

/*
 * Compares the recorded protos with those of now: problems go to the pipeline's, breaks of the wire
 * with the severity `wire`; in *ret_lines they stand as lines with paths seen from the project.
 * *ret_wire is how many of them are breaks of the wire.
 */
csvc_code contract_check(project *p, const compat_services *matched, gen_severity wire,
                         cli_list *ret_lines, size_t *ret_wire, csvc_error *err);

#endif /* PROJECT_CONTRACT_H */
