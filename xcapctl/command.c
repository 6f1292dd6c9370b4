/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcapctl/command.h"

#include "xcapctl/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum exit_status complain(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	fputs("xcapctl: ", stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
	return EXIT_FAILED;
}

enum exit_status complain_store(enum store_result result)
{
	if (result == STORE_FULL)
		return complain("the store is full: raise store.max-size, or delete documents");
	return complain("the store failed: %s", store_problem());
}

enum exit_status run_store(struct run *run, bool create)
{
	struct store_settings settings = store_settings_of(run->settings);
	if (run->store)
		return EXIT_WELL;
	settings.create = create;
	if (store_open(&run->store, &settings) == STORE_OK)
		return EXIT_WELL;
	complain("cannot open the store at %s: %s", settings.path, store_problem());
	return EXIT_MISUSED;
}

enum exit_status run_usages(struct run *run)
{
	if (run->usages)
		return EXIT_WELL;
	const char *definitions = arena_text(run->arena, run->settings->usage.definitions);
	const char *schemas = arena_text(run->arena, run->settings->usage.schemas);
	if (!definitions || !schemas)
		return complain("no memory");
	usages_start();
	if (usages_load(&run->usages, definitions, schemas, stderr))
		return EXIT_WELL;
	usages_stop();
	complain("the usages in %s cannot be loaded", definitions);
	return EXIT_MISUSED;
}

void run_end(struct run *run)
{
	if (run->usages) {
		usages_unref(&run->usages);
		usages_stop();
	}
	store_close(&run->store);
	settings_free(&run->settings);
	arena_free(&run->arena);
}

struct span run_who(struct run *run)
{
	const char *name = getenv("SUDO_USER");
	if (!name || !*name)
		name = getenv("USER");
	return name && *name ? arena_format(run->arena, "xcapctl/%.64s", name) : SPAN("xcapctl");
}

enum exit_status report(struct run *run, json_t *object, const char *sentence, ...)
{
	if (run->json) {
		print_object(object, true);
		json_decref(object);
		return EXIT_WELL;
	}
	va_list arguments;
	va_start(arguments, sentence);
	vprintf(sentence, arguments);
	putchar('\n');
	va_end(arguments);
	json_decref(object);
	return EXIT_WELL;
}

static bool read_stream(struct arena *arena, FILE *from, size_t most, struct span *out)
{
	struct buffer all = { .arena = arena };
	char piece[16384];
	size_t size;
	buffer_text(&all, "");
	while ((!most || all.size <= most) && (size = fread(piece, 1, sizeof(piece), from)) > 0)
		buffer_append(&all, (struct span){ piece, size });
	*out = buffer_span(&all);
	if (!out->data)
		errno = ENOMEM;
	return out->data && !ferror(from);
}

bool read_input(struct arena *arena, const char *path, size_t most, struct span *out)
{
	bool piped = !path || !strcmp(path, "-");
	FILE *from = piped ? stdin : fopen(path, "rbe");
	bool well = from && read_stream(arena, from, most, out);
	if (!well)
		complain("cannot read %s: %s", piped ? "stdin" : path, strerror(errno));
	if (from && !piped)
		fclose(from);
	return well;
}
