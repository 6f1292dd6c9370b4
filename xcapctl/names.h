/* SPDX-License-Identifier: BSD-2-Clause */
/* File names of an export, and back. Pure text: any thread.
 *
 * A segment of a document's name becomes a file name by percent-encoding (RFC 3986 §2.1) all octets
 * but unreserved ones and !$&'()*+,;=:@ ; of "." and ".." the dots too. The result may be longer
 * than a file name can be, and a folder may be needed where a document of the same name lies. For
 * these there are two marks, which no encoded name can contain because two hex digits have to
 * follow a '%':
 *
 *   NAME%    a folder: the name, over 253 octets, goes on with that of what is inside
 *   NAME%-   a folder beside a document whose file is NAME
 */
#ifndef XCAPD_XCAPCTL_NAMES_H
#define XCAPD_XCAPCTL_NAMES_H

#include "base/text.h"

enum { NAME_PIECE_MAX = 253 }; /* a file name ends at 255 octets; two are for the mark */

/* The whole encoded name, however long; data == NULL without memory. */
struct span name_encode(struct arena *arena, struct span segment);

/* Cuts the next file name off *rest, with its mark and a NUL behind it; the last one when nothing
 * is left of *rest. data == NULL without memory. */
struct span name_cut(struct arena *arena, struct span *rest);

/* The folder beside a document: of what name_cut gave last. */
struct span name_beside(struct arena *arena, struct span name);

enum name_kind { NAME_WHOLE, NAME_GOES_ON, NAME_BAD };

/* Appends what a file name means to a segment that may have begun in the folders around. Only a
 * folder's name may bear a mark. NAME_BAD also without memory. */
enum name_kind name_decode(struct span name, bool folder, struct buffer *segment);

#endif
