/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* What a value may take once escaped; an event stays below PIPE_BUF, so that lines of several
 * processes on one pipe do not mix. */
enum { VALUE_MOST = 2048, MESSAGE_MOST = 3584, LINE_MOST = 16 * 1024, HELD_MOST = 64 * 1024 };

enum escaping { ESCAPE_MESSAGE, ESCAPE_WORD, ESCAPE_QUOTED, ESCAPE_JSON };

struct line {
	char *at, *end;
};

struct held {
	pthread_mutex_t lock;
	struct held *next;
	size_t size;
	char octets[HELD_MOST];
};

static const char *const level_names[] = { "error", "warning", "info", "debug" };

static _Atomic int least_level = LEVEL_INFO, format_now = LOG_TEXT;
static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static struct held *all_held;
static pthread_key_t held_key;
static pthread_once_t held_once = PTHREAD_ONCE_INIT;

void log_setup(enum log_level least, enum log_format format)
{
	atomic_store_explicit(&least_level, (int)least, memory_order_relaxed);
	atomic_store_explicit(&format_now, (int)format, memory_order_relaxed);
}

bool log_wants(enum log_level level)
{
	return (int)level <= atomic_load_explicit(&least_level, memory_order_relaxed);
}

/* A reader that does not take anything for a second loses what is left. */
static void write_out(const char *octets, size_t size)
{
	while (size) {
		ssize_t written = write(STDERR_FILENO, octets, size);
		if (written >= 0) {
			octets += written;
			size -= (size_t)written;
		} else if (errno == EAGAIN) {
			struct pollfd ready = { .fd = STDERR_FILENO, .events = POLLOUT };
			if (poll(&ready, 1, 1000) == 0)
				return;
		} else if (errno != EINTR) {
			return;
		}
	}
}

static void put(struct line *line, const char *text, size_t size)
{
	size_t room = (size_t)(line->end - line->at);
	if (size > room)
		size = room;
	memcpy(line->at, text, size);
	line->at += size;
}

static void put_text(struct line *line, const char *text)
{
	put(line, text, strlen(text));
}

static void put_number(struct line *line, uint64_t number)
{
	char digits[20];
	size_t at = sizeof(digits);
	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	put(line, digits + at, sizeof(digits) - at);
}

/* Octets of the character at the start of text; 0 when it is not UTF-8. */
static size_t character_size(struct span text)
{
	unsigned char first = (unsigned char)text.data[0];
	size_t size = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
	return size <= text.size && utf8_valid(span_first(text, size), NULL) ? size : 0;
}

/* Characters that something between us and the reader may take for the end of a line: C0, DEL, C1
 * and the two separators U+2028 and U+2029. */
static bool breaks_lines(const unsigned char *c, size_t size)
{
	if (size == 1)
		return *c < 0x20 || *c == 0x7F;
	if (size == 2)
		return c[0] == 0xC2 && c[1] < 0xA0;
	return size == 3 && c[0] == 0xE2 && c[1] == 0x80 && (c[2] == 0xA8 || c[2] == 0xA9);
}

static bool is_special(char c, enum escaping how)
{
	switch (how) {
	case ESCAPE_MESSAGE:
		return false;
	case ESCAPE_WORD:
		return c == ' ' || c == '"' || c == '\\';
	default:
		return c == '"' || c == '\\';
	}
}

/* Writes the escaped form of the character (size 0: a stray octet) to `to`; at most 12 octets. */
static size_t escape(char *to, const unsigned char *c, size_t size, enum escaping how)
{
	static const char digits[] = "0123456789abcdef";
	size_t used = 0;
	if (how == ESCAPE_JSON && size) {
		unsigned code = size == 3 ? 0x2000U | (c[2] & 0x3FU) : size == 2 ? c[1] : *c;
		if (code == '"' || code == '\\') {
			to[0] = '\\';
			to[1] = (char)code;
			return 2;
		}
		return (size_t)snprintf(to, 13, "\\u%04x", code);
	}
	for (size_t i = 0; i < (size ? size : 1); i++) {
		if (how == ESCAPE_JSON)
			to[used++] = '\\';
		to[used++] = '\\';
		to[used++] = 'x';
		to[used++] = digits[c[i] >> 4];
		to[used++] = digits[c[i] & 15];
	}
	return used;
}

