/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef XCAPD_BASE_OWNER_H
#define XCAPD_BASE_OWNER_H

#include <stddef.h>

/* The `type` whose `member` this points at. */
#define OWNER_OF(type, member, pointer) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#endif
