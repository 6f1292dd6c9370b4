/* SPDX-License-Identifier: BSD-2-Clause */
/* One edit of an element or attribute, prepared on given octets (RFC 4825 §8.2, §8.4). lane.c says
 * on which octets, and when. */
#ifndef XCAPD_XCAPD_PART_H
#define XCAPD_XCAPD_PART_H

#include "xcapd/request.h"

/* Is there a place for it: the parent of what is put, the node to delete? False: the walk is ended.
 */
bool part_locate(struct request *request, struct span document);
/* Splices, judges the whole result and fills the ticket in; false: the walk is ended with the
 * reason. May be called again on other octets. */
bool part_prepare(
	struct request *request, struct span document, void (*done)(struct ticket *ticket));
void part_without_document(struct request *request);
/* The outcome of an edit that the store has judged. */
void part_conclude(struct request *request);

#endif