/* Octets from the start that are written as they stand: the printable ones of ASCII, but for
 * special ones. */
static size_t plain_run(struct span text, enum escaping how)
{
	bool any_special = how != ESCAPE_MESSAGE;
	unsigned char third = how == ESCAPE_WORD ? ' ' : '"';
	size_t i = 0;
	for (uint64_t eight; text.size - i >= sizeof(eight); i += sizeof(eight)) {
		memcpy(&eight, text.data + i, sizeof(eight));
		uint64_t found = octets_below(eight, ' ') | octets_are(eight, 0x7F)
				 | octets_are(eight, '"') | octets_are(eight, '\\')
				 | octets_are(eight, third)
				 | (eight & UINT64_C(0x8080808080808080));
		if (found) {
			i += octets_before(found);
			break;
		}
	}
	for (; i < text.size; i++) {
		unsigned char c = (unsigned char)text.data[i];
		bool special = c == '"' || c == '\\' || c == third;
		if (c < 0x20 || c >= 0x7F || (special && any_special))
			break;
	}
	return i;
}

/* Whole characters only, and at most `most` octets; "..." when something is left out. */
static void put_escaped(struct line *line, struct span text, enum escaping how, size_t most)
{
	while (text.size) {
		char piece[16];
		const char *from = text.data;
		size_t taken = plain_run(text, how), size = taken;
		if (size > most)
			taken = size = most;
		if (!taken) {
			const unsigned char *c = (const unsigned char *)text.data;
			size_t whole = character_size(text);
			bool special = whole == 1 && is_special(text.data[0], how);
			taken = size = whole;
			if (!whole || special || breaks_lines(c, whole)) {
				size = escape(piece, c, whole, how);
				from = piece;
				taken = whole ? whole : 1;
			}
		}
		if (!most || size > most) {
			put_text(line, "...");
			return;
		}
		put(line, from, size);
		most -= size;
		text = span_from(text, taken);
	}
}

/* 2026-11-22T09:00:00.123Z; the second is formatted once. */
static void put_time(struct line *line)
{
	static _Thread_local time_t second = -1;
	static _Thread_local char cached[] = "0000-00-00T00:00:00.000Z";
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	if (now.tv_sec != second) {
		struct tm parts;
		char text[80];
		gmtime_r(&now.tv_sec, &parts);
		snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d", parts.tm_year + 1900,
			parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
		memcpy(cached, text, 19);
		second = now.tv_sec;
	}
	unsigned milliseconds = (unsigned)(now.tv_nsec / 1000000);
	cached[20] = (char)('0' + milliseconds / 100);
	cached[21] = (char)('0' + milliseconds / 10 % 10);
	cached[22] = (char)('0' + milliseconds % 10);
	put(line, cached, sizeof(cached) - 1);
}

static void put_start(
	struct line *line, enum log_format format, enum log_level level, const char *label)
{
	bool json = format == LOG_JSON;
	put_text(line, json ? "{\"time\":\"" : "");
	put_time(line);
	put_text(line, json ? "\",\"level\":\"" : " ");
	put_text(line, level_names[level]);
	put_text(line, json ? "\",\"part\":\"" : " ");
	put_text(line, label);
	put_text(line, json ? "\"" : ":");
}

void log_event(enum log_level level, const char *label, const char *format, ...)
{
	if (!log_wants(level))
		return;
	int error = errno;
	char message[MESSAGE_MOST + 16], text[MESSAGE_MOST + 256];
	va_list arguments;
	va_start(arguments, format);
	int size = vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	struct span said = { message, size < 0 ? 0 : (size_t)size };
	said = span_first(said, sizeof(message) - 1);
	enum log_format shape =
		(enum log_format)atomic_load_explicit(&format_now, memory_order_relaxed);
	struct line line = { text, text + sizeof(text) };
	put_start(&line, shape, level, label);
	put_text(&line, shape == LOG_JSON ? ",\"message\":\"" : " ");
	put_escaped(&line, said, shape == LOG_JSON ? ESCAPE_JSON : ESCAPE_MESSAGE, MESSAGE_MOST);
	put_text(&line, shape == LOG_JSON ? "\"}\n" : "\n");
	write_out(text, (size_t)(line.at - text));
	errno = error;
}

