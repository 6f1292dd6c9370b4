/* SPDX-License-Identifier: BSD-2-Clause */
/* What the commands share that write documents: the steps of a PUT, in their order (RFC 4825
 * §8.2). Each complains unless EXIT_WELL. One thread.
 */
#ifndef XCAPD_XCAPCTL_DOCUMENT_H
#define XCAPD_XCAPCTL_DOCUMENT_H

#include "xcapctl/command.h"

/* The first argument: a document's name. */
enum exit_status document_parse(struct run *run, struct doc_id *out);

/* Is there such a usage, may the document stand there, was its owner added? Loads the usages; id's
 * AUID becomes the canonical one. */
enum exit_status document_place(struct run *run, struct doc_id *id, const struct usage **usage_out);

/* The largest body that the usage takes; the limits for its judge. */
uint64_t document_most(const struct run *run, const struct usage *usage);
struct xml_limits document_limits(const struct run *run);

/* Judges write->body, and fills in what it claims. */
enum exit_status document_judge(struct run *run, const struct usage *usage, struct write *write);

/* Applies the write, with the --if-match of the command line. `usage` is needed for a put only. */
enum exit_status document_apply(struct run *run, const struct usage *usage, struct write *write);

/* "DOCUMENT: created, etag .."; `what` NULL: created, replaced or removed. */
enum exit_status document_report(struct run *run, const struct write *write, const char *what);

#endif
