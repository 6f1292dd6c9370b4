/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory for libxml2 while a small document is judged: thousands of nodes and strings that live for
 * some fifty microseconds. They come out of one block of the thread's own, one behind the other,
 * and are gone all at once. What does not fit comes from the heap, as everything does that libxml2
 * allocates at other times.
 *
 * A thread opens its block, parses, judges, frees and closes, in this order: nothing that libxml2
 * allocates in between may be used by another thread, or after the block is opened again.
 */
#ifndef XCAPD_XCAP_SCRATCH_H
#define XCAPD_XCAP_SCRATCH_H

#include <stdbool.h>

/* Once, before libxml2 allocates anything: makes it ask here. */
void scratch_start(void);

/* Without memory for the block, everything comes from the heap. */
void scratch_open(void);
/* From now on libxml2 allocates from the heap again; what lies in the block stays until it is
 * opened anew. May be called twice. */
void scratch_close(void);

/* Does the block hold these octets, and with them all that this thread's libxml2 allocated since it
 * was opened? Then nothing of that needs freeing. */
bool scratch_holds(const void *octets);

#endif
