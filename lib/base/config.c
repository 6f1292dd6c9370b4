/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/config_private.h"

#include <errno.h>
#include <string.h>

enum { FILE_MOST = 4 * 1024 * 1024 };

struct unit {
	const char *suffix;
	uint64_t factor;
};

static const struct unit size_units[] = { { "G", UINT64_C(1) << 30 }, { "M", 1 << 20 },
	{ "K", 1 << 10 }, { "", 1 } };
static const struct unit duration_units[] = { { "d", 86400000 }, { "h", 3600000 }, { "m", 60000 },
	{ "s", 1000 }, { "ms", 1 } };
static const struct unit number_units[] = { { "", 1 } };

static bool is_repeated(const struct config_schema *schema, const char *section)
{
	for (size_t i = 0; i < schema->repeated_count; i++)
		if (!strcmp(schema->repeated[i].section, section))
			return true;
	return false;
}

static void problem(struct config_origin *origin, unsigned line, const char *what,
	const char *format, va_list arguments)
{
	origin->good = false;
	fprintf(origin->problems, "%s:", origin->path);
	if (line)
		fprintf(origin->problems, "%u:", line);
	fprintf(origin->problems, " %s%s", what, *what ? ": " : "");
	vfprintf(origin->problems, format, arguments);
	fputc('\n', origin->problems);
}

void config_problem_at(struct config_origin *origin, unsigned line, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	problem(origin, line, "", format, arguments);
	va_end(arguments);
}

static const struct config_key *key_at(
	const struct config_origin *origin, const char *section, size_t offset)
{
	for (size_t i = 0; i < origin->schema->key_count; i++) {
		const struct config_key *key = &origin->schema->keys[i];
		if (key->offset == offset && !strcmp(key->section, section))
			return key;
	}
	return NULL;
}

static const struct config_key *fixed_key_at(const struct config_origin *origin, size_t offset)
{
	for (size_t i = 0; i < origin->schema->key_count; i++) {
		const struct config_key *key = &origin->schema->keys[i];
		if (key->offset == offset && !is_repeated(origin->schema, key->section))
			return key;
	}
	return NULL;
}

/* The section whose element the field lies in. */
static const struct config_section *section_around(
	const struct config_origin *origin, const char *field)
{
	const struct config_section *at = origin->sections;
	while (at
		&& !(at->element && field >= (const char *)at->element
			&& field < (const char *)at->element + at->repeated->element_size))
		at = at->next;
	return at;
}

static unsigned line_of(const struct config_origin *origin, const void *field)
{
	for (const struct config_section *at = origin->sections; at; at = at->next)
		for (const struct config_entry *entry = at->entries; entry; entry = entry->next)
			if (entry->field == field)
				return entry->line;
	return 0;
}

void config_problem(struct config_origin *origin, const void *field, const char *format, ...)
{
	const struct config_section *around = section_around(origin, field);
	unsigned line = line_of(origin, field);
	const struct config_key *key;
	char what[160] = "";
	if (around) {
		key = key_at(origin, around->section,
			(size_t)((const char *)field - (const char *)around->element));
		snprintf(what, sizeof(what), "%s %.*s%s%s", around->section, SPAN_ARG(around->name),
			key ? ": " : "", key ? key->key : "");
		line = line ? line : around->line;
	} else {
		key = fixed_key_at(
			origin, (size_t)((const char *)field - (const char *)origin->settings));
		if (key)
			snprintf(what, sizeof(what), "%s.%s", key->section, key->key);
	}
	va_list arguments;
	va_start(arguments, format);
	problem(origin, line, what, format, arguments);
	va_end(arguments);
}

bool config_good(const struct config_origin *origin)
{
	return origin->good;
}

static void append_in_units(
	struct buffer *to, uint64_t value, const struct unit *units, size_t count)
{
	size_t i = 0;
	if (!value && count > 1) /* "0s", but "0" octets */
		i = units == duration_units ? 3 : count - 1;
	while (value % units[i].factor || (value && value < units[i].factor))
		i++;
	buffer_format(to, "%llu%s", (unsigned long long)(value / units[i].factor), units[i].suffix);
}

