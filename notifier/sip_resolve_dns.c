/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/sip_resolve_private.h"

#include <ares.h>
#include <arpa/nameser.h>
#include <assert.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/stat.h>

#define CONFIGURATION "/etc/resolv.conf"

enum { TRY_MS = 750, TRIES = 2 };

/* One of c-ares' sockets. */
struct dns_socket {
	struct dns *dns;
	struct watch watch;
	LIST_ENTRY(dns_socket) link;
};

struct dns {
	struct loop *loop;
	ares_channel channel;
	struct timer timer;
	bool ending;
	bool fixed; /* dns_servers said which; else as /etc/resolv.conf says now */
	size_t pending;
	struct timespec configured; /* that file's time when it was read */
	LIST_HEAD(, dns_socket) sockets;
	struct table questions;
	uint64_t secret[2];
	TAILQ_HEAD(, question) by_use;
};

/* --- c-ares on the loop --- */

static void arm(struct dns *dns)
{
	struct timeval patience, *wait = ares_timeout(dns->channel, NULL, &patience);
	if (!wait) {
		timer_stop(dns->loop, &dns->timer);
		return;
	}
	uint64_t milliseconds = (uint64_t)wait->tv_sec * 1000 + (uint64_t)wait->tv_usec / 1000;
	timer_set(dns->loop, &dns->timer, loop_now(dns->loop) + milliseconds + 1);
}

