/* SPDX-License-Identifier: BSD-2-Clause */
/* Listening sockets: handed over by systemd (sd_listen_fds(3)), or made by us so that what goes
 * wrong can be said.
 *
 * A socket that was handed over serves the setting that names its address. One called "http" or
 * "admin" (FileDescriptorName=) serves that listener only, any other name fits both. One that no
 * setting names is an error: nobody would ever answer there. Only while starting, one thread.
 */
#ifndef XCAPD_XCAPD_LISTEN_H
#define XCAPD_XCAPD_LISTEN_H

#include "base/settings.h"

#include <stdio.h>

enum { HANDED_MOST = 64 };

struct handed {
	struct {
		int fd; /* -1: in use */
		char name[64];
	} sockets[HANDED_MOST];
	size_t count;
};

/* Takes what was handed to this process, once. False: told to `problems`. */
bool handed_take(struct handed *out, FILE *problems);
/* Closes what nobody used. False: there was some, told to `problems` unless that is NULL. */
bool handed_end(struct handed *handed, FILE *problems);

/* A listening, non-blocking socket for the listener `name`; -1: why was told to `problems`. */
int listen_on(
	struct handed *handed, const char *name, const struct address *address, FILE *problems);

#endif
