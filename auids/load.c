/* SPDX-License-Identifier: BSD-2-Clause */
#include "auids/schemas.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LANGUAGE "usage.xsd" /* the schema of definitions */

enum { FILE_MOST = 4 << 20 }; /* octets of a definition or schema */

bool problem(struct loading *loading, const char *file, long line, const char *format, ...)
{
	va_list arguments;
	loading->problem_count++;
	fprintf(loading->problems, "%s:", file);
	if (line)
		fprintf(loading->problems, "%ld:", line);
	fputc(' ', loading->problems);
	va_start(arguments, format);
	vfprintf(loading->problems, format, arguments);
	va_end(arguments);
	fputc('\n', loading->problems);
	return false;
}

bool no_memory(struct loading *loading)
{
	return problem(loading, loading->definitions, 0, "no memory");
}

bool problem_conflict(struct loading *loading, const char *file, const struct conflict *why)
{
	struct span phrase = why->phrase, start = SPAN("line ");
	uint64_t line = 0;
	size_t digits = 0;
	if (why->kind == CONFLICT_NONE)
		return no_memory(loading);
	if (span_starts(phrase, start)) {
		phrase = span_from(phrase, start.size);
		while (digits < phrase.size && strchr("0123456789", phrase.data[digits]))
			digits++;
		parse_u64(span_first(phrase, digits), &line);
		phrase = span_from(phrase, digits + 2); /* past ", " or ": " */
	}
	return problem(loading, file, (long)line, "%.*s", SPAN_ARG(phrase));
}

/* --- files --- */

static bool read_octets(struct loading *loading, const char *path, FILE *file, struct span *out)
{
	struct stat status;
	if (fstat(fileno(file), &status))
		return problem(loading, path, 0, "%s", strerror(errno));
	if (!S_ISREG(status.st_mode) || status.st_size > FILE_MOST)
		return problem(loading, path, 0, "no file, or too large");
	char *octets = arena_alloc(loading->set->arena, (size_t)status.st_size + 1);
	if (!octets)
		return no_memory(loading);
	size_t size = fread(octets, 1, (size_t)status.st_size, file);
	if (ferror(file))
		return problem(loading, path, 0, "%s", strerror(errno));
	*out = (struct span){ octets, size };
	return true;
}

bool load_document(struct loading *loading, const char *path, struct xml_document **out,
	struct span *octets_out)
{
	static const struct xml_limits limits = { .depth = 100, .attributes = 200 };
	struct conflict why = { .arena = loading->set->arena };
	struct span octets;
	*out = NULL;
	FILE *file = fopen(path, "re");
	if (!file)
		return problem(loading, path, 0, "%s", strerror(errno));
	bool fine = read_octets(loading, path, file, &octets);
	fclose(file);
	if (fine && !xml_parse(out, octets, &limits, &why))
		return problem_conflict(loading, path, &why);
	if (fine && octets_out)
		*octets_out = octets;
	return fine;
}

/* --- definitions --- */

static int is_definition(const struct dirent *entry)
{
	struct span name = span_of(entry->d_name);
	return span_ends(name, SPAN(".xml")) && name.data[0] != '.';
}

static int by_file_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static bool read_definitions(struct loading *loading, const struct schemas *language,
	struct dirent *const *entries, size_t count)
{
	struct usages *set = loading->set;
	bool fine = true;
	set->items = arena_zero(set->arena, (count + 1) * sizeof(*set->items));
	if (!set->items)
		return no_memory(loading);
	for (size_t i = 0; i < count; i++) {
		const char *path =
			arena_format(set->arena, "%s/%s", loading->definitions, entries[i]->d_name)
				.data;
		if (loading->draft && !strcmp(entries[i]->d_name, base_name(loading->draft)))
			continue;
		fine &= path ? definition_read(loading, language, path, &set->items[set->count++])
			     : no_memory(loading);
	}
	if (loading->draft)
		fine &= definition_read(
			loading, language, loading->draft, &set->items[set->count++]);
	return fine;
}

static bool load_definitions(struct loading *loading)
{
	static const struct span language_file = { LANGUAGE, sizeof(LANGUAGE) - 1 };
	struct schemas *language;
	struct dirent **entries;
	if (!schemas_load(loading, &language_file, 1, &language))
		return false;
	int count = scandir(loading->definitions, &entries, is_definition, by_file_name);
	bool fine = count > 0;
	if (count < 0)
		problem(loading, loading->definitions, 0, "%s", strerror(errno));
	else if (count == 0)
		problem(loading, loading->definitions, 0, "no definitions (*.xml) here");
	else
		fine = read_definitions(loading, language, entries, (size_t)count);
	for (int i = 0; i < count; i++)
		free(entries[i]);
	if (count >= 0)
		free(entries);
	schemas_free(&language);
	return fine;
}

/* --- the set --- */

static int by_auid(const void *a, const void *b)
{
	return span_compare(((const struct usage *)a)->auid, ((const struct usage *)b)->auid);
}

