/* SPDX-License-Identifier: BSD-2-Clause */
/* usage: bench_load OPTION...   (see options below)
 * Asks an HTTP server on the loopback, over connections that are kept alive, without pipelining,
 * for some seconds. Prints a line of JSON: how many answers, how fast, how long they took, and how
 * much CPU the server's processes spent on each. In --path and --body {n} is a document's number,
 * {r} a number that never comes twice.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <nettle/base64.h>
#include <nettle/md5.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 1024, PIDS_MAX = 64, HEADER_MOST = 8192, REQUEST_MOST = 2 << 20 };

static struct {
	int port, connections, range, first;
	double seconds, rate; /* rate 0: as many as there can be */
	const char *method, *path, *body, *type, *user, *password, *auth;
	bool random;
	pid_t pids[PIDS_MAX];
	size_t pid_count;
} want = { .connections = 1,
	.range = 1,
	.seconds = 1,
	.method = "GET",
	.path = "/",
	.auth = "none",
	.user = "admin",
	.password = "admin" };

struct connection {
	int socket, number;
	bool busy;
	double due; /* when its request was, or should have been, sent */
	char *out;
	size_t out_size, sent;
	char header[HEADER_MOST];
	size_t have, left; /* of the header; of the body */
	bool in_body;
	int status;
};

static struct connection connections[CONNECTIONS_MAX];
static uint32_t *latencies; /* microseconds */
static size_t latency_count, latency_room;
static uint64_t serial, errors, nonce_count, scheduled;
static uint32_t random_state = 2463534242U;
static char nonce[200], realm[200], body_octets[REQUEST_MOST], path_text[2048];
static char host_line[100];
static int poller;
static double start, end;
static bool warming;

/* Connections come one by one while those before them are busy already, as in life: a server that
 * gives them to its threads by load gets to see some. */
static const double warm_step = 0.002, warm_rest = 0.1; /* seconds */

