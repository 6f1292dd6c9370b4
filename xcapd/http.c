/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcapd/http.h"

#include "base/log.h"
#include "xcapd/connections.h"
#include "xcapd/health.h"
#include "xcapd/listen.h"
#include "xcapd/metrics.h"
#include "xcapd/reply.h"
#include "xcapd/spare.h"
#include "xcapd/tls.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if MHD_VERSION < 0x00097500
#error "libmicrohttpd 0.9.75 or newer is needed"
#endif

/* First block of an admin request; header octets of one connection; slack over limits.connections,
 * so that it is ours that decides. */
enum { ADMIN_BLOCK = 8 * 1024, HEADER_MOST = 16 * 1024, CONNECTION_SLACK = 64 };
enum { DRAIN_LOOK = 5000 /* microseconds */ };
enum { ADMIN_CONNECTIONS = 64, ADMIN_TIMEOUT = 10 /* seconds */ };

struct http {
	struct server *server;
	struct connections *connections;
	struct MHD_Daemon **daemons;
	size_t count;
	struct MHD_Daemon **admins;
	size_t admin_count;
	bool tls;    /* on the public listeners */
	bool crewed; /* each of them has more threads than one */
	atomic_uint
		later; /* answers that may suspend a connection: none may when the daemons stop */
	atomic_bool closed;
	_Atomic uint64_t timeout; /* limits.timeout in microseconds, as of the last tick */
	int *sockets;             /* of quiesced daemons, which look at them until they stop */
};

/* What wake and suspend say to each other about a request that is answered later. */
enum turn { TURN_OURS, TURN_SUSPENDED, TURN_WOKEN };

/* One request as the HTTP library sees it; lives in the request's arena. */
struct exchange {
	struct request request;
	struct http *http;
	struct MHD_Connection *connection;
	struct connection *deadline;
	uint64_t timeout; /* microseconds */
	enum { EXCHANGE_HEADERS, EXCHANGE_BODY, EXCHANGE_LATER, EXCHANGE_ANSWERED } phase;
	bool keep_body, counted;
	atomic_int turn;
	struct sockaddr_storage peer;
	struct reply reply;
};

/* Open connections of this worker thread. When a daemon stops, another thread may close them: it
 * serves nobody, so its own count does not matter. */
static _Thread_local long open_here;

static struct connection *deadline_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	return info ? info->socket_context : NULL;
}

static const struct sockaddr *peer_of(struct MHD_Connection *connection)
{
	static const struct sockaddr nobody = { .sa_family = AF_UNSPEC };
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	return info && info->client_addr ? info->client_addr : &nobody;
}

static void learn_timeout(struct http *http)
{
	struct live *live = server_hold(http->server);
	atomic_store(&http->timeout, live->settings->limits.timeout_ms * 1000);
	live_release(live);
}

static enum MHD_Result admit(void *data, const struct sockaddr *address, socklen_t length)
{
	struct http *http = data;
	struct live *live = server_hold(http->server);
	bool ours = connections_admit(http->connections, address,
		network_list_holds(&live->settings->auth.trusted, address),
		live->settings->limits.connections, live->settings->limits.connections_per_address);
	live_release(live);
	(void)length;
	return ours ? MHD_YES : MHD_NO;
}

/* With the certificate of now, whatever is reloaded later. */
static void begin_tls(
	struct http *http, struct MHD_Connection *connection, struct connection *opened)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	struct live *live = server_hold(http->server);
	struct tls *tls = tls_hold(live->tls);
	live_release(live);
	if (connection_keep(opened, tls) && !(info && tls_attach(tls, info->tls_session)))
		log_event(LEVEL_ERROR, "tls", "a connection gets no certificate: out of memory");
}

static void connection_changed(void *data, struct MHD_Connection *connection, void **context,
	enum MHD_ConnectionNotificationCode code)
{
	struct http *http = data;
	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		connections_closed(http->connections, *context);
		*context = NULL;
		open_here--;
		return;
	}
	const union MHD_ConnectionInfo *fd =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct connection *opened = connections_opened(
		http->connections, peer_of(connection), fd ? fd->connect_fd : -1);
	connection_deadline(opened, clock_about() + atomic_load(&http->timeout));
	if (http->tls)
		begin_tls(http, connection, opened);
	*context = opened;
	open_here++;
}

