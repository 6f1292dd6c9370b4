/* SPDX-License-Identifier: BSD-2-Clause */
/* The one place that knows status codes: outcome → status, header fields, body. */
#ifndef XCAPD_XCAPD_REPLY_H
#define XCAPD_XCAPD_REPLY_H

#include "xcapd/request.h"

enum { REPLY_FIELDS_MOST = 16 };

struct reply {
	unsigned status;
	struct span body;
	size_t length; /* what Content-Length says: of a 304 what a 200 would say */
	struct {
		const char *name, *value;
	} fields[REPLY_FIELDS_MOST];
	size_t field_count;
	struct span why; /* for the log: none when all went well */
};

/* All of it lives in the request's arena. False without memory. */
bool reply_build(struct request *request, struct reply *out);

#endif
