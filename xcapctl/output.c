/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcapctl/output.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { PAGE_ROWS = 1000 };

static bool is_continuation(char octet)
{
	return ((unsigned char)octet & 0xC0) == 0x80;
}

/* Prints one value for a terminal, or only measures it; returns its width in characters. */
static size_t cell(const json_t *value, FILE *to)
{
	char number[32];
	const char *text = "-";
	size_t width = 0;
	if (json_array_size(value)) {
		for (size_t i = 0; i < json_array_size(value); i++) {
			width += i ? 2 : 0;
			if (i && to)
				fputs(", ", to);
			width += cell(json_array_get(value, i), to);
		}
		return width;
	}
	if (json_string_length(value))
		text = json_string_value(value);
	if (json_is_boolean(value))
		text = json_is_true(value) ? "yes" : "no";
	if (json_is_integer(value)) {
		snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(value));
		text = number;
	}
	for (; *text; text++) {
		width += !is_continuation(*text);
		if (to)
			fputc(iscntrl((unsigned char)*text) ? '?' : *text, to);
	}
	return width;
}

static void pad(size_t from, size_t to)
{
	for (; from < to; from++)
		putchar(' ');
}

static void measure(struct rows *rows, json_t *object)
{
	size_t column = 0;
	const char *key;
	json_t *value;
	json_object_foreach(object, key, value)
	{
		size_t width = cell(value, NULL), title = strlen(key);
		width = width > title ? width : title;
		if (column < COLUMNS_MAX && width > rows->widths[column])
			rows->widths[column] = width;
		column++;
	}
}

static void print_titles(const struct rows *rows, json_t *object)
{
	size_t column = 0, left = 0;
	const char *key;
	json_t *value;
	json_object_foreach(object, key, value)
	{
		pad(0, left);
		if (json_is_integer(value))
			pad(strlen(key), rows->widths[column]);
		for (const char *at = key; *at; at++)
			putchar(toupper((unsigned char)*at));
		left = json_is_integer(value) ? 2 : rows->widths[column] - strlen(key) + 2;
		column++;
	}
	putchar('\n');
}

static void print_row(const struct rows *rows, json_t *object)
{
	size_t column = 0, left = 0; /* blanks owed before the next cell: none at a line's end */
	const char *key;
	json_t *value;
	json_object_foreach(object, key, value)
	{
		size_t width = cell(value, NULL);
		size_t blanks = rows->widths[column++] - width;
		pad(0, left);
		if (json_is_integer(value))
			pad(0, blanks);
		cell(value, stdout);
		left = json_is_integer(value) ? 2 : blanks + 2;
	}
	putchar('\n');
}

static void print_page(struct rows *rows)
{
	size_t index;
	json_t *object;
	if (!rows->json) {
		json_array_foreach(rows->page, index, object) measure(rows, object);
		if (!rows->printed && json_array_size(rows->page))
			print_titles(rows, json_array_get(rows->page, 0));
	}
	json_array_foreach(rows->page, index, object)
	{
		if (rows->json) {
			fputs(rows->printed ? ",\n " : "[", stdout);
			json_dumpf(object, stdout, 0);
		} else {
			print_row(rows, object);
		}
		rows->printed++;
	}
	json_array_clear(rows->page);
}

void rows_begin(struct rows *rows, bool json)
{
	*rows = (struct rows){ .json = json, .page = json_array() };
	rows->failed = !rows->page;
}

void rows_add(struct rows *rows, json_t *object)
{
	if (!object || !rows->page || json_array_append_new(rows->page, object))
		rows->failed = true;
	else if (json_array_size(rows->page) == PAGE_ROWS)
		print_page(rows);
}

bool rows_end(struct rows *rows)
{
	if (!rows->failed)
		print_page(rows);
	if (rows->json && !rows->failed)
		puts(rows->printed ? "]" : "[]");
	json_decref(rows->page);
	return !rows->failed;
}

static bool is_table(const json_t *value)
{
	return json_is_array(value) && json_is_object(json_array_get(value, 0));
}

static void print_table(json_t *array)
{
	size_t index;
	json_t *object;
	struct rows rows;
	rows_begin(&rows, false);
	json_array_foreach(array, index, object) rows_add(&rows, json_incref(object));
	rows_end(&rows);
}

void print_object(const json_t *object, bool json)
{
	const char *key;
	json_t *value;
	if (json) {
		json_dumpf(object, stdout, 0);
		putchar('\n');
		return;
	}
	json_object_foreach((json_t *)object, key, value)
	{
		printf("%s:%s", key, is_table(value) ? "\n" : " ");
		if (is_table(value)) {
			print_table(value);
			continue;
		}
		cell(value, stdout);
		putchar('\n');
	}
}

json_t *json_span(struct span text)
{
	json_t *string = json_stringn(text.data ? text.data : "", text.size);
	if (string)
		return string;
	struct arena *arena = arena_new(1024);
	struct span encoded = arena ? percent_encode(arena, text, ":@/") : (struct span){ NULL, 0 };
	if (encoded.data)
		string = json_stringn(encoded.data, encoded.size);
	arena_free(&arena);
	return string;
}

json_t *json_etag(struct etag etag)
{
	char text[ETAG_TEXT_MAX];
	etag_text(etag, text);
	return json_string(text);
}

json_t *json_time(uint64_t milliseconds)
{
	char text[32];
	struct tm parts;
	time_t seconds = (time_t)(milliseconds / 1000);
	if (!gmtime_r(&seconds, &parts))
		return json_null();
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
	return json_string(text);
}