static void wake(struct request *request)
{
	struct exchange *exchange = request->wake_data;
	if (atomic_exchange(&exchange->turn, TURN_WOKEN) == TURN_SUSPENDED)
		MHD_resume_connection(exchange->connection);
}

/* The request line is there: the rest of the header has its time from now on. */
static void *begin(void *data, const char *target, struct MHD_Connection *connection)
{
	struct http *http = data;
	struct arena *arena = spares_take(http->server->spares);
	struct exchange *exchange = arena ? arena_zero(arena, sizeof(*exchange)) : NULL;
	if (!exchange) {
		arena_free(&arena);
		return NULL;
	}
	exchange->http = http;
	exchange->connection = connection;
	exchange->deadline = deadline_of(connection);
	exchange->timeout = atomic_load(&http->timeout);
	exchange->request.arena = arena;
	exchange->request.server = http->server;
	exchange->request.tls = http->tls;
	exchange->request.raw_target = arena_copy(arena, span_of(target));
	exchange->request.wake = wake;
	exchange->request.wake_data = exchange;
	atomic_init(&exchange->request.holders, 1);
	connection_deadline(exchange->deadline, clock_about() + exchange->timeout);
	return exchange;
}

static enum MHD_Result take_header(
	void *data, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct exchange *exchange = data;
	(void)kind;
	request_header(&exchange->request, span_of(name), span_of(value ? value : ""));
	return MHD_YES;
}

/* Of the first bracket, encoded or not; the target's size when it has none. */
static size_t bracket_at(struct span target)
{
	size_t end = target.size, percent;
	span_find(target, '[', &end);
	for (size_t at = 0; span_find(span_first(span_from(target, at), end - at), '%', &percent);
		at += percent + 1)
		if (span_starts_nocase(span_from(target, at + percent), SPAN("%5B")))
			return at + percent;
	return end;
}

/* The target up to its first predicate: what follows may quote somebody's buddy list. */
static struct span without_predicates(struct arena *arena, struct span target)
{
	struct buffer text = { .arena = arena };
	size_t size = bracket_at(target);
	if (size == target.size)
		return target;
	buffer_append(&text, span_first(target, size));
	buffer_text(&text, "[..]");
	return buffer_span(&text);
}

static void log_answer(struct exchange *exchange)
{
	const struct request *request = &exchange->request;
	char text[ADDRESS_TEXT];
	address_text(request->client, text);
	struct access access = {
		.id = span_of(request->id),
		.peer = span_of(text),
		.who = request->who.name,
		.method = request->method_text,
		.target = without_predicates(request->arena, request->raw_target),
		.status = exchange->reply.status,
		.octets = exchange->reply.body.size,
		.microseconds = clock_microseconds() - request->started,
		.why = exchange->reply.why,
	};
	log_access(&access);
	metrics_request(request->method,
		request->usage ? usage_auid(request->usage) : (struct span){ NULL, 0 },
		exchange->phase == EXCHANGE_ANSWERED ? request->outcome : OUTCOME_NONE,
		access.microseconds);
}

static enum MHD_Result send_reply(struct exchange *exchange, bool close_after)
{
	struct request *request = &exchange->request;
	if (!reply_build(request, &exchange->reply))
		return MHD_NO;
	const struct reply *reply = &exchange->reply;
	struct MHD_Response *response = MHD_create_response_from_buffer(
		reply->length, (void *)(uintptr_t)reply->body.data, MHD_RESPMEM_PERSISTENT);
	if (!response)
		return MHD_NO;
	for (size_t i = 0; i < reply->field_count; i++)
		MHD_add_response_header(response, reply->fields[i].name, reply->fields[i].value);
	if (close_after
		|| atomic_load_explicit(&exchange->http->server->draining, memory_order_relaxed))
		MHD_add_response_header(response, "Connection", "close");
	enum MHD_Result queued = MHD_queue_response(exchange->connection, reply->status, response);
	MHD_destroy_response(response);
	exchange->phase = EXCHANGE_ANSWERED;
	log_answer(exchange);
	return queued;
}

