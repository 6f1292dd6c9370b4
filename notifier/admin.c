/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/admin.h"

#include "base/log.h"
#include "notifier/figures.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS = 32, IDLE_SECONDS = 10, BLOCK = 32 * 1024, BACKLOG = 16 };

/* One listener: libmicrohttpd's own epoll set is watched by the loop. */
struct door {
	struct admin *admin;
	struct MHD_Daemon *daemon;
	struct watch watch;
	struct timer timer;
};

struct admin {
	struct notifier *notifier;
	struct door *doors;
	size_t count;
};

struct page {
	unsigned status;
	const char *type;
	struct span text;
};

static struct page line(unsigned status, struct span text)
{
	return (struct page){ status, "text/plain; charset=utf-8", text };
}

static struct page alive(struct notifier *notifier, struct arena *arena)
{
	(void)notifier, (void)arena;
	return line(200, SPAN("ok\n"));
}

static struct page ready(struct notifier *notifier, struct arena *arena)
{
	(void)arena;
	const char *why = figures_unready(notifier);
	return why ? line(503, span_of(why)) : line(200, SPAN("ready\n"));
}

static struct page figures(struct notifier *notifier, struct arena *arena)
{
	return (struct page){ 200, "text/plain; version=0.0.4; charset=utf-8",
		figures_text(notifier, arena) };
}

static struct page find_page(
	struct notifier *notifier, struct arena *arena, const char *method, const char *path)
{
	static const struct {
		const char *path;
		struct page (*make)(struct notifier *notifier, struct arena *arena);
	} pages[] = { { "/healthz", alive }, { "/readyz", ready }, { "/metrics", figures } };
	if (strcmp(method, "GET") && strcmp(method, "HEAD"))
		return line(405, SPAN("only GET and HEAD\n"));
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
		if (!strcmp(path, pages[i].path))
			return pages[i].make(notifier, arena);
	return line(404, SPAN("here are /healthz, /readyz and /metrics\n"));
}

static enum MHD_Result answer(struct MHD_Connection *connection, const struct page *page)
{
	struct MHD_Response *response =
		page->text.data ? MHD_create_response_from_buffer(
			page->text.size, (void *)(uintptr_t)page->text.data, MHD_RESPMEM_MUST_COPY)
				: NULL;
	if (!response)
		return MHD_NO;
	MHD_add_response_header(response, "Content-Type", page->type);
	MHD_add_response_header(response, "Cache-Control", "no-store");
	if (page->status == 405)
		MHD_add_response_header(response, "Allow", "GET, HEAD");
	enum MHD_Result queued = MHD_queue_response(connection, page->status, response);
	MHD_destroy_response(response);
	return queued;
}

static enum MHD_Result handle(void *data, struct MHD_Connection *connection, const char *path,
	const char *method, const char *version, const char *part, size_t *part_size,
	void **context)
{
	const struct admin *admin = data;
	(void)version, (void)part, (void)context;
	if (*part_size) { /* nobody needs a body here */
		*part_size = 0;
		return MHD_YES;
	}
	struct arena *arena = arena_new(BLOCK);
	if (!arena)
		return MHD_NO;
	const struct page page = find_page(admin->notifier, arena, method, path);
	enum MHD_Result queued = answer(connection, &page);
	arena_free(&arena);
	return queued;
}

static void library_says(void *context, const char *format, va_list arguments)
{
	char text[256];
	(void)context;
	int size = vsnprintf(text, sizeof(text), format, arguments);
	while (size > 0 && (size >= (int)sizeof(text) || text[size - 1] == '\n'))
		size = size >= (int)sizeof(text) ? (int)sizeof(text) - 1 : size - 1;
	log_event(LEVEL_DEBUG, "admin", "%.*s", size > 0 ? size : 0, text);
}

/* --- in the loop --- */

static void run(struct door *door)
{
	struct loop *loop = door->admin->notifier->loop;
	MHD_UNSIGNED_LONG_LONG wait = 0;
	MHD_run(door->daemon);
	if (MHD_get_timeout(door->daemon, &wait) == MHD_YES)
		timer_set(loop, &door->timer, loop_now(loop) + wait);
	else
		timer_stop(loop, &door->timer);
}

static void ready_to_run(void *context, uint32_t events)
{
	(void)events;
	run(context);
}

static void time_to_run(void *context)
{
	run(context);
}

static int listen_at(const struct address *address)
{
	int yes = 1;
	int fd = socket(address->socket.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (address->socket.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes));
	if (!bind(fd, (const struct sockaddr *)&address->socket, address->length)
		&& !listen(fd, BACKLOG))
		return fd;
	int problem = errno;
	close(fd);
	errno = problem;
	return -1;
}

static bool open_door(struct door *door, const struct address *address, FILE *problems)
{
	int fd = listen_at(address);
	if (fd < 0) {
		fprintf(problems, "notifier.admin-listen %.*s: %s\n", SPAN_ARG(address->text),
			strerror(errno));
		return false;
	}
	door->timer = (struct timer){ .fire = time_to_run, .context = door };
	door->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_ERROR_LOG, 0, NULL, NULL, handle,
		door->admin, MHD_OPTION_EXTERNAL_LOGGER, library_says, NULL,
		MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS, MHD_OPTION_END);
	if (!door->daemon) {
		close(fd);
		fprintf(problems, "notifier.admin-listen %.*s: cannot be served\n",
			SPAN_ARG(address->text));
		return false;
	}
	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(door->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	door->watch = (struct watch){ info->epoll_fd, ready_to_run, door, false };
	return loop_watch(door->admin->notifier->loop, &door->watch, EPOLLIN);
}

bool admin_new(struct admin **out, struct notifier *notifier, FILE *problems)
{
	const struct address_list *list = &notifier->settings->notifier.admin_listen;
	struct admin *admin = calloc(1, sizeof(*admin));
	bool well = admin && (admin->doors = calloc(list->count + 1, sizeof(*admin->doors)));
	if (admin)
		admin->notifier = notifier;
	for (size_t i = 0; well && i < list->count; i++) {
		struct door *door = &admin->doors[admin->count++];
		door->admin = admin;
		well = open_door(door, &list->items[i], problems);
	}
	if (!well)
		admin_free(&admin);
	*out = admin;
	return well;
}

void admin_free(struct admin **admin)
{
	struct admin *old = *admin;
	if (!old)
		return;
	for (size_t i = 0; i < old->count; i++) {
		struct door *door = &old->doors[i];
		loop_unwatch(old->notifier->loop, &door->watch);
		timer_stop(old->notifier->loop, &door->timer);
		if (door->daemon)
			MHD_stop_daemon(door->daemon);
	}
	free(old->doors);
	free(old);
	*admin = NULL;
}
