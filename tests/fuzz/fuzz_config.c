/* links: base */
/* SPDX-License-Identifier: BSD-2-Clause */
/* Any octets as the configuration file: they load, or every line of the answer names the place. */
#include "base/settings.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void check_lists(const struct settings *settings)
{
	const struct span_list *lists[] = { &settings->http.listen_text, &settings->auth.domains,
		&settings->auth.schemes_text, &settings->notifier.listen };
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		must(lists[i]->count);
		for (size_t j = 0; j < lists[i]->count; j++)
			must(lists[i]->items[j].size && !strchr(lists[i]->items[j].data, ','));
	}
}

static void check_good(const struct settings *settings)
{
	check_lists(settings);
	must(settings->http.listen.count == settings->http.listen_text.count);
	must(settings->http.root_path.data[0] == '/' && settings->http.threads);
	must(settings->auth.schemes && settings->auth.algorithm_count);
	must(settings->notifier.min_expires_ms <= settings->notifier.max_expires_ms);
	for (size_t i = 0; i < settings->target_count; i++)
		must(settings->targets[i].name.size && settings->targets[i].uri.size);
}

/* FILE: or FILE:LINE: in front of each, LINE one of the file's. */
static void check_problems(struct span told, struct span path, size_t lines)
{
	must(told.size && span_ends(told, SPAN("\n")));
	for (struct span rest = told; rest.size;) {
		struct span line = span_cut(&rest, '\n');
		uint64_t number;
		must(span_starts(line, path));
		line = span_from(line, path.size);
		must(span_starts(line, SPAN(":")));
		line = span_from(line, 1);
		must(span_starts(line, SPAN(" "))
			|| (parse_u64(span_cut(&line, ':'), &number) && number && number <= lines));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
	struct settings *settings;
	char path[64], *told = NULL;
	size_t told_size = 0, lines = 1;
	int file = memfd_create("fuzz", 0);
	must(write(file, octets, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	for (size_t i = 0; i < size; i++)
		lines += octets[i] == '\n';
	FILE *problems = open_memstream(&told, &told_size);
	bool good = settings_load(&settings, path, problems);
	fclose(problems);
	close(file);
	if (good) {
		must(!told_size);
		check_good(settings);
	} else {
		must(!settings);
		check_problems((struct span){ told, told_size }, span_of(path), lines);
	}
	settings_free(&settings);
	free(told);
	return 0;
}