static enum MHD_Result on_headers(
	struct exchange *exchange, const char *method, const char *version)
{
	struct request *request = &exchange->request;
	request->method_text = span_of(method);
	request->needs_host = !strcmp(version, MHD_HTTP_VERSION_1_1);
	request->started = clock_microseconds();
	const struct sockaddr *peer = peer_of(exchange->connection);
	memcpy(&exchange->peer, peer,
		peer->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
					    : sizeof(struct sockaddr_in));
	request->peer = (const struct sockaddr *)(const void *)&exchange->peer;
	atomic_fetch_add(&exchange->http->server->active, 1);
	exchange->counted = true;
	request_start(request);
	MHD_get_connection_values(exchange->connection, MHD_HEADER_KIND, take_header, exchange);
	enum body_plan plan = request_head(request);
	if (plan == BODY_REFUSE)
		return send_reply(exchange, true);
	exchange->keep_body = plan == BODY_KEEP;
	exchange->phase = EXCHANGE_BODY;
	connection_deadline(exchange->deadline, request->started + exchange->timeout);
	return MHD_YES;
}

/* Whoever may have to wait is counted before it is looked whether the doors are closed: so when
 * they are and nobody is counted, nobody will be suspended any more. */
static enum MHD_Result on_body_complete(struct exchange *exchange)
{
	struct http *http = exchange->http;
	connection_deadline(exchange->deadline, 0);
	exchange->request.alone = http->crewed && open_here == 1;
	atomic_fetch_add(&http->later, 1);
	bool closed = atomic_load(&http->closed);
	if (closed || request_act(&exchange->request) == ANSWER_NOW
		|| atomic_load(&exchange->turn) == TURN_WOKEN) {
		atomic_fetch_sub(&http->later, 1);
		return closed ? MHD_NO : send_reply(exchange, false);
	}
	exchange->phase = EXCHANGE_LATER;
	MHD_suspend_connection(exchange->connection);
	if (atomic_exchange(&exchange->turn, TURN_SUSPENDED) == TURN_WOKEN)
		MHD_resume_connection(exchange->connection);
	return MHD_YES;
}

static enum MHD_Result handle(void *data, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *part, size_t *part_size,
	void **context)
{
	struct exchange *exchange = *context;
	(void)data, (void)connection, (void)url;
	if (!exchange)
		return MHD_NO;
	switch (exchange->phase) {
	case EXCHANGE_HEADERS:
		return on_headers(exchange, method, version);
	case EXCHANGE_BODY:
		if (!*part_size)
			return on_body_complete(exchange);
		if (exchange->keep_body)
			request_body(&exchange->request, (struct span){ part, *part_size });
		*part_size = 0;
		return MHD_YES;
	case EXCHANGE_LATER:
		atomic_fetch_sub(&exchange->http->later, 1);
		exchange->phase = EXCHANGE_BODY; /* counted once, whatever becomes of the answer */
		return send_reply(exchange, false);
	default:
		return MHD_YES;
	}
}

static void completed(void *data, struct MHD_Connection *connection, void **context,
	enum MHD_RequestTerminationCode how)
{
	struct exchange *exchange = *context;
	(void)data, (void)connection;
	if (!exchange)
		return;
	*context = NULL;
	if (exchange->phase == EXCHANGE_LATER) /* gone before the answer was sent */
		atomic_fetch_sub(&exchange->http->later, 1);
	if (exchange->counted && exchange->phase != EXCHANGE_ANSWERED) {
		exchange->reply.why = SPAN("the client went away or was too slow");
		log_answer(exchange);
	}
	if (how == MHD_REQUEST_TERMINATED_COMPLETED_OK)
		connection_deadline(exchange->deadline, clock_about() + exchange->timeout);
	if (exchange->counted)
		atomic_fetch_sub(&exchange->http->server->active, 1);
	request_release(&exchange->request);
}