static double now(void)
{
	struct timespec clock;
	clock_gettime(CLOCK_MONOTONIC, &clock);
	return (double)clock.tv_sec + (double)clock.tv_nsec / 1e9;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static double server_cpu(void)
{
	double sum = 0;
	for (size_t i = 0; i < want.pid_count; i++) {
		clockid_t clock;
		struct timespec spent;
		if (clock_getcpuclockid(want.pids[i], &clock) == 0
			&& clock_gettime(clock, &spent) == 0)
			sum += (double)spent.tv_sec + (double)spent.tv_nsec / 1e9;
	}
	return sum;
}

/* --- requests --- */

static void put_digits(char *out, uint64_t number, unsigned base, int width)
{
	while (width--) {
		out[width] = "0123456789abcdef"[number % base];
		number /= base;
	}
}

/* What was hashed so far, and this text. */
static void md5_hex(const struct md5_ctx *before, const char *text, char out[33])
{
	struct md5_ctx md5 = *before;
	uint8_t digest[16];
	md5_update(&md5, strlen(text), (const uint8_t *)text);
	md5_digest(&md5, sizeof(digest), digest);
	for (size_t i = 0; i < sizeof(digest); i++)
		put_digits(out + 2 * i, digest[i], 16, 2);
	out[32] = '\0';
}

static struct md5_ctx md5_of(const char *text)
{
	struct md5_ctx md5;
	md5_init(&md5);
	md5_update(&md5, strlen(text), (const uint8_t *)text);
	return md5;
}

/* All that is the same for each request with this nonce. */
static struct {
	struct md5_ctx nothing, method, ha1_nonce;
	char before_path[1024];
} digest;

static void digest_begin(void)
{
	char text[1024], ha1[33];
	md5_init(&digest.nothing);
	snprintf(text, sizeof(text), "%s:", want.method);
	digest.method = md5_of(text);
	snprintf(text, sizeof(text), "%s:%s:%s", want.user, realm, want.password);
	md5_hex(&digest.nothing, text, ha1);
	snprintf(text, sizeof(text), "%s:%s:", ha1, nonce);
	digest.ha1_nonce = md5_of(text);
	snprintf(digest.before_path, sizeof(digest.before_path),
		"Authorization: Digest username=\"%s\", realm=\"%s\", nonce=\"%s\", "
		"algorithm=MD5, qop=auth, cnonce=\"0a4f113b\", uri=\"",
		want.user, realm, nonce);
}

static size_t digest_line(char *out)
{
	char text[100], nc[] = "00000000", ha2[33], response[33], *at = out;
	if (!nonce[0])
		return 0;
	put_digits(nc, ++nonce_count, 16, 8);
	md5_hex(&digest.method, path_text, ha2);
	stpcpy(stpcpy(stpcpy(text, nc), ":0a4f113b:auth:"), ha2);
	md5_hex(&digest.ha1_nonce, text, response);
	at = stpcpy(stpcpy(at, digest.before_path), path_text);
	at = stpcpy(stpcpy(stpcpy(at, "\", nc="), nc), ", response=\"");
	return (size_t)(stpcpy(stpcpy(at, response), "\"\r\n") - out);
}

static size_t basic_line(char *out, size_t room)
{
	char plain[256], coded[400];
	int size = snprintf(plain, sizeof(plain), "%s:%s", want.user, want.password);
	base64_encode_raw(coded, (size_t)size, (const uint8_t *)plain);
	coded[BASE64_ENCODE_RAW_LENGTH(size)] = '\0';
	return (size_t)snprintf(out, room, "Authorization: Basic %s\r\n", coded);
}

static size_t authorization(char *out, size_t room)
{
	if (!strcmp(want.auth, "digest"))
		return digest_line(out);
	return !strcmp(want.auth, "basic") ? basic_line(out, room) : 0;
}

/* Copies a template, {n} and {r} replaced. */
static size_t expand(const char *from, char *to, size_t room, int n, uint64_t r)
{
	char *at = to;
	while (*from && (size_t)(at - to) + strlen(from) + 24 < room) {
		size_t plain = strcspn(from + 1, "{") + 1;
		if (from[0] == '{' && (from[1] == 'n' || from[1] == 'r') && from[2] == '}') {
			int width = from[1] == 'n' ? 7 : 12;
			put_digits(at, from[1] == 'n' ? (uint64_t)n : r, 10, width);
			at += width;
			from += 3;
			continue;
		}
		memcpy(at, from, plain);
		at += plain;
		from += plain;
	}
	*at = '\0';
	return (size_t)(at - to);
}

static int next_number(const struct connection *connection)
{
	if (!want.random)
		return want.first + connection->number % want.range;
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return want.first + (int)(random_state % (uint32_t)want.range);
}

static void prepare(struct connection *connection)
{
	int number = next_number(connection);
	size_t body = 0;
	serial++;
	expand(want.path, path_text, sizeof(path_text), number, serial);
	if (want.body)
		body = expand(want.body, body_octets, sizeof(body_octets), number, serial);
	char *out = connection->out, *at = out;
	at = stpcpy(stpcpy(stpcpy(stpcpy(at, want.method), " "), path_text), host_line);
	at += authorization(at, 4096);
	if (want.body)
		at += sprintf(at, "Content-Type: %s\r\nContent-Length: %zu\r\n", want.type, body);
	at = stpcpy(at, "\r\n");
	memcpy(at, body_octets, body);
	size_t size = (size_t)(at - out);
	connection->out_size = size + body;
	connection->sent = connection->have = connection->left = 0;
	connection->in_body = false;
	connection->busy = true;
}

/* --- the wire --- */

static void watch(struct connection *connection, uint32_t events, int how)
{
	struct epoll_event event = { .events = events, .data.ptr = connection };
	if (epoll_ctl(poller, how, connection->socket, &event) != 0)
		die("epoll");
}

static void open_connection(struct connection *connection)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	int yes = 1;
	address.sin_port = htons((uint16_t)want.port);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	connection->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connection->socket < 0
		|| connect(connection->socket, (struct sockaddr *)&address, sizeof(address)) != 0)
		die("connect");
	setsockopt(connection->socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	watch(connection, EPOLLIN, EPOLL_CTL_ADD);
}

