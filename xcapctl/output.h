/* SPDX-License-Identifier: BSD-2-Clause */
/* What is printed on stdout: a table for people, JSON for programs, from the same values.
 *
 * Values are jansson's: an object is a row or a record, its keys, in order, the columns. Whether
 * stdout took it all is asked once, at the program's end.
 */
#ifndef XCAPD_XCAPCTL_OUTPUT_H
#define XCAPD_XCAPCTL_OUTPUT_H

#include "xcap/etag.h"

#include <jansson.h>

enum { COLUMNS_MAX = 8 };

/* A list that may be long: printed a page at a time. */
struct rows {
	bool json, failed;
	size_t printed;
	json_t *page;
	size_t widths[COLUMNS_MAX];
};

void rows_begin(struct rows *rows, bool json);
void rows_add(struct rows *rows, json_t *object); /* takes it over; NULL is remembered as failure */
bool rows_end(struct rows *rows);                 /* false: there was no memory */

/* One record; for people a line a key, and below it each key that holds a list of objects. */
void print_object(const json_t *object, bool json);

/* Strings from our own; octets that are not UTF-8 are percent-encoded. */
json_t *json_span(struct span text);
json_t *json_etag(struct etag etag);      /* without quotes */
json_t *json_time(uint64_t milliseconds); /* "2026-01-31T12:00:00Z" */

#endif