static void append_bounds(struct buffer *to, const struct config_key *key)
{
	const struct unit *units = number_units;
	size_t count = 1;
	if (key->type == CONFIG_SIZE) {
		units = size_units;
		count = sizeof(size_units) / sizeof(size_units[0]);
	} else if (key->type == CONFIG_DURATION) {
		units = duration_units;
		count = sizeof(duration_units) / sizeof(duration_units[0]);
	}
	append_in_units(to, key->least, units, count);
	buffer_text(to, "..");
	if (key->most)
		append_in_units(to, key->most, units, count);
}

struct span config_range(struct arena *arena, const struct config_key *key)
{
	struct buffer text = { .arena = arena };
	switch (key->type) {
	case CONFIG_TEXT:
		return arena_copy(arena, SPAN("text"));
	case CONFIG_LIST:
		return arena_copy(arena, SPAN("list"));
	case CONFIG_BOOL:
		return arena_copy(arena, SPAN("yes, no"));
	case CONFIG_NUMBER:
	case CONFIG_SIZE:
	case CONFIG_DURATION:
		append_bounds(&text, key);
		break;
	case CONFIG_CHOICE:
		for (size_t i = 0; key->choices[i]; i++) {
			buffer_text(&text, i ? ", " : "");
			buffer_text(&text, key->choices[i]);
		}
		break;
	}
	return buffer_span(&text);
}

static bool take_list(struct arena *arena, struct span text, struct span_list *out)
{
	size_t count = 0;
	for (struct span rest = text; text.size && rest.data; count++)
		span_cut(&rest, ',');
	struct span *items = count ? arena_alloc(arena, count * sizeof(*items)) : NULL;
	if (count && !items)
		return false;
	for (size_t i = 0; i < count; i++) {
		items[i] = arena_copy(arena, span_trim(span_cut(&text, ',')));
		if (!items[i].size)
			return false;
	}
	*out = (struct span_list){ items, count };
	return true;
}

static bool take_choice(struct span text, const char *const *choices, int *out)
{
	for (int i = 0; choices[i]; i++) {
		if (!span_equal_text(text, choices[i]))
			continue;
		*out = i;
		return true;
	}
	return false;
}

static bool take_bounded(const struct config_key *key, struct span text, uint64_t *out)
{
	uint64_t value;
	bool good = key->type == CONFIG_SIZE       ? parse_size(text, &value)
		    : key->type == CONFIG_DURATION ? parse_duration(text, &value)
						   : parse_u64(text, &value);
	if (!good || value < key->least || (key->most && value > key->most))
		return false;
	*out = value;
	return true;
}

/* Puts the value where it belongs; leaves that alone when the value is not legal. */
static bool take_typed(
	struct arena *arena, const struct config_key *key, struct span text, void *field)
{
	static const char *const no_yes[] = { "no", "yes", NULL };
	int choice;
	switch (key->type) {
	case CONFIG_TEXT: {
		struct span copy = arena_copy(arena, text);
		if (copy.data)
			*(struct span *)field = copy;
		return copy.data;
	}
	case CONFIG_LIST:
		return take_list(arena, text, field);
	case CONFIG_BOOL:
		if (!take_choice(text, no_yes, &choice))
			return false;
		*(bool *)field = choice;
		return true;
	case CONFIG_CHOICE:
		return take_choice(text, key->choices, field);
	default:
		return take_bounded(key, text, field);
	}
}

static void tell_bad_value(
	struct config_origin *origin, const struct config_key *key, struct span text, unsigned line)
{
	static const char *const wanted[] = {
		[CONFIG_TEXT] = "text",
		[CONFIG_LIST] = "a list without empty items",
		[CONFIG_BOOL] = "one of",
		[CONFIG_NUMBER] = "a number in",
		[CONFIG_SIZE] = "a size (such as 4096, 64K, 1M, 2G) in",
		[CONFIG_DURATION] = "a duration (such as 250ms, 30s, 5m, 2h, 7d) in",
		[CONFIG_CHOICE] = "one of",
	};
	bool free_form = key->type == CONFIG_TEXT || key->type == CONFIG_LIST;
	struct span range = config_range(origin->arena, key);
	config_problem_at(origin, line, "%s.%s: \"%.*s\"%s is not %s%s%.*s", key->section, key->key,
		SPAN_ARG(span_first(text, 80)), text.size > 80 ? ".." : "", wanted[key->type],
		free_form ? "" : " ", free_form ? 0 : (int)range.size,
		range.data ? range.data : "");
}

