/* links: base xcap PkgConfig::LIBXML2 */
/* SPDX-License-Identifier: BSD-2-Clause */
/* A node selector, a NUL, a document, a NUL, another document: the patch from one to the other, and
 * that of the edit which the selector may tell of, applied as RFC 5261 says, give the canonical
 * form of the other. What is the same is canonically the same; a bound on the operations is kept.
 */
#include "tests/unit/patch_applier.h"
#include "xcap/diff.h"
#include "xcap/patch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct binding bound[] = { { { "p", 1 }, { "urn:p", 5 } },
	{ { "q", 1 }, { "urn:q", 5 } } };
static const struct xml_limits limits = { 64, 64, 0 };

static void require(bool condition)
{
	if (!condition)
		abort();
}

static bool is_good(struct arena *arena, struct span document)
{
	struct conflict why = { .arena = arena };
	struct xml_document *judged;
	bool good = xml_parse(&judged, document, &limits, &why);
	xml_free(&judged);
	return good;
}

static void check_made(struct arena *arena, struct span former, struct span wanted, struct span ops)
{
	struct diff_writer diff;
	const char *why;
	diff_begin(&diff, arena, SPAN("http://example.com/"), false);
	diff_document(&diff, SPAN("a"), (struct etag){ 1, 1 }, (struct etag){ 1, 2 }, ops, false);
	struct span body = diff_end(&diff);
	require(is_good(arena, body) || !is_good(arena, former));
	struct span out = patch_apply(arena, former, body, "document", &why);
	require(!why && span_equal(out, wanted));
}

static void check(struct arena *arena, struct span former, struct span now,
	enum patch_result result, const struct buffer *ops)
{
	struct span old = canonical(arena, former), wanted = canonical(arena, now);
	require(result != PATCH_NO_MEMORY);
	require((result == PATCH_MADE) == (ops->size > 0));
	if (!old.data || !wanted.data)
		return; /* a namespace that canonical XML does not take */
	require((result == PATCH_SAME) <= span_equal(old, wanted));
	if (result == PATCH_MADE)
		check_made(arena, former, wanted, buffer_span(ops));
}

static void silent(void *context, const xmlError *error)
{
	(void)context, (void)error;
}

static void between(struct arena *arena, struct span former, struct span now)
{
	struct buffer ops = { .arena = arena }, less = { .arena = arena };
	enum patch_result result = patch_between(arena, former, now, 1000000, &limits, &ops);
	check(arena, former, now, result, &ops);
	result = patch_between(arena, former, now, ops.size / 2, &limits, &less);
	require(less.size <= ops.size / 2);
	check(arena, former, now, result, &less);
}

static void of_edit(struct arena *arena, struct span selector, struct span former, struct span now)
{
	struct buffer ops = { .arena = arena };
	struct patch_edit edit = { selector, { bound, 2 }, SPAN("urn:p") };
	check(arena, former, now, patch_of_edit(arena, former, now, &edit, 1000000, &limits, &ops),
		&ops);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new(64 * 1024);
	struct span rest = { (const char *)data, size }, none = { "", 0 };
	xmlSetStructuredErrorFunc(NULL, (xmlStructuredErrorFunc)silent);
	if (arena && size && size < 16 * 1024) {
		struct span selector = span_cut(&rest, '\0');
		struct span former = arena_copy(arena, rest.data ? span_cut(&rest, '\0') : none);
		struct span now = arena_copy(arena, rest.data ? rest : none);
		bool good = is_good(arena, former) && is_good(arena, now);
		if (good) {
			between(arena, former, now);
			between(arena, now, former);
			of_edit(arena, selector, former, now);
			of_edit(arena, selector, now, former);
		}
	}
	arena_free(&arena);
	return 0;
}
