/* SPDX-License-Identifier: BSD-2-Clause */
/* `xcapctl config`: every key, from the table that reads the file. */
#include "xcapctl/command.h"
#include "xcapctl/output.h"

#include <inttypes.h>
#include <string.h>

struct unit {
	const char *suffix;
	uint64_t factor;
};

static const struct unit sizes[] = {
	{ "G", UINT64_C(1) << 30 },
	{ "M", UINT64_C(1) << 20 },
	{ "K", UINT64_C(1) << 10 },
	{ "", 1 },
};
static const struct unit durations[] = {
	{ "d", 86400000 },
	{ "h", 3600000 },
	{ "m", 60000 },
	{ "s", 1000 },
	{ "ms", 1 },
};
static const struct unit numbers[] = { { "", 1 } };

/* As one would write it: in the largest unit that divides it. */
static void amount(struct buffer *out, enum config_type type, uint64_t value)
{
	const struct unit *unit = type == CONFIG_SIZE       ? sizes
				  : type == CONFIG_DURATION ? durations
							    : numbers;
	if (!value && type == CONFIG_DURATION) {
		buffer_text(out, "0s");
		return;
	}
	while (value % unit->factor || (!value && unit->factor > 1))
		unit++;
	buffer_format(out, "%" PRIu64 "%s", value / unit->factor, unit->suffix);
}

static bool is_amount(enum config_type type)
{
	return type == CONFIG_NUMBER || type == CONFIG_SIZE || type == CONFIG_DURATION;
}

static json_t *range(struct arena *arena, const struct config_key *key)
{
	struct buffer text = { .arena = arena };
	if (key->type == CONFIG_BOOL)
		buffer_text(&text, "yes | no");
	for (size_t i = 0; key->type == CONFIG_CHOICE && key->choices[i]; i++)
		buffer_format(&text, "%s%s", i ? " | " : "", key->choices[i]);
	if (is_amount(key->type) && (key->least || key->most)) {
		amount(&text, key->type, key->least);
		buffer_text(&text, " ..");
		if (key->most) {
			buffer_octet(&text, ' ');
			amount(&text, key->type, key->most);
		}
	}
	return text.size ? json_span(buffer_span(&text)) : json_null();
}

static json_t *list(const struct span_list *items)
{
	json_t *array = json_array();
	for (size_t i = 0; i < items->count; i++)
		json_array_append_new(array, json_span(items->items[i]));
	return array;
}

/* The value that `base`, the settings or an element of a repeated section, has now. */
static json_t *current(struct arena *arena, const struct config_key *key, const char *base)
{
	const void *at = base + key->offset;
	struct buffer text = { .arena = arena };
	switch (key->type) {
	case CONFIG_LIST:
		return list(at);
	case CONFIG_BOOL:
		return json_string(*(const bool *)at ? "yes" : "no");
	case CONFIG_CHOICE:
		return json_string(key->choices[*(const int *)at]);
	case CONFIG_TEXT: {
		const struct span *value = at;
		if (!value->size)
			return json_null();
		return strcmp(key->key, "password") ? json_span(*value) : json_string("(set)");
	}
	default:
		amount(&text, key->type, *(const uint64_t *)at);
		return json_span(buffer_span(&text));
	}
}

static void add(struct rows *rows, struct arena *arena, const struct config_key *key,
	const struct span *name, const char *base)
{
	struct span full =
		name ? arena_format(arena, "%s %.*s.%s", key->section, SPAN_ARG(*name), key->key)
		     : arena_format(arena, "%s.%s", key->section, key->key);
	rows_add(rows, json_pack("{s:o, s:o, s:s?, s:o, s:s}", "key", json_span(full), "value",
			       base ? current(arena, key, base) : json_null(), "default",
			       key->standard, "range", range(arena, key), "meaning", key->help));
}

static const struct config_repeated *repeated(const char *section)
{
	const struct config_schema *schema = settings_schema();
	for (size_t i = 0; i < schema->repeated_count; i++)
		if (!strcmp(schema->repeated[i].section, section))
			return &schema->repeated[i];
	return NULL;
}

static void add_repeated(struct rows *rows, struct run *run, const struct config_key *key,
	const struct config_repeated *section)
{
	const char *settings = (const char *)run->settings;
	size_t count = 0;
	const char *element = NULL;
	if (settings) {
		memcpy(&count, settings + section->count_offset, sizeof(count));
		memcpy(&element, settings + section->array_offset, sizeof(element));
	}
	if (!count)
		add(rows, run->arena, key, &SPAN("NAME"), NULL);
	for (size_t i = 0; i < count; i++, element += section->element_size)
		add(rows, run->arena, key, (const struct span *)(const void *)element, element);
}

enum exit_status config_show(struct run *run)
{
	const struct config_schema *schema = settings_schema();
	struct rows rows;
	rows_begin(&rows, run->json);
	for (size_t i = 0; i < schema->key_count; i++) {
		const struct config_key *key = &schema->keys[i];
		const struct config_repeated *section = repeated(key->section);
		if (section)
			add_repeated(&rows, run, key, section);
		else
			add(&rows, run->arena, key, NULL, (const char *)run->settings);
	}
	return rows_end(&rows) ? EXIT_WELL : complain("no memory");
}
