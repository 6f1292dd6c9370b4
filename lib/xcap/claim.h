/* SPDX-License-Identifier: BSD-2-Clause */
/* A value in a document that only one document on the whole server may hold: a service URI (RFC
 * 4826 §4.4.5). A usage finds the claims of a document, the store keeps them unique. */
#ifndef XCAPD_XCAP_CLAIM_H
#define XCAPD_XCAP_CLAIM_H

#include "base/text.h"

struct claim {
	struct span scope; /* for instance "service-uri" */
	struct span value;
	struct span content; /* kept with it for those who ask for the whole scope: an element that
				stands by itself; empty: it is not shown there */
	struct span user;    /* the name of a user who must not exist when it is claimed first;
				empty: no matter */
};

#endif
