/* SPDX-License-Identifier: BSD-2-Clause */
/* How far long work is: on a terminal one line that changes, with --progress elsewhere a line a
 * second; on stderr. Any thread may tell; the others belong to one thread.
 */
#ifndef XCAPD_XCAPCTL_PROGRESS_H
#define XCAPD_XCAPCTL_PROGRESS_H

#include "xcapctl/command.h"

#include <stdatomic.h>

struct progress {
	const char *what; /* "import" */
	const char *unit; /* "documents"; NULL: octets, told in MiB */
	bool shown, terminal;
	double start;
	_Atomic uint64_t next; /* when something is told again, in milliseconds since the start */
};

void progress_begin(
	struct progress *progress, const struct run *run, const char *what, const char *unit);
/* total 0: nobody knows. */
void progress_tell(struct progress *progress, uint64_t done, uint64_t total);
/* The last line, with the rate; `done` 0: only clears the line. */
void progress_end(struct progress *progress, uint64_t done);
double progress_seconds(const struct progress *progress);

#endif
