/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/xcap_diff.h"

/* --- the uri --- */

static bool is_absolute(struct span raw)
{
	return span_equal_nocase(span_first(raw, 7), SPAN("http://"))
	       || span_equal_nocase(span_first(raw, 8), SPAN("https://"));
}

/* As a request target: entries are relative to the XCAP root (RFC 5875 §4.4). *out is none when it
 * is outside. False without memory. */
static bool request_target(
	const struct settings *settings, struct arena *arena, struct span raw, struct span *out)
{
	struct span origin = settings->http.root_origin, path = settings->http.root_path;
	*out = raw;
	if (is_absolute(raw)) {
		*out = span_from(raw, origin.size);
		if (!span_equal_nocase(span_first(raw, origin.size), origin)
			|| !span_starts(*out, SPAN("/")))
			*out = (struct span){ NULL, 0 };
	} else if (!span_starts(raw, SPAN("/"))) {
		*out = arena_format(arena, "%.*s/%.*s",
			SPAN_ARG(span_equal(path, SPAN("/")) ? SPAN("") : path), SPAN_ARG(raw));
		return out->data;
	}
	return true;
}

/* A path that ends in '/' (RFC 5875 §4.1); *rest_out is what stands before that. */
static bool is_folder(struct span target, struct span *rest_out)
{
	size_t at;
	if (span_find(target, '?', &at))
		target = span_first(target, at);
	if (!span_ends(target, SPAN("/")) || span_search(target, SPAN("/~~/"), &at))
		return false;
	*rest_out = span_first(target, target.size - 1);
	return true;
}

/* "AUID" and "AUID/users" come to the same doc_id. */
static bool is_usage(const struct settings *settings, struct span target)
{
	struct span root = settings->http.root_path;
	struct span rest = span_from(target, root.size > 1 ? root.size + 1 : 1);
	return !span_find(rest, '/', &(size_t){ 0 });
}

/* --- who may read it --- */

static bool permits(
	const struct diff_target *target, const struct principal *who, const struct doc_id *id)
{
	return usage_permits(target->usage, who, id, ACCESS_READ);
}

static void add_key(struct diff_target *target, struct watch_key key)
{
	target->keys[target->key_count++] = key;
}

/* Somebody who may read only what is theirs watches only that, whatever they asked for: a change of
 * somebody else's costs them nothing. */
static void narrow(
	struct diff_target *target, const struct principal *who, const struct watch_key *asked)
{
	struct span auid = asked->id.auid;
	const struct doc_id anybody = { auid, TREE_USERS, SPAN("sip:anybody@else.invalid"),
		SPAN("index") };
	const struct doc_id global = { auid, TREE_GLOBAL, SPAN(""), SPAN("index") };
	struct doc_id own = { auid, TREE_USERS, who->name, SPAN("index") };
	if (permits(target, who, &anybody)) {
		add_key(target, *asked);
		return;
	}
	if (permits(target, who, &own)) {
		own.path = SPAN("");
		add_key(target, (struct watch_key){ own, WATCH_HOME });
	}
	if (asked->what == WATCH_USAGE && permits(target, who, &global))
		add_key(target, (struct watch_key){
					{ auid, TREE_GLOBAL, SPAN(""), SPAN("") }, WATCH_HOME });
}

static void add_folder(struct diff_target *out, const struct principal *who, struct watch_key key)
{
	struct doc_id some = key.id;
	if (key.what == WATCH_TREE || key.what == WATCH_USAGE) {
		narrow(out, who, &key);
		return;
	}
	if (key.what == WATCH_HOME)
		some.path = SPAN("index");
	if (permits(out, who, &some))
		add_key(out, key);
}

/* --- an entry --- */

static void read_folder(struct diff_target *out, const struct settings *settings,
	const struct principal *who, const struct target *target, struct span path)
{
	struct watch_key key = { .id = target->id, .what = WATCH_FOLDER };
	key.id.auid = usage_auid(out->usage);
	if (!target->whole)
		key.what = target->id.tree == TREE_GLOBAL || target->id.xui.size ? WATCH_HOME
			   : is_usage(settings, path)                            ? WATCH_USAGE
										 : WATCH_TREE;
	out->kind = DIFF_FOLDER;
	add_folder(out, who, key);
}

/* False without memory. */
static bool read_part(struct diff_target *out, struct arena *arena, const struct target *target)
{
	const char *why;
	out->bindings = target->bindings;
	enum selector_result result = selector_parse(arena, target->node, &target->bindings,
		usage_default_namespace(out->usage), &out->selector, &why);
	if (result == SELECTOR_OK && selector_terminal(out->selector) != SELECTOR_NAMESPACES)
		out->kind = DIFF_PART;
	return result != SELECTOR_NO_MEMORY;
}

static bool read_document(struct diff_target *out, struct arena *arena, const struct principal *who,
	const struct target *target)
{
	out->id = target->id;
	usage_canonical(out->usage, &out->id);
	if (!target->has_node)
		out->kind = DIFF_WHOLE;
	else if (!read_part(out, arena, target))
		return false;
	if (out->kind != DIFF_NOTHING && permits(out, who, &out->id))
		add_key(out, (struct watch_key){ out->id, WATCH_DOCUMENT });
	return true;
}

bool diff_target_read(struct notifier *notifier, const struct usages *usages, struct arena *arena,
	const struct principal *who, struct span raw, struct diff_target *out)
{
	const struct settings *settings = notifier->settings;
	struct uri_context context = { settings->http.root_path, settings->auth.realm };
	struct span path;
	struct target target;
	const char *why;
	*out = (struct diff_target){ .raw = raw };
	if (!request_target(settings, arena, raw, &path))
		return false;
	if (!path.data)
		return true;
	bool folder = is_folder(path, &path);
	enum uri_result result = uri_parse(arena, &context, path, &target, &why);
	if (result != URI_OK)
		return result != URI_NO_MEMORY;
	out->usage = usages_find(usages, target.id.auid);
	if (!out->usage)
		return true;
	if (folder)
		read_folder(out, settings, who, &target, path);
	else if (target.whole)
		return read_document(out, arena, who, &target);
	return true;
}

bool diff_targets_read(struct diff_state *state, const struct usages *usages, struct arena *arena,
	struct diff_targets *out)
{
	struct principal who = subscription_who(state->subscription);
	const char *text = state->text;
	*out = (struct diff_targets){
		.items = arena_alloc(arena, state->entry_count * sizeof(*out->items)),
		.count = state->entry_count,
	};
	for (size_t i = 0; out->items && i < out->count; i++) {
		struct diff_entry *entry = &state->entries[i];
		struct span raw = { text, entry->size };
		if (!diff_target_read(
			    state->package->notifier, usages, arena, &who, raw, &out->items[i]))
			return false;
		out->items[i].entry = entry;
		out->has_parts |= out->items[i].kind == DIFF_PART;
		text += entry->size;
	}
	return out->items;
}

const struct diff_target *diff_teller(
	const struct diff_state *state, const struct diff_targets *targets, const struct doc_id *id)
{
	struct principal who = subscription_who(state->subscription);
	const struct diff_target *folder = NULL;
	for (size_t i = 0; i < targets->count; i++) {
		const struct diff_target *one = &targets->items[i];
		if (one->kind == DIFF_WHOLE && one->key_count && doc_id_equal(&one->id, id))
			return one;
		for (size_t k = 0; one->kind == DIFF_FOLDER && !folder && k < one->key_count; k++)
			if (watch_covers(&one->keys[k], id) && permits(one, &who, id))
				folder = one;
	}
	return folder;
}
