/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of usages share: the shipped set, a folder of definitions of one's own, asking for
 * a judgement. */
#ifndef XCAPD_TESTS_USAGE_WORLD_H
#define XCAPD_TESTS_USAGE_WORLD_H

#include "auids/usage.h"
#include "xcap/selector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define DEFINITIONS TEST_SOURCE_DIR "/auids"
#define SCHEMAS TEST_SOURCE_DIR "/schemas"
#define DOCUMENTS TEST_SOURCE_DIR "/tests/data/documents/"
#define JOE "sip:joe@example.com"

static const struct xml_limits usual = { .depth = 64, .attributes = 100, .size = 4 << 20 };

static inline struct usages *load(const char *definitions, const char *schemas)
{
	struct usages *set;
	if (!usages_load(&set, definitions, schemas, stderr))
		fail_msg("%s, %s: not loaded", definitions, schemas);
	return set;
}

static inline struct usages *load_shipped(void)
{
	return load(DEFINITIONS, SCHEMAS);
}

static inline struct span read_file(struct arena *arena, const char *path)
{
	FILE *file = fopen(path, "re");
	if (!file)
		fail_msg("%s: cannot be read", path);
	char *octets = arena_alloc(arena, 1 << 20);
	size_t size = fread(octets, 1, (1 << 20) - 1, file);
	fclose(file);
	octets[size] = '\0';
	return (struct span){ octets, size };
}

static inline struct span document(struct arena *arena, const char *name)
{
	return read_file(arena, arena_format(arena, DOCUMENTS "%s", name).data);
}

/* --- a folder that goes away again --- */

struct folder {
	char path[64];
	const char *files[8];
	size_t count;
};

static inline void folder_open(struct folder *folder)
{
	*folder = (struct folder){ .path = "/tmp/xcapd-usages-XXXXXX" };
	assert_non_null(mkdtemp(folder->path));
}

/* `name` must be a literal. */
static inline void folder_write(struct folder *folder, const char *name, struct span octets)
{
	char path[160];
	snprintf(path, sizeof(path), "%s/%s", folder->path, name);
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	assert_int_equal(fwrite(octets.data, 1, octets.size, file), octets.size);
	fclose(file);
	assert_true(folder->count < COUNT(folder->files));
	folder->files[folder->count++] = name;
}

static inline void folder_close(struct folder *folder)
{
	char path[160];
	while (folder->count) {
		snprintf(path, sizeof(path), "%s/%s", folder->path, folder->files[--folder->count]);
		unlink(path);
	}
	rmdir(folder->path);
}

/* --- judging --- */

struct judgement {
	bool accepted;
	struct verdict verdict;
	struct conflict why;
};

static inline struct judgement judge_as(
	struct usages *set, struct arena *arena, const struct doc_id *id, struct span body)
{
	const struct usage *usage = usages_find(set, id->auid);
	struct judgement result = { .why = { .arena = arena } };
	assert_non_null(usage);
	result.accepted =
		usage_accepts(usage, arena, id, body, &usual, &result.verdict, &result.why);
	return result;
}

/* As joe's document. */
static inline struct judgement judge(
	struct usages *set, struct arena *arena, const char *auid, struct span body)
{
	struct doc_id id = { span_of(auid), TREE_USERS, SPAN(JOE), SPAN("index") };
	return judge_as(set, arena, &id, body);
}

static inline void check_accepted(struct judgement judgement, const char *label)
{
	if (!judgement.accepted)
		fail_msg("%s: refused: %.*s", label, SPAN_ARG(judgement.why.phrase));
}

static inline void check_refused(struct judgement judgement, const char *label,
	enum conflict_kind kind, const char *phrase_start)
{
	if (judgement.accepted)
		fail_msg("%s: accepted", label);
	if (judgement.why.kind != kind)
		fail_msg("%s: %s, not %s (%.*s)", label, conflict_element(judgement.why.kind),
			conflict_element(kind), SPAN_ARG(judgement.why.phrase));
	if (!span_starts(judgement.why.phrase, span_of(phrase_start)))
		fail_msg("%s: <%.*s> does not begin with <%s>", label,
			SPAN_ARG(judgement.why.phrase), phrase_start);
}

/* The text with the first `wanted` replaced. */
static inline struct span with(
	struct arena *arena, struct span text, const char *wanted, const char *instead)
{
	size_t at;
	if (!span_search(text, span_of(wanted), &at))
		fail_msg("there is no <%s> in the document", wanted);
	return arena_format(arena, "%.*s%s%.*s", SPAN_ARG(span_first(text, at)), instead,
		SPAN_ARG(span_from(text, at + strlen(wanted))));
}

/* What an <exists field=".."> chooses in the document; fails unless it is one thing. */
static inline struct span chosen(
	struct arena *arena, const struct usage *usage, struct span field, struct span body)
{
	const char *why;
	struct selector *selector;
	struct bindings bindings;
	struct found found;
	struct span query = field, node = span_cut(&query, '?');
	assert_true(uri_bindings(arena, query.data ? query : (struct span){ "", 0 }, &bindings));
	if (selector_parse(arena, node, &bindings, usage_default_namespace(usage), &selector, &why)
		!= SELECTOR_OK)
		fail_msg("%.*s: %s", SPAN_ARG(field), why);
	assert_true(selector_find(selector, body, &found));
	if (found.count != 1)
		fail_msg("%.*s chooses %zu", SPAN_ARG(field), found.count);
	return found_octets(&found, body);
}

/* --- set-up and tear-down of a group --- */

static inline int start_usages(void **state)
{
	(void)state;
	xml_start();
	usages_start();
	return 0;
}

static inline int stop_usages(void **state)
{
	(void)state;
	usages_stop();
	xml_stop();
	return 0;
}

#endif