static void out_of_time(void *context)
{
	struct dns *dns = context;
	ares_process_fd(dns->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	arm(dns);
}

/* c-ares may close this very socket meanwhile. */
static void socket_ready(void *context, uint32_t events)
{
	struct dns_socket *socket = context;
	struct dns *dns = socket->dns;
	int fd = socket->watch.fd;
	bool in = events & (EPOLLIN | EPOLLERR | EPOLLHUP), out = events & EPOLLOUT;
	ares_process_fd(dns->channel, in ? fd : ARES_SOCKET_BAD, out ? fd : ARES_SOCKET_BAD);
	arm(dns);
}

static void socket_forget(struct dns *dns, struct dns_socket *socket)
{
	loop_unwatch(dns->loop, &socket->watch);
	LIST_REMOVE(socket, link);
	assert(LIST_FIRST(&dns->sockets) != socket);
	free(socket);
}

static void socket_state(void *context, ares_socket_t fd, int readable, int writable)
{
	struct dns *dns = context;
	struct dns_socket *socket = LIST_FIRST(&dns->sockets);
	while (socket && socket->watch.fd != fd)
		socket = LIST_NEXT(socket, link);
	if (!readable && !writable) {
		if (socket)
			socket_forget(dns, socket);
		return;
	}
	if (!socket) {
		socket = calloc(1, sizeof(*socket));
		if (!socket) /* its questions time out */
			return;
		socket->dns = dns;
		socket->watch = (struct watch){ fd, socket_ready, socket, false };
		LIST_INSERT_HEAD(&dns->sockets, socket, link);
	}
	loop_watch(
		dns->loop, &socket->watch, (readable ? EPOLLIN : 0u) | (writable ? EPOLLOUT : 0u));
}

/* --- answers --- */

static bool skip_name(struct span *rest)
{
	while (rest->size) {
		size_t size = (unsigned char)rest->data[0];
		bool points = (size & 0xC0) == 0xC0;
		if (!points && size > 63)
			return false;
		size_t step = points ? 2 : size + 1;
		if (step > rest->size)
			return false;
		*rest = span_from(*rest, step);
		if (points || !size)
			return true;
	}
	return false;
}

static uint32_t number(struct span text, size_t offset, size_t octets)
{
	uint32_t value = 0;
	for (size_t i = 0; i < octets; i++)
		value = value << 8 | (unsigned char)text.data[offset + i];
	return value;
}

/* The least of the answer's records (c-ares keeps that of SRV and NAPTR to itself). */
static uint32_t least_ttl(struct span message)
{
	uint32_t least = TTL_MOST;
	if (message.size < HFIXEDSZ)
		return 0;
	uint32_t questions = number(message, 4, 2), answers = number(message, 6, 2);
	struct span rest = span_from(message, HFIXEDSZ);
	for (; questions; questions--) {
		if (!skip_name(&rest) || rest.size < QFIXEDSZ)
			return 0;
		rest = span_from(rest, QFIXEDSZ);
	}
	for (; answers; answers--) {
		if (!skip_name(&rest) || rest.size < RRFIXEDSZ)
			return 0;
		uint32_t ttl = number(rest, 4, 4), size = number(rest, 8, 2);
		if (rest.size - RRFIXEDSZ < size)
			return 0;
		least = ttl < least ? ttl : least;
		rest = span_from(rest, RRFIXEDSZ + size);
	}
	return least;
}

static struct record *add_record(struct question *question)
{
	if (question->count == RECORDS_MOST)
		return NULL;
	if (!question->records)
		question->records = calloc(RECORDS_MOST, sizeof(*question->records));
	return question->records ? &question->records[question->count++] : NULL;
}

static void add_named(struct question *question, const struct record *from, const char *name)
{
	char *copy = strlen(name) <= NAME_MOST ? strdup(name) : NULL;
	struct record *record = copy ? add_record(question) : NULL;
	if (!record) {
		free(copy);
		return;
	}
	*record = *from;
	record->name = copy;
}

static bool read_srv(struct question *question, struct span message)
{
	struct ares_srv_reply *first = NULL;
	int error = ares_parse_srv_reply(
		(const unsigned char *)message.data, (int)message.size, &first);
	for (const struct ares_srv_reply *reply = first; reply; reply = reply->next) {
		struct record record = {
			.first = reply->priority, .second = reply->weight, .port = reply->port
		};
		add_named(question, &record, reply->host[0] ? reply->host : ".");
	}
	ares_free_data(first);
	return error == ARES_SUCCESS || error == ARES_ENODATA;
}

static bool service_transport(const char *service, enum sip_transport *out)
{
	static const char *const services[] = {
		[SIP_UDP] = "SIP+D2U", [SIP_TCP] = "SIP+D2T", [SIP_TLS] = "SIPS+D2T"
	};
	for (*out = SIP_UDP; *out <= SIP_TLS; ++*out)
		if (strcasecmp(service, services[*out]) == 0)
			return true;
	return false;
}

static bool read_naptr(struct question *question, struct span message)
{
	struct ares_naptr_reply *first = NULL;
	int error = ares_parse_naptr_reply(
		(const unsigned char *)message.data, (int)message.size, &first);
	for (const struct ares_naptr_reply *reply = first; reply; reply = reply->next) {
		struct record record = { .first = reply->order, .second = reply->preference };
		if (strcasecmp((const char *)reply->flags, "s") == 0 && reply->replacement[0]
			&& service_transport((const char *)reply->service, &record.transport))
			add_named(question, &record, reply->replacement);
	}
	ares_free_data(first);
	return error == ARES_SUCCESS || error == ARES_ENODATA;
}

static void forget_answer(struct question *question)
{
	for (size_t i = 0; i < question->count; i++)
		free(question->records[i].name);
	free(question->records);
	question->records = NULL;
	question->count = 0;
}

/* The answer is there: keep it so long, tell those who wait. */
static void settle(struct question *question, int status, uint32_t ttl)
{
	struct waiter *waiter;
	bool absent = status == ARES_ENOTFOUND || status == ARES_ENODATA;
	question->pending = false;
	question->dns->pending--;
	question->failed = status != ARES_SUCCESS && !absent;
	if (question->failed)
		ttl = TTL_FAILED;
	else if (!question->count)
		ttl = TTL_ABSENT;
	question->until = loop_now(question->dns->loop) + (ttl ? ttl : 1) * UINT64_C(1000);
	while (!question->dns->ending && (waiter = LIST_FIRST(&question->waiters))) {
		LIST_REMOVE(waiter, link);
		waiter->waits = false;
		waiter->answered(waiter->context);
	}
}

/* c-ares wants its octets so. NOLINTNEXTLINE(readability-non-const-parameter) */
static void named_answer(void *context, int status, int timeouts, unsigned char *octets, int size)
{
	static bool (*const readers[])(struct question *,
		struct span) = { [ASK_NAPTR] = read_naptr, [ASK_SRV] = read_srv };
	struct question *question = context;
	struct span message = { (const char *)octets, size > 0 ? (size_t)size : 0 };
	(void)timeouts;
	if (status == ARES_SUCCESS && !readers[question->kind](question, message))
		status = ARES_EBADRESP;
	settle(question, status, status == ARES_SUCCESS ? least_ttl(message) : 0);
}

static void address_answer(void *context, int status, int timeouts, struct ares_addrinfo *info)
{
	struct question *question = context;
	int ttl = TTL_MOST;
	(void)timeouts;
	for (int family = AF_INET; info && family; family = family == AF_INET ? AF_INET6 : 0)
		for (const struct ares_addrinfo_node *node = info->nodes; node;
			node = node->ai_next) {
			struct record *record =
				node->ai_family == family ? add_record(question) : NULL;
			if (!record)
				continue;
			memcpy(&record->address, node->ai_addr, node->ai_addrlen);
			record->length = node->ai_addrlen;
			ttl = node->ai_ttl < ttl ? node->ai_ttl : ttl;
		}
	if (info)
		ares_freeaddrinfo(info);
	settle(question, status, ttl > 0 ? (uint32_t)ttl : 0);
}

/* --- the channel: c-ares reads the system's configuration when it is made --- */

static bool open_channel(struct dns *dns)
{
	struct ares_options options = { .timeout = TRY_MS,
		.tries = TRIES,
		.sock_state_cb = socket_state,
		.sock_state_cb_data = dns };
	int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
	struct stat file;
	dns->configured = (struct timespec){ 0 };
	if (stat(CONFIGURATION, &file) == 0)
		dns->configured = file.st_mtim;
	return ares_init_options(&dns->channel, &options, mask) == ARES_SUCCESS;
}

/* The network may have come up, or have become another one. */
static void refresh(struct dns *dns)
{
	struct stat file;
	ares_channel former = dns->channel;
	if (dns->fixed || dns->pending || stat(CONFIGURATION, &file) < 0
		|| (file.st_mtim.tv_sec == dns->configured.tv_sec
			&& file.st_mtim.tv_nsec == dns->configured.tv_nsec))
		return;
	if (open_channel(dns))
		ares_destroy(former);
	else
		dns->channel = former;
}

/* --- questions --- */

static void begin(struct question *question)
{
	const struct ares_addrinfo_hints hints = {
		.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = ARES_AI_NOSORT
	};
	refresh(question->dns);
	forget_answer(question);
	question->pending = true;
	question->dns->pending++;
	if (question->kind == ASK_ADDRESS)
		ares_getaddrinfo(question->dns->channel, question->name, NULL, &hints,
			address_answer, question);
	else
		ares_query(question->dns->channel, question->name, C_IN,
			question->kind == ASK_SRV ? T_SRV : T_NAPTR, named_answer, question);
	arm(question->dns);
}

static void drop(struct dns *dns, struct question *question)
{
	table_remove(&dns->questions, &question->node);
	TAILQ_REMOVE(&dns->by_use, question, by_use);
	forget_answer(question);
	free(question);
}

static bool make_room(struct dns *dns)
{
	struct question *question = TAILQ_FIRST(&dns->by_use);
	if (dns->questions.count < QUESTIONS_MOST)
		return true;
	while (question && (question->holders || question->pending))
		question = TAILQ_NEXT(question, by_use);
	if (question)
		drop(dns, question);
	return question;
}

/* Of the kind and the name in lower case. */
static uint64_t hash_of(const struct dns *dns, enum question_kind kind, struct span name)
{
	char key[NAME_MOST + 1];
	for (size_t i = 0; i < name.size; i++)
		key[i] = (char)(name.data[i] | 0x20);
	key[name.size] = (char)kind;
	return text_hash(dns->secret, (struct span){ key, name.size + 1 });
}

static struct question *find(struct dns *dns, enum question_kind kind, struct span name)
{
	struct table_node *node = table_find(&dns->questions, hash_of(dns, kind, name));
	for (; node; node = table_again(node)) {
		struct question *question = (struct question *)node;
		if (question->kind == kind && span_equal_nocase(span_of(question->name), name))
			return question;
	}
	return NULL;
}

static struct question *add(struct dns *dns, enum question_kind kind, struct span name)
{
	struct question *question =
		make_room(dns) ? calloc(1, sizeof(*question) + name.size + 1) : NULL;
	if (!question)
		return NULL;
	question->dns = dns;
	question->kind = kind;
	memcpy(question->name, name.data, name.size);
	LIST_INIT(&question->waiters);
	table_add(&dns->questions, &question->node, hash_of(dns, kind, name));
	TAILQ_INSERT_TAIL(&dns->by_use, question, by_use);
	return question;
}

struct question *dns_ask(
	struct dns *dns, enum question_kind kind, struct span name, struct waiter *waiter)
{
	struct question *question;
	if (name.size > NAME_MOST)
		return NULL;
	question = find(dns, kind, name);
	if (!question)
		question = add(dns, kind, name);
	if (!question)
		return NULL;
	/* who holds an old answer may be reading it */
	if (!question->pending && !question->holders && question->until <= loop_now(dns->loop))
		begin(question);
	TAILQ_REMOVE(&dns->by_use, question, by_use);
	TAILQ_INSERT_TAIL(&dns->by_use, question, by_use);
	question->holders++;
	if (question->pending) {
		LIST_INSERT_HEAD(&question->waiters, waiter, link);
		waiter->waits = true;
	}
	return question;
}

void dns_release(struct question *question, struct waiter *waiter)
{
	if (waiter->waits)
		LIST_REMOVE(waiter, link);
	waiter->waits = false;
	question->holders--;
}

bool dns_new(struct dns **out, struct loop *loop)
{
	struct dns *dns = calloc(1, sizeof(*dns));
	*out = NULL;
	if (!dns)
		return false;
	dns->loop = loop;
	dns->timer = (struct timer){ .fire = out_of_time, .context = dns };
	LIST_INIT(&dns->sockets);
	TAILQ_INIT(&dns->by_use);
	bool library = table_ready(&dns->questions)
		       && getrandom(dns->secret, sizeof(dns->secret), 0) >= 0
		       && ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS;
	if (!library || !open_channel(dns)) {
		if (library)
			ares_library_cleanup();
		table_free(&dns->questions);
		free(dns);
		return false;
	}
	*out = dns;
	return true;
}

void dns_free(struct dns **dns)
{
	struct dns *gone = *dns;
	struct question *question;
	*dns = NULL;
	if (!gone)
		return;
	gone->ending = true;
	ares_destroy(gone->channel);
	ares_library_cleanup();
	timer_stop(gone->loop, &gone->timer);
	while ((question = TAILQ_FIRST(&gone->by_use)))
		drop(gone, question);
	while (!LIST_EMPTY(&gone->sockets))
		socket_forget(gone, LIST_FIRST(&gone->sockets));
	table_free(&gone->questions);
	free(gone);
}

bool dns_servers(struct dns *dns, const char *csv)
{
	dns->fixed = ares_set_servers_ports_csv(dns->channel, csv) == ARES_SUCCESS;
	return dns->fixed;
}