static struct config_entry *find_entry(
	const struct config_section *section, const struct config_key *key)
{
	struct config_entry *entry = section ? section->entries : NULL;
	while (entry && entry->key != key)
		entry = entry->next;
	return entry;
}

static void fill_key(struct config_origin *origin, const struct config_section *section,
	const struct config_key *key, char *base)
{
	void *field = base + key->offset;
	struct span standard = span_of(key->standard);
	if (standard.data && !take_typed(origin->arena, key, standard, field))
		tell_bad_value(origin, key, standard, 0);
	struct config_entry *entry = find_entry(section, key);
	if (!entry)
		return;
	entry->field = field;
	struct span text = buffer_span(&entry->value);
	if (!text.data)
		config_problem_at(origin, entry->line, "out of memory");
	else if (!take_typed(origin->arena, key, span_trim(text), field))
		tell_bad_value(origin, key, span_trim(text), entry->line);
}

/* Every key of one section of the schema; `section` is NULL when the file does not have it. */
static void fill(struct config_origin *origin, const struct config_schema *schema, const char *name,
	const struct config_section *section, void *base)
{
	for (size_t i = 0; i < schema->key_count; i++)
		if (!strcmp(schema->keys[i].section, name))
			fill_key(origin, section, &schema->keys[i], base);
}

static bool fill_repeated(struct config_origin *origin, const struct config_schema *schema,
	const struct config_repeated *repeated, char *settings)
{
	size_t count = 0;
	for (struct config_section *at = origin->sections; at; at = at->next)
		count += at->repeated == repeated;
	char *element = arena_zero(origin->arena, count * repeated->element_size);
	if (!element)
		return false;
	*(void **)(settings + repeated->array_offset) = element;
	*(size_t *)(settings + repeated->count_offset) = count;
	for (struct config_section *at = origin->sections; at; at = at->next) {
		if (at->repeated != repeated)
			continue;
		*(struct span *)element = at->name;
		at->element = element;
		fill(origin, schema, repeated->section, at, element);
		element += repeated->element_size;
	}
	return true;
}

static bool fill_all(
	struct config_origin *origin, const struct config_schema *schema, void *settings)
{
	for (size_t i = 0; i < schema->key_count; i++) {
		const struct config_key *key = &schema->keys[i];
		if (is_repeated(schema, key->section))
			continue;
		const struct config_section *section = origin->sections;
		while (section && strcmp(section->section, key->section) != 0)
			section = section->next;
		fill_key(origin, section, key, settings);
	}
	for (size_t i = 0; i < schema->repeated_count; i++)
		if (!fill_repeated(origin, schema, &schema->repeated[i], settings))
			return false;
	return true;
}

/* NULL: why not, or errno. */
static struct span read_file(struct arena *arena, const char *path, const char **why)
{
	struct buffer text = { .arena = arena };
	FILE *file = fopen(path, "re");
	*why = file ? NULL : strerror(errno);
	while (file && !*why) {
		buffer_reserve(&text, text.size + 4096);
		if (text.failed) {
			*why = "out of memory";
			break;
		}
		size_t got = fread(text.data + text.size, 1, text.capacity - text.size, file);
		text.size += got;
		if (ferror(file))
			*why = strerror(errno);
		else if (text.size > FILE_MOST)
			*why = "longer than 4 MiB, which is no configuration";
		else if (!got)
			break;
	}
	if (file)
		fclose(file);
	return buffer_span(&text);
}

bool config_load(struct arena *arena, const struct config_schema *schema, const char *path,
	void *settings, FILE *problems, struct config_origin **origin_out)
{
	struct config_origin origin = {
		.arena = arena,
		.path = path,
		.problems = problems,
		.schema = schema,
		.settings = settings,
		.good = true,
	};
	const char *why;
	struct config_origin *kept = arena_alloc(arena, sizeof(*kept));
	char *path_kept = arena_text(arena, span_of(path));
	struct span text = read_file(arena, path, &why);
	*origin_out = NULL;
	if (why) {
		config_problem_at(&origin, 0, "%s", why);
		return false;
	}
	if (!kept || !path_kept) {
		config_problem_at(&origin, 0, "out of memory");
		return false;
	}
	*kept = origin;
	kept->path = path_kept;
	config_parse(kept, schema, text);
	if (!fill_all(kept, schema, settings)) {
		config_problem_at(kept, 0, "out of memory");
		return false;
	}
	*origin_out = kept;
	return kept->good;
}
