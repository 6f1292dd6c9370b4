/* SPDX-License-Identifier: BSD-2-Clause */
/* Checks a whole store: every row, and every document against the usages in force. */
#ifndef XCAPD_XCAPCTL_VERIFY_H
#define XCAPD_XCAPCTL_VERIFY_H

#include "xcapctl/command.h"

struct verify_result {
	uint64_t documents, octets, deleted, versions, feed, claims, users;
	uint64_t damage;  /* rows that are wrong in themselves or do not fit each other */
	uint64_t content; /* documents that the usages would not accept today */
};

/* Each fault is told on stderr. The usages have to be loaded. EXIT_WELL also when there are faults.
 */
enum exit_status verify_store(struct run *run, struct store *store, struct verify_result *out);

/* A file whose pages are damaged can make the engine read where nothing is: from here on that ends
 * the program with these words and status 1. */
void verify_guard(const char *words);

#endif
