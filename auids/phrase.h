/* SPDX-License-Identifier: BSD-2-Clause */
/* libxml2's words about a schema violation, made fit to be read: without the noise of namespaces in
 * braces, with line and element first, and without the document's contents (phrases reach the log).
 */
#ifndef XCAPD_AUIDS_PHRASE_H
#define XCAPD_AUIDS_PHRASE_H

#include "xcap/conflict.h"

#include <libxml/xmlerror.h>

/* The message alone. */
struct span phrase_message(struct arena *arena, const xmlError *error);

/* schema-validation-error: "line 12, element entry, attribute uri: .." */
void phrase_fault(struct conflict *why, const xmlError *error);

#endif
