/* SPDX-License-Identifier: BSD-2-Clause */
/* What each method does once the pipeline let a request through. One file a method. */
#ifndef XCAPD_XCAPD_HANDLERS_H
#define XCAPD_XCAPD_HANDLERS_H

#include "xcapd/request.h"

enum progress get(struct request *request); /* GET and HEAD, of a document or a part */
enum progress put_document(struct request *request);
enum progress delete_document(struct request *request);
enum progress change_part(struct request *request); /* PUT and DELETE of an element or attribute */

/* A document over this many octets is worked on by the pool: it would hold up the other
 * connections. */
enum { LARGE_DOCUMENT = 64 * 1024 };

/* Is the stored one so large? */
bool is_large(struct request *request);

/* put.c: what a write of any kind needs. */

/* Fills in what the store and the feed are told of this request's write. */
void prepare_ticket(struct request *request, void (*done)(struct ticket *ticket));
/* The outcome of a write that the store has judged, but for STORE_MOVED. */
void conclude(struct request *request);
/* On an HTTP worker's own thread: shall it commit the ticket itself, now? Then it must, with
 * committer_run; that saves four switches of threads, in which time the disk could have begun. */
bool takes_turn(struct request *request);
/* Hands the ticket over; when there is no room it ends the walk with BUSY. */
enum progress commit_later(struct request *request);
/* What the judge of XML lets through. */
struct xml_limits document_limits(const struct request *request);
/* Judges the whole new document by its usage; false: the conflict is told. */
bool judge_document(struct request *request, struct span document);
/* Reads the document's head, and its body when that has at most `most` octets (0: in no case,
 * SIZE_MAX: in any): found_out, or false when the store failed (the walk is ended). */
bool read_document(struct request *request, size_t most, struct snapshot *out, bool *found_out);
/* Precondition of a write, against the stored version: false ends the walk with 412. */
bool conditions_allow(struct request *request, struct etag current);

struct request *request_of_ticket(struct ticket *ticket);
struct request *request_of_job(struct job *job);

#endif