static void library_says(void *data, const char *format, va_list arguments)
{
	char text[512];
	(void)data;
	vsnprintf(text, sizeof(text), format, arguments);
	text[strcspn(text, "\r\n")] = '\0';
	log_event(LEVEL_DEBUG, "http", "%s", text);
}

/* The target is decoded by uri_parse, from the raw text; nothing else may touch it. */
static size_t leave_encoded(void *data, struct MHD_Connection *connection, char *text)
{
	(void)data, (void)connection;
	return strlen(text);
}

static struct MHD_Daemon *serve(struct http *http, int socket, unsigned threads,
	unsigned connections, unsigned timeout_seconds)
{
	struct MHD_OptionItem tls[] = {
		{ http->tls ? MHD_OPTION_HTTPS_PRIORITIES : MHD_OPTION_END, 0,
			(void *)(uintptr_t)tls_priority },
		{ MHD_OPTION_HTTPS_CERT_CALLBACK2, 0, tls_no_certificate() },
		{ MHD_OPTION_END, 0, NULL },
	};
	struct MHD_OptionItem pool[] = {
		{ threads > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END, (intptr_t)threads,
			NULL },
		{ MHD_OPTION_END, 0, NULL },
	};
	return MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME
					| MHD_USE_ITC | MHD_USE_ERROR_LOG
					| (http->tls ? MHD_USE_TLS : 0),
		0, admit, http, handle,
		http, /* the logger comes first, so that it hears of all the rest */
		MHD_OPTION_EXTERNAL_LOGGER, library_says, NULL, MHD_OPTION_LISTEN_SOCKET, socket,
		MHD_OPTION_URI_LOG_CALLBACK, begin, http, MHD_OPTION_NOTIFY_COMPLETED, completed,
		http, MHD_OPTION_NOTIFY_CONNECTION, connection_changed, http,
		MHD_OPTION_UNESCAPE_CALLBACK, leave_encoded, NULL,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEADER_MOST,
		MHD_OPTION_CONNECTION_LIMIT, connections, MHD_OPTION_CONNECTION_TIMEOUT,
		timeout_seconds, MHD_OPTION_ARRAY, pool, MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
}

static enum MHD_Result answer_admin(
	struct MHD_Connection *connection, const struct health *health, bool reads)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
		health->text.size, (void *)(uintptr_t)health->text.data, MHD_RESPMEM_MUST_COPY);
	if (!response)
		return MHD_NO;
	MHD_add_response_header(response, "Content-Type", health->type);
	MHD_add_response_header(response, "Cache-Control", "no-store");
	if (!reads)
		MHD_add_response_header(response, "Allow", "GET, HEAD");
	enum MHD_Result queued = MHD_queue_response(connection, health->status, response);
	MHD_destroy_response(response);
	return queued;
}

static enum MHD_Result handle_admin(void *data, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *part, size_t *part_size,
	void **context)
{
	struct http *http = data;
	(void)version, (void)part, (void)context;
	if (*part_size) { /* nobody needs a body here */
		*part_size = 0;
		return MHD_YES;
	}
	struct arena *arena = arena_new(ADMIN_BLOCK);
	if (!arena)
		return MHD_NO;
	bool reads =
		span_equal_text(span_of(method), "GET") || span_equal_text(span_of(method), "HEAD");
	struct health health = { 405, "text/plain; charset=utf-8", SPAN("only GET and HEAD\n") };
	if (reads)
		health = health_answer(
			http->server, arena, span_of(url), connections_count(http->connections));
	enum MHD_Result queued =
		health.text.data ? answer_admin(connection, &health, reads) : MHD_NO;
	arena_free(&arena);
	return queued;
}

static struct MHD_Daemon *serve_admin(struct http *http, int socket)
{
	return MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ERROR_LOG, 0, NULL, NULL,
		handle_admin, http, MHD_OPTION_EXTERNAL_LOGGER, library_says, NULL,
		MHD_OPTION_LISTEN_SOCKET, socket, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)ADMIN_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)ADMIN_TIMEOUT,
		MHD_OPTION_END);
}

