/* SPDX-License-Identifier: BSD-2-Clause */
/* A value in a document that only one document on the whole server may hold: a service URI (RFC
 * 4826 §4.4.5). A usage finds the claims of a document, the store keeps them unique. */
#ifndef XCAPD_XCAP_CLAIM_H
#define XCAPD_XCAP_CLAIM_H

#include "base/text.h"

struct claim {
	struct span scope; /* for instance "service-uri" */
	struct span value;
};

#endif
