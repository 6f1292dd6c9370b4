/* SPDX-License-Identifier: BSD-2-Clause */
/* Looks at every row of a store: can it be read, and does it fit the others? It never writes, and
 * holds no snapshot for longer than one step.
 */
#ifndef XCAPD_STORE_VERIFY_H
#define XCAPD_STORE_VERIFY_H

#include "store/store.h"

enum verify_part {
	VERIFY_DOCUMENTS, /* with their bodies, former versions, claims and rows of the feed */
	VERIFY_DELETED,
	VERIFY_VERSIONS, /* the bodies' own table */
	VERIFY_FEED,
	VERIFY_CLAIMS,
	VERIFY_USERS,
	VERIFY_STATE, /* other programs' own tables */
	VERIFY_PARTS
};

/* One walk through a part. Zero-initialise; `tell` is called for each fault, `where` being a
 * document or a number. */
struct verify_walk {
	enum verify_part part;
	void (*tell)(void *context, const char *where, const char *what);
	void *context;
	uint64_t rows,
		versions; /* so far; versions: rows that VERIFY_VERSIONS has to have for it */
	bool done;
	uint64_t last;
	uint8_t after[512];
	size_t after_size;
};

/* The next rows, at most `most`, in one snapshot. Of VERIFY_DOCUMENTS the documents that are sound
 * come out with their bodies, in the arena; the other parts give none. */
enum store_result store_verify(struct store *store, struct arena *arena, struct verify_walk *walk,
	size_t most, struct document_row **rows_out, size_t *count_out);

/* Does the document, if it still is this version, claim just that? Any thread. */
enum store_result store_verify_claims(struct store *store, struct arena *arena,
	const struct document_row *row, const struct claim *claims, size_t count, bool *same_out);

#endif
