/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcapd/health.h"

static struct health alive(struct server *server)
{
	(void)server;
	return (struct health){ 200, "ok\n" };
}

static struct health ready(struct server *server)
{
	if (atomic_load(&server->draining))
		return (struct health){ 503, "stopping\n" };
	if (store_probe(server->store) != STORE_OK)
		return (struct health){ 503, "the store does not answer\n" };
	struct live *live = server_hold(server);
	bool loaded = usages_count(live->usages) > 0;
	live_release(live);
	return loaded ? (struct health){ 200, "ready\n" }
		      : (struct health){ 503, "no usages are loaded\n" };
}

struct health health_answer(struct server *server, struct span path)
{
	static const struct {
		const char *path;
		struct health (*answer)(struct server *server);
	} pages[] = { { "/healthz", alive }, { "/readyz", ready } };
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
		if (span_equal_text(path, pages[i].path))
			return pages[i].answer(server);
	return (struct health){ 404, "here are /healthz and /readyz\n" };
}
