/* SPDX-License-Identifier: BSD-2-Clause */
/* JSON-RPC 2.0 over HTTP and HTTPS, by libcurl within the loop. One door for each target. The
 * loop's thread.
 */
#ifndef XCAPD_NOTIFIER_RPC_H
#define XCAPD_NOTIFIER_RPC_H

#include "base/settings.h"
#include "notifier/loop.h"

struct rpc;      /* opaque */
struct rpc_call; /* opaque: one on its way */

/* For the whole process, before and after all others. */
bool rpc_start(void);
void rpc_stop(void);

/* Loop, settings (for notifier.tls-ca) and target must outlive it. False without memory. */
bool rpc_new(struct rpc **out, struct loop *loop, const struct settings *settings,
	const struct target_settings *target);
void rpc_free(struct rpc **rpc); /* calls on their way are forgotten; NULL inside is fine */

struct rpc_result {
	bool answered; /* there is an HTTP answer */
	bool well;     /* 200 with a result */
	unsigned retry_after;
	char why[160];
};

typedef void rpc_done(void *context, const struct rpc_result *result);

/* The body is copied. `done` is called once, never from within rpc_post. NULL without memory. */
struct rpc_call *rpc_post(struct rpc *rpc, struct span body, rpc_done *done, void *context);
void rpc_forget(struct rpc_call **call); /* done is not called; NULL inside is fine */

#endif