static bool start_listeners(
	struct http *http, const struct settings *settings, struct handed *handed, FILE *problems)
{
	size_t listeners = settings->http.listen.count;
	uint64_t share = settings->http.threads / listeners;
	unsigned threads = share > 0 ? (unsigned)share : 1;
	unsigned most = (unsigned)settings->limits.connections + CONNECTION_SLACK * threads;
	unsigned seconds = (unsigned)(settings->limits.timeout_ms / 1000) + 1;
	http->crewed = threads > 1;
	http->daemons = calloc(listeners, sizeof(*http->daemons));
	http->sockets = calloc(listeners, sizeof(*http->sockets));
	if (!http->daemons || !http->sockets)
		return false;
	for (size_t i = 0; i < listeners; i++) {
		int socket = listen_on(handed, "http", &settings->http.listen.items[i], problems);
		if (socket < 0)
			return false;
		http->daemons[i] = serve(http, socket, threads, most, seconds);
		if (!http->daemons[i]) {
			close(socket);
			fprintf(problems, "cannot serve %s: out of threads or memory\n",
				settings->http.listen.items[i].text.data);
			return false;
		}
		http->count++;
	}
	return true;
}

static bool start_admins(
	struct http *http, const struct settings *settings, struct handed *handed, FILE *problems)
{
	const struct address_list *list = &settings->admin.listen;
	http->admins = calloc(list->count + 1, sizeof(*http->admins));
	for (size_t i = 0; http->admins && i < list->count; i++) {
		int socket = listen_on(handed, "admin", &list->items[i], problems);
		struct MHD_Daemon *admin = socket >= 0 ? serve_admin(http, socket) : NULL;
		if (!admin)
			return false;
		http->admins[http->admin_count++] = admin;
	}
	return http->admins != NULL;
}

bool http_start(struct http **out, struct server *server, FILE *problems)
{
	const struct settings *settings = server->live->settings;
	struct http *http = calloc(1, sizeof(*http));
	*out = http;
	if (!http || !connections_new(&http->connections))
		return false;
	http->server = server;
	learn_timeout(http);
	http->tls = server->live->tls != NULL;
	if (http->tls && MHD_is_feature_supported(MHD_FEATURE_HTTPS_CERT_CALLBACK2) != MHD_YES) {
		fprintf(problems, "libmicrohttpd was built without TLS\n");
		return false;
	}
	struct handed handed;
	bool good = handed_take(&handed, problems)
		    && start_listeners(http, settings, &handed, problems)
		    && start_admins(http, settings, &handed, problems);
	return good & handed_end(&handed, good ? problems : NULL);
}

void http_tick(struct http *http)
{
	learn_timeout(http);
	connections_expire(http->connections, clock_microseconds());
}

/* False: an answer still waits, for a writer that does not get its turn. */
static bool drain(struct http *http, uint64_t patience_ms)
{
	uint64_t until = clock_microseconds() + patience_ms * 1000;
	atomic_store(&http->server->draining, true);
	for (size_t i = 0; i < http->count; i++)
		http->sockets[i] = MHD_quiesce_daemon(http->daemons[i]);
	while (atomic_load(&http->server->active) && clock_microseconds() < until) {
		http_tick(http);
		usleep(DRAIN_LOOK);
	}
	atomic_store(&http->closed, true);
	until = clock_microseconds() + patience_ms * 1000;
	while (atomic_load(&http->later) && clock_microseconds() < until)
		usleep(DRAIN_LOOK);
	return !atomic_load(&http->later);
}

bool http_stop(struct http **out, uint64_t patience_ms)
{
	struct http *http = *out;
	if (!http)
		return true;
	if (!drain(http, patience_ms))
		return false;
	for (size_t i = 0; i < http->count; i++) {
		MHD_stop_daemon(http->daemons[i]);
		if (http->sockets[i] >= 0)
			close(http->sockets[i]);
	}
	for (size_t i = 0; i < http->admin_count; i++)
		MHD_stop_daemon(http->admins[i]);
	connections_free(&http->connections);
	free(http->daemons);
	free(http->sockets);
	free(http->admins);
	free(http);
	*out = NULL;
	return true;
}
