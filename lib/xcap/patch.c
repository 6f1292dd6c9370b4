/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcap/patch_private.h"

enum {
	OP_ROOM = 40,    /* octets of an operation beside its selector and content, about */
	WORK_TIMES = 16, /* so often both documents may be written before it is given up */
};

/* A place between children: what stands before it is already as it will be, what stands behind it
 * as it was. */
struct spot {
	size_t before[PATCH_KINDS];
	const struct patch_node *left, *right; /* NULL: none */
};

static void cut_back(struct buffer *buffer, size_t size)
{
	buffer->size = size;
	if (buffer->data)
		buffer->data[size] = '\0';
}

/* --- selectors --- */

/* The nth child of a kind; patcher->path.size has to be put back after use. */
static struct span step_to(struct patcher *patcher, enum patch_kind kind, size_t position)
{
	static const char *const tests[PATCH_KINDS] = { "*", "text()", "comment()",
		"processing-instruction()" };
	struct buffer *path = &patcher->path;
	bool root = !path->size && kind == PATCH_ELEMENT;
	if (path->size)
		buffer_octet(path, '/');
	buffer_text(path, tests[kind]);
	if (!root)
		buffer_format(path, "[%zu]", position);
	return buffer_span(path);
}

static void step_back(struct patcher *patcher, size_t size)
{
	cut_back(&patcher->path, size);
}

/* --- children that come and go --- */

static void count_kinds(struct spot *spot, struct patch_run run)
{
	for (size_t i = 0; i < run.count; i++)
		spot->before[run.nodes[i].kind]++;
	if (run.count)
		spot->left = &run.nodes[run.count - 1];
}

static bool write_content(
	struct patcher *patcher, struct patch_op op, struct span sel, struct patch_run run)
{
	size_t start = patcher->ops->size;
	struct bindings needs;
	struct diff_tag tag;
	if (!sel.data || !patch_needs(patcher->arena, run, &needs))
		return patch_starve(patcher);
	op.declared = &needs;
	patch_op_begin(patcher->ops, &tag, &op, sel);
	patch_write_run(patcher->arena, patcher->ops, run);
	diff_tag_close(patcher->ops, &tag);
	size_t written = patcher->ops->size - start;
	patcher->work -= written < patcher->work ? written : patcher->work;
	return patch_fits(patcher) && patcher->work;
}

/* Beside an element if there is one, else at an end of the parent, else beside what there is. */
static struct span place_for(struct patcher *patcher, const struct spot *spot, const char **pos_out)
{
	const struct patch_node *left = spot->left, *right = spot->right;
	bool inside = patcher->path.size > 0;
	bool by_left = left && (left->kind == PATCH_ELEMENT || !inside);
	*pos_out = by_left ? "after" : "before";
	if (by_left)
		return step_to(patcher, left->kind, spot->before[left->kind]);
	if (right && (right->kind == PATCH_ELEMENT || !inside))
		return step_to(patcher, right->kind, spot->before[right->kind] + 1);
	if (!left || !right) {
		*pos_out = right ? "prepend" : NULL;
		return buffer_span(&patcher->path);
	}
	*pos_out = "after";
	return step_to(patcher, left->kind, spot->before[left->kind]);
}

static bool insert(struct patcher *patcher, const struct spot *spot, struct patch_run run)
{
	struct patch_op op = { .name = "add" };
	size_t size = patcher->path.size;
	struct span sel = place_for(patcher, spot, &op.pos);
	bool done = write_content(patcher, op, sel, run);
	step_back(patcher, size);
	return done;
}

static bool replace(struct patcher *patcher, const struct spot *spot, const struct patch_node *node)
{
	struct patch_op op = { .name = "replace" };
	size_t size = patcher->path.size;
	struct span sel = step_to(patcher, node->kind, spot->before[node->kind] + 1);
	bool done = write_content(patcher, op, sel, (struct patch_run){ node, 1 });
	step_back(patcher, size);
	return done;
}

static bool remove_one(
	struct patcher *patcher, enum patch_kind kind, size_t position, const char *ws)
{
	struct patch_op op = { .name = "remove", .ws = ws };
	size_t size = patcher->path.size;
	patch_op_text(patcher->ops, &op, step_to(patcher, kind, position), SPAN(""));
	step_back(patcher, size);
	return patch_fits(patcher);
}

static bool is_white(const struct patch_node *node)
{
	return node->kind == PATCH_TEXT && !span_trim(node->text).size;
}

/* What goes with nodes[i] by its ws attribute (RFC 5261 §4.5): bit 1 before, bit 2 after. White
 * text goes with the one before it if it can. */
static unsigned whites_of(struct patch_run run, size_t i)
{
	bool after = i + 1 < run.count && is_white(&run.nodes[i + 1]);
	bool before = i == 1 && is_white(&run.nodes[0]);
	return (before ? 1u : 0) | (after ? 2u : 0);
}

static bool goes_along(struct patch_run run, size_t i)
{
	return is_white(&run.nodes[i]) && run.count > 1;
}

