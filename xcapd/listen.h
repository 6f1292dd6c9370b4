/* SPDX-License-Identifier: BSD-2-Clause */
/* Listening sockets, made by us so that what goes wrong can be said. */
#ifndef XCAPD_XCAPD_LISTEN_H
#define XCAPD_XCAPD_LISTEN_H

#include "base/settings.h"

#include <stdio.h>

/* A bound, listening, non-blocking socket; -1: why was told to `problems`. */
int listen_on(const struct address *address, FILE *problems);

#endif
