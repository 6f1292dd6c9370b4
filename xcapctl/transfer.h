/* SPDX-License-Identifier: BSD-2-Clause */
/* What transfer.c and transfer_people.c share: one import of a folder. */
#ifndef XCAPD_XCAPCTL_TRANSFER_H
#define XCAPD_XCAPCTL_TRANSFER_H

#include "xcapctl/progress.h"
#include "xcapctl/tree.h"

struct transfer {
	struct run *run;
	struct tree_walk *walk;
	struct progress progress;
	struct span who, request;
	struct xml_limits limits;
	uint64_t users, users_written, documents, created, replaced, unchanged, refusals;
	json_t *refused; /* with --json, what stderr is told too */
	bool failed;     /* what was told already ends the import */
};

/* Says on stderr which file was refused and why, and goes on. `kind` NULL: it is no document. Not
 * for several threads at once. */
void transfer_refuse(
	struct transfer *transfer, struct span file, const char *kind, struct span phrase);

/* Reads users.tsv when there is one, and writes who is new or changed. */
enum exit_status transfer_people(struct transfer *transfer);

#endif
