/* SPDX-License-Identifier: BSD-2-Clause */
/* Documents that the server makes itself: its capabilities (RFC 4825 §12), the list of a user's
 * documents, the index of all services (RFC 4826 §4.4.9). Always fresh: nothing is kept. */
#ifndef XCAPD_XCAPD_GENERATED_H
#define XCAPD_XCAPD_GENERATED_H

#include "xcapd/request.h"

/* The document, or as much of it as the request's selector can choose. False: the walk is ended. */
bool generated_read(struct request *request, struct snapshot *out);

/* Does it take long enough to be made by the pool? */
bool generated_slowly(struct request *request);

#endif
