/* SPDX-License-Identifier: BSD-2-Clause */
/* The public URI of what a request names: under http.root, not under what the client called us. */
#ifndef XCAPD_XCAPD_LOCATION_H
#define XCAPD_XCAPD_LOCATION_H

#include "xcapd/request.h"

/* Of the request's document, and of the part of it that `node` selects (percent-encoded; none or
 * empty: the document), with the query that its prefixes need. data == NULL without memory. */
struct span location(const struct request *request, struct span node);

/* Of any document. */
struct span location_of(const struct request *request, const struct doc_id *id);

#endif
