/* SPDX-License-Identifier: BSD-2-Clause */
/* libmicrohttpd's only door: listeners, connections and their deadlines, bodies in, replies out.
 *
 * One daemon a listening address, each with its share of the worker threads, and one for health. An
 * answer that has to wait for the disk suspends its connection; no thread waits.
 */
#ifndef XCAPD_XCAPD_HTTP_H
#define XCAPD_XCAPD_HTTP_H

#include "xcapd/server.h"

struct http; /* opaque */

/* Binds and serves. False: what is wrong was told to `problems`. */
bool http_start(struct http **out, struct server *server, FILE *problems);
/* Closes connections whose deadline has passed; called every 100 ms or so. */
void http_tick(struct http *http);
/* Accepts no more, answers what is in flight, then closes all; leaves NULL behind. Bodies have
 * `patience_ms` to arrive, and commits as long again: false when one is not done then, because
 * another process holds the store's lock. Nothing can be stopped in order after that. */
bool http_stop(struct http **http, uint64_t patience_ms);

#endif
