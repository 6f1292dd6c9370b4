/* SPDX-License-Identifier: BSD-2-Clause */
/* `xcapctl user import`: many users in one pass. The whole file is read and judged before the first
 * one is written.
 */
#include "xcapctl/user.h"

#include "xcapctl/output.h"

#include <stdlib.h>
#include <string.h>

enum { BATCH_USERS = 1000 };

struct entry {
	struct span name, password;
	enum role role;
	size_t line;
};

struct import {
	struct run *run;
	const char *file;
	struct entry *entries;
	const struct entry **by_name;
	size_t count, faults;
	struct span_list realms;
};

static void fault(struct import *import, size_t line, const char *what, struct span about)
{
	fprintf(stderr, "%s:%zu: %s%s%.*s\n", import->file, line, what, about.size ? " " : "",
		SPAN_ARG(about));
	import->faults++;
}

/* XUI<TAB>role<TAB>password; the password is the rest of the line. */
static void read_entry(struct import *import, struct span line, size_t number)
{
	struct span rest = line, xui = span_cut(&rest, '\t'), role = { NULL, 0 };
	struct entry entry = { .line = number };
	if (rest.data)
		role = span_cut(&rest, '\t');
	entry.password = rest;
	if (!rest.data)
		fault(import, number, "is not XUI, tab, role, tab, password", role);
	else if (!role_parse(role, &entry.role))
		fault(import, number, "no such role:", role);
	else if (!rest.size || rest.size > PASSWORD_MAX || span_find(rest, '\0', NULL))
		fault(import, number, "a password has 1 to 255 octets", (struct span){ NULL, 0 });
	else if (!user_name(import->run, xui, entry.role, &entry.name))
		fault(import, number, "no XUI:", xui);
	else
		import->entries[import->count++] = entry;
}

static bool read_entries(struct import *import, struct span text)
{
	size_t lines = 1, number = 0;
	for (size_t i = 0; i < text.size; i++)
		lines += text.data[i] == '\n';
	import->entries = arena_alloc(import->run->arena, lines * sizeof(*import->entries));
	import->by_name = arena_alloc(import->run->arena, lines * sizeof(*import->by_name));
	if (!import->entries || !import->by_name)
		return false;
	while (text.data) {
		struct span line = span_cut(&text, '\n');
		number++;
		if (span_ends(line, SPAN("\r")))
			line.size--;
		if (span_trim(line).size && line.data[0] != '#')
			read_entry(import, line, number);
	}
	return true;
}

static int compare_entries(const void *a, const void *b)
{
	const struct entry *left = *(const struct entry *const *)a;
	const struct entry *right = *(const struct entry *const *)b;
	int order = span_compare(left->name, right->name);
	return order ? order : left->line < right->line ? -1 : left->line > right->line;
}

static int compare_name(const void *name, const void *entry)
{
	return span_compare(
		*(const struct span *)name, (*(const struct entry *const *)entry)->name);
}

static void refuse_twins(struct import *import)
{
	for (size_t i = 0; i < import->count; i++)
		import->by_name[i] = &import->entries[i];
	qsort(import->by_name, import->count, sizeof(*import->by_name), compare_entries);
	for (size_t i = 1; i < import->count; i++)
		if (span_equal(import->by_name[i - 1]->name, import->by_name[i]->name))
			fault(import, import->by_name[i]->line,
				"named twice:", import->by_name[i]->name);
}

/* Two names that log in by one: in this file, or here and in the store. */
static enum exit_status refuse_rivals(
	struct import *import, struct arena *arena, const struct entry *entry)
{
	const struct span *names;
	struct user other;
	int count = user_rivals(arena, &import->realms, entry->name, &names);
	for (int i = 0; i < count; i++) {
		enum store_result found = STORE_OK;
		if (!bsearch(&names[i], import->by_name, import->count, sizeof(*import->by_name),
			    compare_name))
			found = store_user_read(import->run->store, arena, names[i], &other);
		if (found == STORE_OK)
			fault(import, entry->line, "would log in by the same name as", names[i]);
		else if (found != STORE_ABSENT)
			return complain_store(found);
	}
	return count < 0 ? complain("no memory") : EXIT_WELL;
}

static enum exit_status judge(struct import *import, struct arena *arena)
{
	refuse_twins(import);
	for (size_t i = 0; i < import->count; i++) {
		const struct entry *entry = &import->entries[i];
		enum exit_status status = refuse_rivals(import, arena, entry);
		if (status != EXIT_WELL)
			return status;
		if (!user_is_served(&import->realms, entry->name))
			fprintf(stderr,
				"%s:%zu: warning: auth.domains does not name the domain of %.*s\n",
				import->file, entry->line, SPAN_ARG(entry->name));
		if (i % BATCH_USERS == BATCH_USERS - 1)
			arena_reset(arena);
	}
	return import->faults ? complain("nobody was imported: %zu lines are wrong", import->faults)
			      : EXIT_WELL;
}

static enum exit_status write_batch(struct import *import, struct arena *arena,
	const struct entry *entries, size_t count, size_t *written)
{
	size_t changed = 0;
	struct user *users = arena_zero(arena, count * sizeof(*users));
	for (size_t i = 0; i < count; i++) {
		if (!users)
			return complain("no memory");
		users[i].name = entries[i].name;
		users[i].role = entries[i].role;
		if (!principal_credentials(arena, &users[i], entries[i].password,
			    import->realms.items, import->realms.count,
			    import->run->settings->auth.realm))
			return complain("no memory");
	}
	enum store_result result = store_users_put(import->run->store, users, count, &changed);
	*written += changed;
	return result == STORE_OK ? EXIT_WELL : complain_store(result);
}

static enum exit_status write_all(struct import *import, struct arena *arena)
{
	enum exit_status status = EXIT_WELL;
	size_t written = 0;
	for (size_t at = 0; status == EXIT_WELL && at < import->count; at += BATCH_USERS) {
		size_t left = import->count - at;
		arena_reset(arena);
		status = write_batch(import, arena, import->entries + at,
			left < BATCH_USERS ? left : BATCH_USERS, &written);
	}
	if (status != EXIT_WELL)
		return status;
	return report(import->run,
		json_pack("{s:I, s:I}", "users", (json_int_t)import->count, "written",
			(json_int_t)written),
		"%zu users, %zu of them new or changed", import->count, written);
}

enum exit_status user_import(struct run *run)
{
	struct import import = { .run = run, .file = run->arguments[0] };
	struct span text;
	struct arena *arena;
	if (!read_input(run->arena, import.file, 0, &text))
		return EXIT_FAILED;
	enum exit_status status = run_store(run, true);
	if (status != EXIT_WELL)
		return status;
	if (!user_realms(run, &import.realms) || !read_entries(&import, text)
		|| !(arena = arena_new(1 << 20)))
		return complain("no memory");
	status = judge(&import, arena);
	if (status == EXIT_WELL) {
		arena_reset(arena);
		status = write_all(&import, arena);
	}
	arena_free(&arena);
	return status;
}