/* Texts first, so that none ever meets another one. */
static bool remove_run(struct patcher *patcher, const struct spot *spot, struct patch_run run)
{
	static const char *const ws[] = { NULL, "before", "after", "both" };
	size_t kept = 0;
	for (size_t i = 0; i < run.count; i++) {
		if (run.nodes[i].kind != PATCH_TEXT)
			continue;
		if (goes_along(run, i))
			kept++;
		else if (!remove_one(
				 patcher, PATCH_TEXT, spot->before[PATCH_TEXT] + kept + 1, NULL))
			return false;
	}
	for (size_t i = 0; i < run.count; i++) {
		enum patch_kind kind = run.nodes[i].kind;
		if (kind != PATCH_TEXT
			&& !remove_one(
				patcher, kind, spot->before[kind] + 1, ws[whites_of(run, i)]))
			return false;
	}
	return true;
}

static struct patch_run run_from(struct patch_run run, size_t from)
{
	return (struct patch_run){ run.nodes + from, run.count - from };
}

static bool meet_as_text(const struct patch_node *a, const struct patch_node *b)
{
	return a->kind == PATCH_TEXT && b->kind == PATCH_TEXT;
}

/* What comes is put before what goes, or behind it if texts would meet; they cannot do so on both
 * sides. */
static bool exchange(
	struct patcher *patcher, struct spot *spot, struct patch_run old, struct patch_run now)
{
	struct spot place = *spot, rest = *spot;
	bool behind = old.count && now.count && meet_as_text(&now.nodes[now.count - 1], old.nodes);
	if (behind)
		count_kinds(&place, old);
	else if (old.count)
		place.right = old.nodes;
	if (now.count && !insert(patcher, &place, now))
		return false;
	count_kinds(spot, now);
	return remove_run(patcher, behind ? &rest : spot, old);
}

/* Neighbours without a partner: those of one kind are replaced as long as they stand in a row. */
static bool patch_gap(
	struct patcher *patcher, struct spot *spot, struct patch_run old, struct patch_run now)
{
	while (old.count && now.count && old.nodes->kind == now.nodes->kind) {
		if (!replace(patcher, spot, now.nodes))
			return false;
		count_kinds(spot, (struct patch_run){ now.nodes, 1 });
		old = run_from(old, 1);
		now = run_from(now, 1);
	}
	return exchange(patcher, spot, old, now);
}

/* --- elements --- */

static bool patch_children(
	struct patcher *patcher, struct spot *spot, struct patch_run old, struct patch_run now);

static struct patch_run children_of(const struct patch_node *node)
{
	return (struct patch_run){ node->children, node->count };
}

/* patcher->path leads to it. */
static bool patch_inside(
	struct patcher *patcher, const struct patch_node *old, const struct patch_node *now)
{
	struct spot spot = { 0 };
	if (!patch_can_stay(patcher, old->xml, now->xml))
		return false;
	return patch_start_tag(patcher, old->xml, now->xml)
	       && patch_children(patcher, &spot, children_of(old), children_of(now));
}

/* Patched inside if that can be said in fewer octets than the element itself, else replaced if that
 * fits in. */
static bool patch_element(struct patcher *patcher, const struct spot *spot,
	const struct patch_node *old, const struct patch_node *now)
{
	size_t start = patcher->ops->size, size = patcher->path.size, most = patcher->most;
	step_to(patcher, PATCH_ELEMENT, spot->before[PATCH_ELEMENT] + 1);
	size_t enough = start + now->weight + patcher->path.size + OP_ROOM;
	patcher->most = enough < most ? enough : most;
	bool done = patch_inside(patcher, old, now);
	patcher->most = most;
	step_back(patcher, size);
	if (done || patcher->starved)
		return done;
	cut_back(patcher->ops, start);
	return enough - OP_ROOM <= most && patcher->work && replace(patcher, spot, now);
}

static bool patch_children(
	struct patcher *patcher, struct spot *spot, struct patch_run old, struct patch_run now)
{
	const struct patch_node *right = spot->right;
	size_t i = 0, j = 0;
	long *partners = arena_alloc(patcher->arena, now.count * sizeof(*partners));
	if (!partners || !patch_align(patcher->arena, old, now, partners))
		return patch_starve(patcher);
	for (;;) {
		size_t next = j;
		while (next < now.count && partners[next] == PATCH_ALONE)
			next++;
		bool last = next == now.count;
		size_t partner = last ? old.count : (size_t)partners[next];
		spot->right = last ? right : &old.nodes[partner];
		if (!patch_gap(patcher, spot, (struct patch_run){ &old.nodes[i], partner - i },
			    (struct patch_run){ &now.nodes[j], next - j }))
			return false;
		if (last)
			return true;
		if (!patch_equal(patcher->arena, &old.nodes[partner], &now.nodes[next])
			&& !patch_element(patcher, spot, &old.nodes[partner], &now.nodes[next]))
			return false;
		count_kinds(spot, (struct patch_run){ &now.nodes[next], 1 });
		i = partner + 1;
		j = next + 1;
	}
}

/* --- documents --- */