static void access_text(struct line *line, const struct access *access)
{
	const struct {
		const char *before;
		struct span value;
	} words[] = {
		{ " id=", access->id },
		{ " peer=", access->peer },
		{ " who=", access->who },
		{ " ", access->method },
		{ " ", access->target },
	};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!words[i].value.data)
			continue;
		put_text(line, words[i].before);
		put_escaped(line, words[i].value, ESCAPE_WORD, VALUE_MOST);
	}
	put_text(line, " ");
	put_number(line, access->status);
	put_text(line, " ");
	put_number(line, access->octets);
	put_text(line, " ");
	put_number(line, access->microseconds);
	put_text(line, "us");
	if (access->why.data) {
		put_text(line, " why=\"");
		put_escaped(line, access->why, ESCAPE_QUOTED, VALUE_MOST);
		put_text(line, "\"");
	}
	put_text(line, "\n");
}

static void access_json(struct line *line, const struct access *access)
{
	const struct {
		const char *before;
		struct span value;
	} texts[] = {
		{ ",\"id\":\"", access->id },
		{ ",\"peer\":\"", access->peer },
		{ ",\"who\":\"", access->who },
		{ ",\"method\":\"", access->method },
		{ ",\"target\":\"", access->target },
		{ ",\"why\":\"", access->why },
	};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (!texts[i].value.data)
			continue;
		put_text(line, texts[i].before);
		put_escaped(line, texts[i].value, ESCAPE_JSON, VALUE_MOST);
		put_text(line, "\"");
	}
	put_text(line, ",\"status\":");
	put_number(line, access->status);
	put_text(line, ",\"octets\":");
	put_number(line, access->octets);
	put_text(line, ",\"microseconds\":");
	put_number(line, access->microseconds);
	put_text(line, "}\n");
}

static void put_access(struct line *line, const struct access *access)
{
	enum log_format shape =
		(enum log_format)atomic_load_explicit(&format_now, memory_order_relaxed);
	put_start(line, shape, LEVEL_INFO, "access");
	if (shape == LOG_JSON)
		access_json(line, access);
	else
		access_text(line, access);
}

static void held_write(struct held *held)
{
	write_out(held->octets, held->size);
	held->size = 0;
}

/* The thread ends: nobody else can have the buffer once it is off the list. */
static void held_end(void *memory)
{
	struct held *held = memory;
	pthread_mutex_lock(&list_lock);
	for (struct held **at = &all_held; *at; at = &(*at)->next) {
		if (*at == held) {
			*at = held->next;
			break;
		}
	}
	pthread_mutex_unlock(&list_lock);
	held_write(held);
	pthread_mutex_destroy(&held->lock);
	free(held);
}

static void held_key_make(void)
{
	if (pthread_key_create(&held_key, held_end))
		abort();
}

static struct held *held_mine(void)
{
	pthread_once(&held_once, held_key_make);
	struct held *held = pthread_getspecific(held_key);
	if (held)
		return held;
	held = malloc(sizeof(*held));
	if (!held || pthread_setspecific(held_key, held)) {
		free(held);
		return NULL;
	}
	pthread_mutex_init(&held->lock, NULL);
	held->size = 0;
	pthread_mutex_lock(&list_lock);
	held->next = all_held;
	all_held = held;
	pthread_mutex_unlock(&list_lock);
	return held;
}

void log_access(const struct access *access)
{
	if (!log_wants(LEVEL_INFO))
		return;
	int error = errno;
	struct held *held = held_mine();
	if (held) {
		pthread_mutex_lock(&held->lock);
		if (HELD_MOST - held->size < LINE_MOST)
			held_write(held);
		struct line line = { held->octets + held->size, held->octets + HELD_MOST };
		put_access(&line, access);
		held->size = (size_t)(line.at - held->octets);
		pthread_mutex_unlock(&held->lock);
	} else {
		char text[LINE_MOST];
		struct line line = { text, text + sizeof(text) };
		put_access(&line, access);
		write_out(text, (size_t)(line.at - text));
	}
	errno = error;
}

void log_flush(void)
{
	pthread_mutex_lock(&list_lock);
	for (struct held *held = all_held; held; held = held->next) {
		pthread_mutex_lock(&held->lock);
		held_write(held);
		pthread_mutex_unlock(&held->lock);
	}
	pthread_mutex_unlock(&list_lock);
}
