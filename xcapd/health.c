/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcapd/health.h"

#include "xcapd/commit.h"

#include "xcapd/metrics.h"

struct question {
	struct server *server;
	struct arena *arena;
	size_t connections;
};

static struct health line(unsigned status, struct span text)
{
	return (struct health){ status, "text/plain; charset=utf-8", text };
}

static struct health alive(const struct question *question)
{
	(void)question;
	return line(200, SPAN("ok\n"));
}

static struct health ready(const struct question *question)
{
	struct server *server = question->server;
	if (atomic_load(&server->draining))
		return line(503, SPAN("stopping\n"));
	if (store_probe(server->store) != STORE_OK)
		return line(503, SPAN("the store does not answer\n"));
	if (committer_stuck(server->committer))
		return line(503, SPAN("another process holds the store: no change can be made\n"));
	struct live *live = server_hold(server);
	bool loaded = usages_count(live->usages) > 0;
	live_release(live);
	return loaded ? line(200, SPAN("ready\n")) : line(503, SPAN("no usages are loaded\n"));
}

static struct health figures(const struct question *question)
{
	struct server *server = question->server;
	struct metrics_now now = {
		.connections = question->connections,
		.login_failures = auth_failures(server->auth),
		.time_ms = clock_ms(),
	};
	now.store_answers = store_stats(server->store, &now.store) == STORE_OK;
	return (struct health){ 200, "text/plain; version=0.0.4; charset=utf-8",
		metrics_text(question->arena, &now) };
}

struct health health_answer(
	struct server *server, struct arena *arena, struct span path, size_t connections)
{
	static const struct {
		const char *path;
		struct health (*answer)(const struct question *question);
	} pages[] = { { "/healthz", alive }, { "/readyz", ready }, { "/metrics", figures } };
	const struct question question = { server, arena, connections };
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
		if (span_equal_text(path, pages[i].path))
			return pages[i].answer(&question);
	return line(404, SPAN("here are /healthz, /readyz and /metrics\n"));
}
