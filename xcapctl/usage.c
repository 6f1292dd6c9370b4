/* SPDX-License-Identifier: BSD-2-Clause */
/* `xcapctl usage`: what usages there are, what one of them is, whether a definition is a good one.
 */
#include "xcapctl/command.h"
#include "xcapctl/output.h"

#include <string.h>

static json_t *usage_row(const struct usage *usage)
{
	return json_pack("{s:o, s:o, s:o}", "auid", json_span(usage_auid(usage)), "media-type",
		json_span(usage_media_type(usage)), "default-namespace",
		json_span(usage_default_namespace(usage)));
}

enum exit_status usage_list(struct run *run)
{
	struct rows rows;
	enum exit_status status = run_usages(run);
	if (status != EXIT_WELL)
		return status;
	rows_begin(&rows, run->json);
	for (size_t i = 0; i < usages_count(run->usages); i++)
		rows_add(&rows, usage_row(usages_at(run->usages, i)));
	return rows_end(&rows) ? EXIT_WELL : complain("no memory");
}

/* "name: value" lines as an object of lists, in their order. */
static json_t *facts_json(struct span lines)
{
	json_t *facts = json_object();
	while (lines.data && lines.size) {
		struct span value = span_cut(&lines, '\n'), name = span_cut(&value, ':');
		char key[64];
		snprintf(key, sizeof(key), "%.*s", SPAN_ARG(name));
		if (!json_object_get(facts, key))
			json_object_set_new(facts, key, json_array());
		json_array_append_new(json_object_get(facts, key), json_span(span_trim(value)));
	}
	return facts;
}

enum exit_status usage_show(struct run *run)
{
	struct buffer text = { .arena = run->arena };
	enum exit_status status = run_usages(run);
	if (status != EXIT_WELL)
		return status;
	const struct usage *usage = usages_find(run->usages, span_of(run->arguments[0]));
	if (!usage)
		return complain("there is no usage '%s'", run->arguments[0]);
	usage_describe(usage, &text);
	if (text.failed)
		return complain("no memory");
	if (!run->json) {
		fputs(text.data, stdout);
		return EXIT_WELL;
	}
	json_t *facts = facts_json(buffer_span(&text));
	print_object(facts, true);
	json_decref(facts);
	return EXIT_WELL;
}

enum exit_status usage_check(struct run *run)
{
	const char *file = run->arguments[0];
	const char *definitions = arena_text(run->arena, run->settings->usage.definitions);
	const char *schemas = arena_text(run->arena, run->settings->usage.schemas);
	struct usages *set;
	if (!definitions || !schemas)
		return complain("no memory");
	usages_start();
	bool well = usages_load_draft(&set, definitions, schemas, file, stderr);
	if (well)
		usages_unref(&set);
	usages_stop();
	if (!well)
		return complain("%s cannot be used", file);
	return report(run, json_pack("{s:s, s:s}", "definition", file, "result", "well"),
		"%s: well, with what is in %s", file, definitions);
}