static void push(struct connection *connection)
{
	while (connection->sent < connection->out_size) {
		ssize_t put = send(connection->socket, connection->out + connection->sent,
			connection->out_size - connection->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (put < 0 && errno == EAGAIN) {
			watch(connection, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
			return;
		}
		if (put < 0)
			die("send");
		connection->sent += (size_t)put;
		if (connection->sent == connection->out_size && put == 0)
			return;
	}
}

static void send_next(struct connection *connection, double due)
{
	prepare(connection);
	connection->due = due;
	push(connection);
}

static void copy_quoted(const char *from, const char *name, char *to, size_t room)
{
	const char *at = strstr(from, name), *stop = at ? strchr(at + strlen(name), '"') : NULL;
	if (at && stop && (size_t)(stop - at) - strlen(name) < room) {
		at += strlen(name);
		memcpy(to, at, (size_t)(stop - at));
		to[stop - at] = '\0';
	}
}

static void learn(const char *header)
{
	copy_quoted(header, "nonce=\"", nonce, sizeof(nonce));
	copy_quoted(header, "realm=\"", realm, sizeof(realm));
	nonce_count = 0;
	digest_begin();
}

static void note(double seconds)
{
	if (latency_count == latency_room) {
		latency_room = latency_room ? latency_room * 2 : 1 << 16;
		latencies = realloc(latencies, latency_room * sizeof(*latencies));
		if (!latencies)
			die("memory");
	}
	latencies[latency_count++] = (uint32_t)(seconds * 1e6);
}

static void answered(struct connection *connection)
{
	connection->busy = false;
	if (connection->status == 401 && !strcmp(want.auth, "digest"))
		learn(connection->header);
	else if (connection->status < 200 || connection->status > 299)
		errors++;
	else
		note(now() - connection->due);
}

/* The header is whole: how much body follows? */
static void read_header(struct connection *connection, char *behind)
{
	behind[-1] = '\0';
	connection->status = atoi(connection->header + 9);
	const char *length = strcasestr(connection->header, "\ncontent-length:");
	connection->left = length ? strtoull(length + 16, NULL, 10) : 0;
	size_t got = connection->have - (size_t)(behind - connection->header);
	connection->left -= got < connection->left ? got : connection->left;
	connection->in_body = true;
}

static bool pull(struct connection *connection)
{
	static char rest[1 << 16];
	bool body = connection->in_body;
	char *to = body ? rest : connection->header + connection->have;
	size_t room = body ? sizeof(rest) : HEADER_MOST - 1 - connection->have;
	ssize_t got = recv(connection->socket, to, room, MSG_DONTWAIT);
	if (got < 0 && errno == EAGAIN)
		return false;
	if (got <= 0) {
		errno = got ? errno : ECONNRESET;
		die("the server hung up");
	}
	if (body) {
		connection->left -= (size_t)got;
	} else {
		connection->have += (size_t)got;
		connection->header[connection->have] = '\0';
		char *stop = strstr(connection->header, "\r\n\r\n");
		if (stop)
			read_header(connection, stop + 4);
	}
	return connection->in_body && !connection->left;
}

/* --- the whole --- */

/* In turns, so that no connection is idle for so long that the server closes it. */
static void start_idle(void)
{
	static int turn;
	double moment = now();
	for (int i = 0; i < want.connections; i++) {
		struct connection *connection = &connections[turn];
		double due = moment;
		if (want.rate > 0 && !connection->busy) {
			due = start + (double)scheduled / want.rate;
			if (due > moment)
				return;
			scheduled++;
		}
		turn = (turn + 1) % want.connections;
		if (!connection->busy)
			send_next(connection, due);
	}
}

static void serve(struct epoll_event *event)
{
	struct connection *connection = event->data.ptr;
	if (event->events & EPOLLOUT) {
		watch(connection, EPOLLIN, EPOLL_CTL_MOD);
		push(connection);
	}
	if (!(event->events & (EPOLLIN | EPOLLHUP | EPOLLERR)) || !pull(connection))
		return;
	answered(connection);
	if (warming || (want.rate <= 0 && now() < end))
		send_next(connection, now());
}

static void look(int most_ms)
{
	struct epoll_event events[64];
	int count = epoll_wait(poller, events, 64, most_ms);
	for (int i = 0; i < count; i++)
		serve(&events[i]);
}

static bool any_busy(void)
{
	for (int i = 0; i < want.connections; i++)
		if (connections[i].busy)
			return true;
	return false;
}

static void run(void)
{
	while (now() < end || any_busy()) {
		if (now() < end && (want.rate > 0 || !scheduled++))
			start_idle();
		look(want.rate > 0 ? 1 : 100);
		if (now() > end + 60) {
			fputs("a request was never answered\n", stderr);
			exit(1);
		}
	}
}

/* Nothing of this counts, but for errors. */
static void warm_up(void)
{
	double begin = now(), last = begin + warm_step * want.connections;
	int opened = 1;
	warming = true;
	send_next(&connections[0], begin);
	while (opened < want.connections || now() < last + warm_rest) {
		for (; opened < want.connections && now() >= begin + warm_step * opened; opened++) {
			open_connection(&connections[opened]);
			send_next(&connections[opened], now());
		}
		look(1);
	}
	warming = false;
	latency_count = 0;
}

/* The first answer is for learning the nonce. */
static void greet(void)
{
	send_next(&connections[0], now());
	while (!pull(&connections[0]))
		;
	answered(&connections[0]);
	if (!nonce[0]) /* a floor, which asks for nothing, gets the field all the same */
		memset(nonce, '0', 64);
	if (!realm[0])
		strcpy(realm, "example.com");
	digest_begin();
	latency_count = 0;
	errors = 0;
}

static int by_size(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
	return left < right ? -1 : left > right;
}

static uint32_t quantile(double part)
{
	size_t at = (size_t)(part * (double)(latency_count - 1));
	return latency_count ? latencies[at] : 0;
}

static void tell(double cpu)
{
	double seconds = now() - start, count = (double)(latency_count ? latency_count : 1);
	if (latency_count)
		qsort(latencies, latency_count, sizeof(*latencies), by_size);
	printf("{\"requests\": %zu, \"errors\": %llu, \"rate\": %.1f, \"cpu_us\": %.3f, "
	       "\"p50_us\": %u, \"p99_us\": %u, \"max_us\": %u}\n",
		latency_count, (unsigned long long)errors, (double)latency_count / seconds,
		cpu * 1e6 / count, quantile(0.5), quantile(0.99), quantile(1));
}

static char *file_text(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = malloc(REQUEST_MOST);
	if (!file || !text)
		die(path);
	text[fread(text, 1, REQUEST_MOST / 2, file)] = '\0';
	fclose(file);
	return text;
}

static void read_options(int count, char **words)
{
	static const struct option options[] = { { "port", 1, NULL, 'p' },
		{ "connections", 1, NULL, 'c' }, { "seconds", 1, NULL, 's' },
		{ "rate", 1, NULL, 'r' }, { "method", 1, NULL, 'm' }, { "path", 1, NULL, 'u' },
		{ "body", 1, NULL, 'b' }, { "type", 1, NULL, 't' }, { "auth", 1, NULL, 'a' },
		{ "user", 1, NULL, 'U' }, { "password", 1, NULL, 'P' }, { "range", 1, NULL, 'n' },
		{ "first", 1, NULL, 'f' }, { "random", 0, NULL, 'R' }, { "pid", 1, NULL, 'i' },
		{ NULL, 0, NULL, 0 } };
	int option;
	while ((option = getopt_long(count, words, "", options, NULL)) != -1) {
		switch (option) {
		case 'p':
			want.port = atoi(optarg);
			break;
		case 'c':
			want.connections = atoi(optarg);
			break;
		case 's':
			want.seconds = atof(optarg);
			break;
		case 'r':
			want.rate = atof(optarg);
			break;
		case 'm':
			want.method = optarg;
			break;
		case 'u':
			want.path = optarg;
			break;
		case 'b':
			want.body = file_text(optarg);
			break;
		case 't':
			want.type = optarg;
			break;
		case 'a':
			want.auth = optarg;
			break;
		case 'U':
			want.user = optarg;
			break;
		case 'P':
			want.password = optarg;
			break;
		case 'n':
			want.range = atoi(optarg);
			break;
		case 'f':
			want.first = atoi(optarg);
			break;
		case 'R':
			want.random = true;
			break;
		case 'i':
			if (want.pid_count < PIDS_MAX)
				want.pids[want.pid_count++] = atoi(optarg);
			break;
		default:
			exit(2);
		}
	}
}

int main(int count, char **words)
{
	read_options(count, words);
	poller = epoll_create1(EPOLL_CLOEXEC);
	if (want.connections < 1 || want.connections > CONNECTIONS_MAX || want.range < 1)
		return 2;
	for (int i = 0; i < want.connections; i++) {
		connections[i].number = i;
		connections[i].out = malloc(REQUEST_MOST);
		if (!connections[i].out)
			die("memory");
	}
	open_connection(&connections[0]);
	snprintf(host_line, sizeof(host_line), " HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n", want.port);
	greet();
	warm_up();
	double cpu = server_cpu();
	start = now();
	end = start + want.seconds;
	run();
	tell(server_cpu() - cpu);
	return errors ? 3 : 0;
}