static size_t root_of(const struct patch_node *document)
{
	size_t i = 0;
	while (document->children[i].kind != PATCH_ELEMENT)
		i++;
	return i;
}

/* What stands before the root element, it, and what stands behind it. */
static bool patch_document(
	struct patcher *patcher, const struct patch_node *old, const struct patch_node *now)
{
	size_t i = root_of(old), j = root_of(now);
	const struct patch_node *old_root = &old->children[i], *root = &now->children[j];
	struct spot spot = { .right = old_root };
	if (!patch_children(patcher, &spot, (struct patch_run){ old->children, i },
		    (struct patch_run){ now->children, j }))
		return false;
	step_to(patcher, PATCH_ELEMENT, 1);
	if (!patch_equal(patcher->arena, old_root, root) && !patch_inside(patcher, old_root, root))
		return false;
	step_back(patcher, 0);
	count_kinds(&spot, (struct patch_run){ root, 1 });
	spot.right = NULL;
	return patch_children(patcher, &spot,
		(struct patch_run){ old_root + 1, old->count - i - 1 },
		(struct patch_run){ root + 1, now->count - j - 1 });
}

/* --- versions --- */

/* spot: where in a document the children of both root elements stand; NULL: they are whole
 * documents.
 */
static bool patch_trees(struct patcher *patcher, xmlDoc *former, xmlDoc *now, struct spot *spot)
{
	struct patch_node old, new;
	if (!patch_tree(patcher->arena, former, &old) || !patch_tree(patcher->arena, now, &new))
		return patch_starve(patcher);
	patcher->work = WORK_TIMES * (old.weight + new.weight);
	return spot ? patch_children(
		       patcher, spot, children_of(old.children), children_of(new.children))
		    : patch_document(patcher, &old, &new);
}

static enum patch_result compare(struct patcher *patcher, struct span former, struct span now,
	const struct xml_limits *limits, struct spot *spot)
{
	struct conflict why = { .arena = patcher->arena };
	struct xml_document *old = NULL, *new = NULL;
	size_t start = patcher->ops->size;
	bool done = false;
	if (xml_parse(&old, former, limits, &why) && xml_parse(&new, now, limits, &why))
		done = patch_trees(patcher, xml_tree(old), xml_tree(new), spot);
	else
		patcher->starved = why.kind == CONFLICT_NONE;
	xml_free(&new);
	xml_free(&old);
	if (done && patcher->ops->size > start)
		return PATCH_MADE;
	cut_back(patcher->ops, start);
	return done ? PATCH_SAME : patcher->starved ? PATCH_NO_MEMORY : PATCH_IMPOSSIBLE;
}

/* How many octets it would take to replace the element around what differs. */
static size_t cost_around(
	const struct patch_narrowed *narrowed, struct span former, struct span now)
{
	const struct tag *tag = &narrowed->trail.tags[narrowed->trail.depth - 1];
	size_t end;
	if (narrowed->trail.depth == 1 || !scan_element_end(former, tag, &end))
		return SIZE_MAX / 2;
	return end - tag->start + now.size - former.size;
}

/* Only what differs is parsed. PATCH_IMPOSSIBLE: compare all of it. */
static enum patch_result compare_narrowed(struct patcher *patcher, struct span former,
	struct span now, const struct xml_limits *limits)
{
	static const struct patch_node element = { .kind = PATCH_ELEMENT };
	struct patch_narrowed narrowed;
	struct spot spot = { 0 };
	size_t most = patcher->most;
	if (!patch_narrow(former, now, &narrowed))
		return PATCH_IMPOSSIBLE;
	for (size_t kind = 0; kind < PATCH_KINDS; kind++)
		spot.before[kind] = narrowed.before[kind];
	spot.left = spot.before[PATCH_ELEMENT] ? &element : NULL;
	spot.right = narrowed.right ? &element : NULL;
	struct span old = patch_wrapped(patcher->arena, &narrowed, narrowed.former);
	struct span new = patch_wrapped(patcher->arena, &narrowed, narrowed.now);
	patch_path(&patcher->path, &narrowed.trail, narrowed.trail.depth);
	if (!old.data || !new.data || patcher->path.failed)
		return PATCH_NO_MEMORY;
	size_t around = cost_around(&narrowed, former, now) + patcher->path.size + OP_ROOM;
	if (around < most - patcher->ops->size)
		patcher->most = patcher->ops->size + around;
	enum patch_result result = compare(patcher, old, new, limits, &spot);
	patcher->most = most;
	cut_back(&patcher->path, 0);
	return result;
}

enum patch_result patch_between(struct arena *arena, struct span former, struct span now,
	size_t most, const struct xml_limits *limits, struct buffer *ops_out)
{
	struct patcher patcher = { .arena = arena, .ops = ops_out, .path = { .arena = arena } };
	patcher.most = ops_out->size + most;
	if (span_equal(former, now))
		return PATCH_SAME;
	enum patch_result result = compare_narrowed(&patcher, former, now, limits);
	return result == PATCH_IMPOSSIBLE ? compare(&patcher, former, now, limits, NULL) : result;
}
