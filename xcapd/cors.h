/* SPDX-License-Identifier: BSD-2-Clause */
/* Which pages may call from a browser (Fetch standard, "CORS protocol"): those of
 * http.cors-origins, each named exactly; there is no wildcard.
 *
 * Access-Control-Allow-Credentials is never sent: a page logs in by an Authorization header of its
 * own making, and a browser adds no cookie or remembered password. Every answer to an allowed page
 * says so, refusals too, so that the page can read why. Pure; any thread.
 */
#ifndef XCAPD_XCAPD_CORS_H
#define XCAPD_XCAPD_CORS_H

#include "xcapd/request.h"

enum { CORS_FIELDS_MOST = 5 };

struct cors_field {
	const char *name, *value;
};

/* The header fields that an answer to this request gets; how many. Values live in the request's
 * arena or are static. */
size_t cors_fields(const struct request *request, struct cors_field out[CORS_FIELDS_MOST]);

#endif