static int by_name(const void *a, const void *b)
{
	const struct known_name *left = a, *right = b;
	int order = span_compare(left->text, right->text);
	return order ? order : strcmp(left->usage->file, right->usage->file);
}

static bool index_names(struct loading *loading)
{
	struct usages *set = loading->set;
	size_t count = set->count;
	bool fine = true;
	for (size_t i = 0; i < set->count; i++)
		count += set->items[i].alias_count;
	set->names = arena_alloc(set->arena, count * sizeof(*set->names));
	if (!set->names)
		return no_memory(loading);
	for (size_t i = 0; i < set->count; i++) {
		const struct usage *usage = &set->items[i];
		set->names[set->name_count++] = (struct known_name){ usage->auid, usage };
		for (size_t j = 0; j < usage->alias_count; j++)
			set->names[set->name_count++] =
				(struct known_name){ usage->aliases[j], usage };
	}
	qsort(set->names, count, sizeof(*set->names), by_name);
	for (size_t i = 1; i < count; i++) {
		const struct known_name *name = &set->names[i];
		if (span_equal(name->text, name[-1].text))
			fine = problem(loading, name->usage->file, name->usage->line,
				"%.*s is the name of a usage already, in %s:%ld",
				SPAN_ARG(name->text), name[-1].usage->file, name[-1].usage->line);
	}
	return fine;
}

static bool roots_declared(struct loading *loading, const struct usage *usage)
{
	bool fine = true;
	for (size_t i = 0; usage->judge == JUDGE_STRICT && i < usage->root_count; i++)
		if (!schemas_declare(loading->set->schemas, usage->roots[i]))
			fine = problem(loading, usage->file, usage->schema_line,
				"no schema declares the root %s of %s", usage->roots[i].local,
				usage->roots[i].space);
	return fine;
}

static bool schema_exists(struct loading *loading, const struct usage *usage, struct span name)
{
	struct span path =
		arena_format(loading->set->arena, "%s/%.*s", loading->schemas, SPAN_ARG(name));
	if (!path.data)
		return no_memory(loading);
	return !access(path.data, R_OK)
	       || problem(loading, usage->file, usage->schema_line, "schema %.*s: %s",
		       SPAN_ARG(name), strerror(errno));
}

static bool gather_schemas(
	struct loading *loading, const struct usage *usage, struct span *names, size_t *count)
{
	bool fine = true;
	if (!usage->schema.data)
		return true;
	names[(*count)++] = usage->schema;
	for (size_t i = 0; i < usage->extension_count; i++)
		names[(*count)++] = usage->extensions[i];
	for (size_t i = 0; i <= usage->extension_count; i++)
		fine &= schema_exists(loading, usage, names[*count - 1 - i]);
	return fine;
}

static bool load_schemas(struct loading *loading)
{
	struct usages *set = loading->set;
	size_t count = 0, before = loading->problem_count;
	size_t most = 0;
	for (size_t i = 0; i < set->count; i++)
		most += 1 + set->items[i].extension_count;
	struct span *names = arena_alloc(set->arena, most * sizeof(*names));
	bool fine = true;
	if (!names)
		return no_memory(loading);
	for (size_t i = 0; i < set->count; i++)
		fine &= gather_schemas(loading, &set->items[i], names, &count);
	if (!fine)
		return false;
	if (!schemas_load(loading, names, count, &set->schemas))
		return before != loading->problem_count ? false : no_memory(loading);
	for (size_t i = 0; i < set->count; i++)
		fine &= roots_declared(loading, &set->items[i]);
	return fine;
}

static bool load_set(struct loading *loading)
{
	struct usages *set = loading->set;
	if (!load_definitions(loading))
		return false;
	qsort(set->items, set->count, sizeof(*set->items), by_auid);
	if (!index_names(loading) || !load_schemas(loading))
		return false;
	bool fine = true;
	for (size_t i = 0; i < set->count; i++)
		fine &= stylesheet_attach(loading, &set->items[i])
			&& templates_attach(loading, &set->items[i]);
	if (!fine)
		return false;
	return capabilities_prepare(set) || no_memory(loading);
}

bool usages_load(struct usages **out, const char *definitions, const char *schemas, FILE *problems)
{
	return usages_load_draft(out, definitions, schemas, NULL, problems);
}

bool usages_load_draft(struct usages **out, const char *definitions, const char *schemas,
	const char *draft, FILE *problems)
{
	struct loading loading = {
		.definitions = definitions,
		.schemas = schemas,
		.draft = draft,
		.problems = problems,
	};
	struct arena *arena = arena_new(64 * 1024);
	*out = NULL;
	loading.set = arena ? arena_zero(arena, sizeof(*loading.set)) : NULL;
	if (!loading.set) {
		arena_free(&arena);
		return no_memory(&loading);
	}
	loading.set->arena = arena;
	atomic_init(&loading.set->references, 1);
	if (load_set(&loading))
		*out = loading.set;
	else
		usages_unref(&loading.set);
	return *out != NULL;
}
