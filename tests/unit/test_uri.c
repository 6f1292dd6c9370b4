/* links: base xcap */
/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcap/uri.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct uri_context context = {
	.root_path = { "/xcap-root", 10 },
	.default_domain = { "example.com", 11 },
};

static enum uri_result parse(struct arena *arena, const char *target, struct target *out)
{
	const char *why;
	enum uri_result result = uri_parse(arena, &context, span_of(target), out, &why);
	assert_int_equal(why == NULL, result == URI_OK);
	return result;
}

static void check_span(struct span found, const char *wanted)
{
	if (!span_equal_text(found, wanted))
		fail_msg("<%.*s> instead of <%s>", SPAN_ARG(found), wanted);
}

#define ALICE "sip:alice@example.com"

/* node NULL: there is none. */
static const struct {
	const char *target, *auid;
	enum tree tree;
	const char *xui, *path, *node;
} documents[] = {
	{ "/xcap-root/resource-lists/users/sip:alice@example.com/index", "resource-lists",
		TREE_USERS, ALICE, "index", NULL },
	{ "http://xcap.example.com:8080/xcap-root/resource-lists/users/sip:alice@example.com/index",
		"resource-lists", TREE_USERS, ALICE, "index", NULL },
	{ "HTTPS://other/xcap-root/rls-services/global/index", "rls-services", TREE_GLOBAL, "",
		"index", NULL },
	{ "/xcap-root/rls-services/global/index", "rls-services", TREE_GLOBAL, "", "index", NULL },
	{ "/xcap-root/resource-lists/users/sip%3Aalice%40example.com/index", "resource-lists",
		TREE_USERS, ALICE, "index", NULL },
	{ "/xcap-root/resource%2Dlists/%75sers/alice/%69ndex", "resource-lists", TREE_USERS, ALICE,
		"index", NULL },
	{ "/xcap-root/a/users/alice@EXAMPLE.com/index/", "a", TREE_USERS, ALICE, "index", NULL },
	{ "/xcap-root/a/users/alice/oma_status-icon/rcs_status_icon", "a", TREE_USERS, ALICE,
		"oma_status-icon/rcs_status_icon", NULL },
	{ "/xcap-root/a/users/tel:+1-212-555/index", "a", TREE_USERS, "tel:+1212555", "index",
		NULL },
	{ "/xcap-root/a/users/sip:%2B1212@example.com/x", "a", TREE_USERS, "sip:+1212@example.com",
		"x", NULL },
	{ "/xcap-root/a/users/sip:a%2Fb%3Fc%23d@example.com/x", "a", TREE_USERS,
		"sip:a/b?c#d@example.com", "x", NULL },
	{ "/xcap-root/a/users/sip:100%25@example.com/x", "a", TREE_USERS, "sip:100%@example.com",
		"x", NULL },
	{ "/xcap-root/a/users/sip:a%2540b@example.com/x", "a", TREE_USERS, "sip:a%40b@example.com",
		"x", NULL },
	{ "/xcap-root/a/users/sip:alice@example.com/J%C3%BCrgen", "a", TREE_USERS, ALICE,
		"J\xC3\xBCrgen", NULL },
	{ "/xcap-root/a/users/sip:alice@example.com/J\xC3\xBCrgen", "a", TREE_USERS, ALICE,
		"J\xC3\xBCrgen", NULL },
	{ "/xcap-root/a/users/alice/my%20list", "a", TREE_USERS, ALICE, "my list", NULL },
	{ "/xcap-root/a/users/alice/%252e%252e", "a", TREE_USERS, ALICE, "%2e%2e", NULL },
	{ "/xcap-root/a/users/alice/...", "a", TREE_USERS, ALICE, "...", NULL },
	{ "/xcap-root/a/users/alice/~~~", "a", TREE_USERS, ALICE, "~~~", NULL },
	{ "/xcap-root/a/users/alice/x+y", "a", TREE_USERS, ALICE, "x+y", NULL },
	{ "/xcap-root/a/users/alice/index?what=ever", "a", TREE_USERS, ALICE, "index", NULL },
	{ "/xcap-root/a/users/alice/index?", "a", TREE_USERS, ALICE, "index", NULL },
	{ "/xcap-root/a/users/alice/x%3Fxmlns(p=q)", "a", TREE_USERS, ALICE, "x?xmlns(p=q)", NULL },
	/* node selectors */
	{ "/xcap-root/a/users/alice/index/~~/list", "a", TREE_USERS, ALICE, "index", "list" },
	{ "/xcap-root/a/users/alice/index/%7E%7E/list", "a", TREE_USERS, ALICE, "index", "list" },
	{ "/xcap-root/a/users/alice/index/%7e%7e/list", "a", TREE_USERS, ALICE, "index", "list" },
	{ "/xcap-root/a/users/alice/index/~%7E/list", "a", TREE_USERS, ALICE, "index", "list" },
	{ "/xcap-root/a/users/alice/index/%7e~/list", "a", TREE_USERS, ALICE, "index", "list" },
	{ "/xcap-root/a/users/alice/index//~~/list", "a", TREE_USERS, ALICE, "index", "list" },
	{ "/xcap-root/a/users/alice/index/~~/list/~~/x", "a", TREE_USERS, ALICE, "index",
		"list/~~/x" },
	{ "/xcap-root/a/users/alice/index/~~", "a", TREE_USERS, ALICE, "index", "" },
	{ "/xcap-root/a/users/alice/index/~~/", "a", TREE_USERS, ALICE, "index", "" },
	{ "/xcap-root/a/users/alice/index/~~/list/", "a", TREE_USERS, ALICE, "index", "list/" },
	{ "/xcap-root/a/users/alice/x/y/~~/l/entry[@uri=\"sip:b@d\"]", "a", TREE_USERS, ALICE,
		"x/y", "l/entry[@uri=\"sip:b@d\"]" },
	{ "/xcap-root/a/global/x/~~/l%5B@name=%22a%2Fb%22%5D", "a", TREE_GLOBAL, "", "x",
		"l%5B@name=%22a%2Fb%22%5D" },
};

static void a_target_names_a_document(void **state)
{
	struct arena *arena = *state;
	for (size_t i = 0; i < COUNT(documents); i++) {
		struct target target;
		if (parse(arena, documents[i].target, &target) != URI_OK)
			fail_msg("%s is refused", documents[i].target);
		assert_true(target.whole);
		check_span(target.id.auid, documents[i].auid);
		assert_int_equal(target.id.tree, documents[i].tree);
		check_span(target.id.xui, documents[i].xui);
		check_span(target.id.path, documents[i].path);
		assert_int_equal(target.has_node, documents[i].node != NULL);
		if (documents[i].node)
			check_span(target.node, documents[i].node);
		else
			assert_int_equal(target.bindings.count, 0);
	}
}

static const struct {
	const char *target, *auid, *xui;
} places[] = {
	{ "/xcap-root", "", "" },
	{ "/xcap-root/", "", "" },
	{ "/xcap-root?x", "", "" },
	{ "http://h/xcap-root", "", "" },
	{ "/xcap-root/resource-lists", "resource-lists", "" },
	{ "/xcap-root/resource-lists/users", "resource-lists", "" },
	{ "/xcap-root/resource-lists/global", "resource-lists", "" },
	{ "/xcap-root/resource-lists/users/alice", "resource-lists", ALICE },
};

static void a_target_above_the_documents_is_legal_but_not_whole(void **state)
{
	struct arena *arena = *state;
	for (size_t i = 0; i < COUNT(places); i++) {
		struct target target;
		assert_int_equal(parse(arena, places[i].target, &target), URI_OK);
		assert_false(target.whole);
		check_span(target.id.auid, places[i].auid);
		check_span(target.id.xui, places[i].xui);
		assert_int_equal(target.id.path.size, 0);
	}
}

static const struct {
	const char *target;
	enum uri_result result;
} refused[] = {
	{ "/", URI_OUTSIDE },
	{ "*", URI_OUTSIDE },
	{ "http://host", URI_OUTSIDE },
	{ "/xcap-rootx/a/users/alice/index", URI_OUTSIDE },
	{ "/xcap-roo", URI_OUTSIDE },
	{ "/XCAP-ROOT/a/users/alice/index", URI_OUTSIDE },
	{ "/x/xcap-root/a/users/alice/index", URI_OUTSIDE },
	{ "/xcap-root/a/home/alice/index", URI_OUTSIDE },
	{ "/xcap-root/a/Users/alice/index", URI_OUTSIDE },
	{ "/xcap-root/index", URI_OK },
	{ "", URI_MALFORMED },
	{ "xcap-root/a", URI_MALFORMED },
	{ "ftp://h/xcap-root/a", URI_MALFORMED },
	{ "/xcap-root//a/users/alice/index", URI_MALFORMED },
	{ "/xcap-root/a//users/alice/index", URI_MALFORMED },
	{ "/xcap-root/a/users//index", URI_MALFORMED },
	{ "/xcap-root/a/users/alice//index", URI_MALFORMED },
	{ "/xcap-root/a/users/alice/", URI_MALFORMED },
	{ "/xcap-root/a/users/alice/index//", URI_MALFORMED },
	{ "/xcap-root/a/users/alice/x//y", URI_MALFORMED },
	{ "/xcap-root/a/global/", URI_MALFORMED },
	{ "/xcap-root/a/", URI_MALFORMED },
	{ "/xcap-root/a/users/alice/..", URI_MALFORMED },
	{ "/xcap-root/a/users/alice/%2e%2E", URI_MALFORMED },
	{ "/xcap-root/a/users/alice/.", URI_MALFORMED },
	{ "/xcap-root/a/users/alice/x/../y", URI_MALFORMED },
	{ "/xcap-root/../xcap-root/a/users/alice/x", URI_MALFORMED },
	{ "/xcap-root/a/users/../index", URI_MALFORMED },
	{ "/xcap-root/a/users/alice/x%2Fy", URI_MALFORMED },
	{ "/xcap-root/a%2Fb/users/alice/x", URI_MALFORMED },
	{ "/xcap-root/a/users%2Falice/x", URI_MALFORMED },
	{ "/xcap-root/a/users/alice/x%00", URI_MALFORMED },
	{ "/xcap-root/a/users/ali%00ce/x", URI_MALFORMED },
	{ "/xcap-root/a/users/alice/x%0D%0Ay", URI_MALFORMED },
	{ "/xcap-root/a/users/alice/x%7F", URI_MALFORMED },
	{ "/xcap-root/a/users/alice/x\x01", URI_MALFORMED },
	{ "/xcap-root/a/users/alice/x%", URI_MALFORMED },
	{ "/xcap-root/a/users/alice/x%4", URI_MALFORMED },
	{ "/xcap-root/a/users/alice/x%GG", URI_MALFORMED },
	{ "/xcap-root/a/users/alice/x%FC", URI_MALFORMED },
	{ "/xcap-root/a/users/alice/x\xFC", URI_MALFORMED },
	{ "/xcap-root/a/users/alice/x%C0%AF", URI_MALFORMED },
	{ "/xcap-root/a/users/alice/x%ED%A0%80", URI_MALFORMED },
	{ "/xcap-root/a/users/al%20ice/x", URI_MALFORMED },
	{ "/xcap-root/a/users/sip:/x", URI_MALFORMED },
	{ "/xcap-root/a/users/alice/index#x", URI_MALFORMED },
	{ "/xcap-root/a/users/alice/index?#x", URI_MALFORMED },
	{ "/xcap-root/a/users/alice/~~/list", URI_MALFORMED },
	{ "/xcap-root/~~/list", URI_MALFORMED },
	{ "/xcap-root/a/users/alice/index/~~/x?xmlns", URI_MALFORMED },
	{ "/xcap-root/a/users/alice/index/~~/x?xmlns(a", URI_MALFORMED },
	{ "/xcap-root/a/users/alice/index/~~/x?xmlns(a=%)", URI_MALFORMED },
};

static void a_target_that_is_refused(void **state)
{
	struct arena *arena = *state;
	for (size_t i = 0; i < COUNT(refused); i++) {
		struct target target;
		if (parse(arena, refused[i].target, &target) != refused[i].result)
			fail_msg("%s is judged otherwise", refused[i].target);
	}
}

static void a_raw_nul_is_refused(void **state)
{
	struct arena *arena = *state;
	struct target target;
	const char *why;
	assert_int_equal(
		uri_parse(arena, &context, SPAN("/xcap-root/a/global/x\0y"), &target, &why),
		URI_MALFORMED);
	assert_non_null(why);
}

static void a_control_character_is_refused_wherever_it_stands(void **state)
{
	struct arena *arena = *state;
	struct target out;
	static const char sound[] = "/xcap-root/resource-lists/users/sip:alice@example.com/index";
	for (size_t at = 0; at + 1 < sizeof(sound); at++) {
		for (char c = 1; c < ' '; c++) {
			char target[sizeof(sound)];
			memcpy(target, sound, sizeof(sound));
			target[at] = c == 1 ? '\x7F' : c;
			assert_int_equal(parse(arena, target, &out), URI_MALFORMED);
		}
	}
}

static void the_root_may_be_the_whole_host(void **state)
{
	struct arena *arena = *state;
	static const char *const roots[] = { "/", "" };
	for (size_t i = 0; i < COUNT(roots); i++) {
		struct uri_context bare = { span_of(roots[i]), context.default_domain };
		struct target target;
		const char *why;
		assert_int_equal(
			uri_parse(arena, &bare, SPAN("/a/global/x"), &target, &why), URI_OK);
		check_span(target.id.path, "x");
		assert_int_equal(uri_parse(arena, &bare, SPAN("/"), &target, &why), URI_OK);
		assert_false(target.whole);
		assert_int_equal(uri_parse(arena, &bare, SPAN("http://h"), &target, &why), URI_OK);
		assert_int_equal(uri_parse(arena, &bare, SPAN("//a/global/x"), &target, &why),
			URI_MALFORMED);
	}
}

static const struct {
	const char *before, *after; /* the repeated letter stands between them */
	size_t longest;
} lengths[] = {
	{ "/xcap-root/", "/users/alice/x", URI_AUID_MAX },
	{ "/xcap-root/a/users/sip:", "@example.com/x", URI_XUI_MAX - 16 },
	{ "/xcap-root/a/users/", "/x", URI_XUI_MAX - 16 },
	{ "/xcap-root/a/users/alice/", "", URI_PATH_MAX },
	{ "/xcap-root/a/users/alice/x/", "/y", URI_PATH_MAX - 4 },
};

static void lengths_count_after_decoding(void **state)
{
	struct arena *arena = *state;
	for (size_t i = 0; i < COUNT(lengths); i++)
		for (size_t over = 0; over < 2; over++)
			for (int encoded = 0; encoded < 2; encoded++) {
				struct buffer text = { .arena = arena };
				struct target target;
				buffer_text(&text, lengths[i].before);
				for (size_t n = 0; n < lengths[i].longest + over; n++)
					buffer_text(&text, encoded ? "%61" : "a");
				buffer_text(&text, lengths[i].after);
				assert_int_equal(parse(arena, buffer_span(&text).data, &target),
					over ? URI_TOO_LONG : URI_OK);
			}
}

/* wanted NULL: no XUI. */
static const struct {
	const char *xui, *wanted, *domain;
} xuis[] = {
	{ "alice", ALICE, "example.com" },
	{ "alice@Example.COM", ALICE, "example.com" },
	{ "SIP:alice@EXAMPLE.com", ALICE, "example.com" },
	{ "sip:alice", ALICE, "example.com" },
	{ "Alice", "sip:Alice@example.com", "example.com" },
	{ "sips:alice@example.com", "sips:alice@example.com", "example.com" },
	{ "SIPS:Alice@b.Org", "sips:Alice@b.org", "b.org" },
	{ "im:alice@B.org", "im:alice@b.org", "b.org" },
	{ "PRES:alice@B.org", "pres:alice@b.org", "b.org" },
	{ "mailto:Alice@B.org", "mailto:Alice@b.org", "b.org" },
	{ "tel:+1-212-555", "tel:+1212555", "" },
	{ "TEL:+1(212)555.1234", "tel:+12125551234", "" },
	{ "tel:7042;phone-context=Example.com", "tel:7042;phone-context=example.com", "" },
	{ "tel:*31#", "tel:*31#", "" },
	{ "URN:uuid:AbC", "urn:uuid:AbC", "" },
	{ "+1212555", "sip:+1212555@example.com", "example.com" },
	{ "user:with:colon", "sip:user:with:colon@example.com", "example.com" },
	{ "http:alice@b.org", "sip:http:alice@b.org", "b.org" },
	{ "sip", "sip:sip@example.com", "example.com" },
	{ "sip:alice:secret@b.org", "sip:alice:secret@b.org", "b.org" },
	{ "sip:alice@[2001:DB8::1]:5060", "sip:alice@[2001:db8::1]:5060", "[2001:db8::1]" },
	{ "sip:alice@b.org:5070", "sip:alice@b.org:5070", "b.org" },
	{ "sip:alice@b.org;user=phone", "sip:alice@b.org;user=phone", "b.org" },
	{ "o'brien!", "sip:o'brien!@example.com", "example.com" },
	{ "J\xC3\xBCrgen", "sip:J\xC3\xBCrgen@example.com", "example.com" },
	{ "", NULL, NULL },
	{ "@", NULL, NULL },
	{ "sip:", NULL, NULL },
	{ "sip:@example.com", NULL, NULL },
	{ "alice@", NULL, NULL },
	{ "alice@a@b", NULL, NULL },
	{ "al ice", NULL, NULL },
	{ "al\tice", NULL, NULL },
	{ "al\177ice", NULL, NULL },
	{ "al\xFCice", NULL, NULL },
	{ "tel:", NULL, NULL },
	{ "tel:+", NULL, NULL },
	{ "tel:--", NULL, NULL },
	{ "tel:alice", NULL, NULL },
	{ "tel:12+34", NULL, NULL },
	{ "urn:", NULL, NULL },
};

static void one_user_has_one_xui(void **state)
{
	struct arena *arena = *state;
	for (size_t i = 0; i < COUNT(xuis); i++) {
		struct span found, again;
		bool is_one =
			xui_canonical(arena, span_of(xuis[i].xui), context.default_domain, &found);
		if (is_one != (xuis[i].wanted != NULL))
			fail_msg("<%s> is judged otherwise", xuis[i].xui);
		if (!is_one)
			continue;
		check_span(found, xuis[i].wanted);
		check_span(xui_domain(found), xuis[i].domain);
		assert_true(xui_canonical(arena, found, context.default_domain, &again));
		assert_true(span_equal(again, found));
	}
}

static void the_default_domain_is_lower_cased(void **state)
{
	struct arena *arena = *state;
	struct span found;
	assert_true(xui_canonical(arena, SPAN("alice"), SPAN("Example.COM"), &found));
	check_span(found, ALICE);
	assert_false(xui_canonical(arena, SPAN("alice"), SPAN(""), &found));
}

/* wanted: "prefix uri" lines; NULL: malformed. */
static const struct {
	const char *query, *wanted;
} queries[] = {
	{ "", "" },
	{ "xmlns(a=urn:x)", "a urn:x\n" },
	{ "xmlns(a=urn:x)xmlns(b=urn:y)", "a urn:x\nb urn:y\n" },
	{ "xmlns(a=urn:x)%20%0A%20xmlns(b=urn:y)", "a urn:x\nb urn:y\n" },
	{ "xmlns%28a%3Durn%3Ax%29", "a urn:x\n" },
	{ "xmlns(a%20=%20urn:x)", "a urn:x\n" },
	{ "xmlns(a=\"urn:x\")", "a urn:x\n" },
	{ "xmlns(a=%22urn:x%22)", "a urn:x\n" },
	{ "xmlns(a='urn:x')", "a urn:x\n" },
	{ "xmlns(a=http://x/?y=z&w)", "a http://x/?y=z&w\n" },
	{ "xmlns(a=urn:x(y)z)", "a urn:x(y)z\n" },
	{ "xmlns(a=urn:x^(y)", "a urn:x(y\n" },
	{ "xmlns(a=urn:x^)y^^z)", "a urn:x)y^z\n" },
	{ "xmlns(a=urn:x%5E%5Ey)", "a urn:x^y\n" },
	{ "xmlns(a=urn:J%C3%BC)", "a urn:J\xC3\xBC\n" },
	{ "xmlns(a=urn:x)xmlns(b=urn:y)xmlns(a=urn:z)", "a urn:z\nb urn:y\n" },
	{ "element(/1/2)xmlns(a=urn:x)other:scheme(^)x)", "a urn:x\n" },
	{ "xpointer(id(\"a\"))xmlns(a=urn:x)", "a urn:x\n" },
	{ "xmlns(xml=urn:x)xmlns(a=urn:x)", "a urn:x\n" },
	{ "xmlns(\xC3\xA4-1.x_=urn:x)", "\xC3\xA4-1.x_ urn:x\n" },
	{ "xmlns", NULL },
	{ "xmlns()", NULL },
	{ "xmlns(a)", NULL },
	{ "xmlns(a=)", NULL },
	{ "xmlns(=urn:x)", NULL },
	{ "xmlns(1=urn:x)", NULL },
	{ "xmlns(a:b=urn:x)", NULL },
	{ "xmlns(a=urn:x", NULL },
	{ "xmlns(a=urn:x))", NULL },
	{ "xmlns(a=urn:x^y)", NULL },
	{ "xmlns(a=urn:x^", NULL },
	{ "(a=urn:x)", NULL },
	{ "xmlns (a=urn:x)", NULL },
	{ "xmlns(a=urn:x)&b", NULL },
	{ "xmlns(a=urn:%x)", NULL },
	{ "xmlns(a=urn:%FC)", NULL },
	{ "xmlns(a=urn:%00)", NULL },
};

static struct span bindings_text(struct arena *arena, const struct bindings *bindings)
{
	struct buffer text = { .arena = arena };
	for (size_t i = 0; i < bindings->count; i++)
		buffer_format(&text, "%.*s %.*s\n", SPAN_ARG(bindings->items[i].prefix),
			SPAN_ARG(bindings->items[i].uri));
	return buffer_span(&text);
}

static void the_query_binds_prefixes(void **state)
{
	struct arena *arena = *state;
	for (size_t i = 0; i < COUNT(queries); i++) {
		struct bindings bindings;
		bool read = uri_bindings(arena, span_of(queries[i].query), &bindings);
		if (read != (queries[i].wanted != NULL))
			fail_msg("<%s> is judged otherwise", queries[i].query);
		if (read)
			check_span(bindings_text(arena, &bindings), queries[i].wanted);
	}
}

#define DOCUMENT "/xcap-root/a/users/alice/index/~~/"

static const struct {
	const char *target, *node, *bindings;
} bound[] = {
	{ DOCUMENT "a:x?xmlns(a=urn:x)", "a:x", "a urn:x\n" },
	{ DOCUMENT "a:x?", "a:x", "" },
	{ DOCUMENT "a:x?xmlns(a=urn:?x)", "a:x", "a urn:?x\n" },
	{ DOCUMENT "a:x%3Fxmlns(a=%22urn:x%22)", "a:x", "a urn:x\n" },
	{ DOCUMENT "a:x%3fxmlns(a=\"urn:x/y\")xmlns(b=urn:z)", "a:x", "a urn:x/y\nb urn:z\n" },
	{ DOCUMENT "a:x%3Fxmlns%28a=%22urn:x%22%29", "a:x", "a urn:x\n" },
	{ DOCUMENT "x[@n=%22%3Fxmlns(p=q)%22]", "x[@n=%22%3Fxmlns(p=q)%22]", "" },
	{ DOCUMENT "x[@n='a\"%3Fxmlns(p=q)']", "x[@n='a\"%3Fxmlns(p=q)']", "" },
	{ DOCUMENT "x[@n=%27%3Fxmlns(p=q)%27]%3Fxmlns(p=q)", "x[@n=%27%3Fxmlns(p=q)%27]", "p q\n" },
	{ DOCUMENT "x[@n=\"O'Brien\"]%3Fxmlns(p=q)", "x[@n=\"O'Brien\"]", "p q\n" },
	{ DOCUMENT "x%3Fxml", "x%3Fxml", "" },
	{ DOCUMENT "x%3Fxmlns(p=q)?xmlns(r=s)", "x%3Fxmlns(p=q)", "r s\n" },
};

static void the_query_is_found_where_clients_put_it(void **state)
{
	struct arena *arena = *state;
	for (size_t i = 0; i < COUNT(bound); i++) {
		struct target target;
		assert_int_equal(parse(arena, bound[i].target, &target), URI_OK);
		check_span(target.node, bound[i].node);
		check_span(bindings_text(arena, &target.bindings), bound[i].bindings);
	}
}

static const struct {
	struct doc_id id;
	const char *text;
} named[] = {
	{ { { "a", 1 }, TREE_GLOBAL, { "", 0 }, { "index", 5 } }, "a/global/index" },
	{ { { "a", 1 }, TREE_USERS, { ALICE, 21 }, { "x/y", 3 } },
		"a/users/sip:alice@example.com/x/y" },
	{ { { "a", 1 }, TREE_USERS, { "sip:+1;x=y@example.com", 22 }, { "a b", 3 } },
		"a/users/sip:+1;x=y@example.com/a%20b" },
	{ { { "a", 1 }, TREE_USERS, { "sip:a/b?c@example.com", 21 }, { "%", 1 } },
		"a/users/sip:a%2Fb%3Fc@example.com/%25" },
	{ { { "a", 1 }, TREE_USERS, { "tel:*1#", 7 }, { "\xC3\xBC[]\"", 5 } },
		"a/users/tel:*1%23/%C3%BC%5B%5D%22" },
};

static void a_document_has_a_text_that_reads_back(void **state)
{
	struct arena *arena = *state;
	for (size_t i = 0; i < COUNT(named); i++) {
		struct doc_id back;
		struct span text = doc_id_text(arena, &named[i].id);
		check_span(text, named[i].text);
		assert_true(doc_id_parse(arena, text, context.default_domain, &back));
		assert_true(doc_id_equal(&back, &named[i].id));
	}
}

static void a_document_s_text_may_be_typed_raw(void **state)
{
	struct arena *arena = *state;
	struct doc_id id;
	assert_true(
		doc_id_parse(arena, SPAN("a/users/alice/my list"), context.default_domain, &id));
	check_span(id.xui, ALICE);
	check_span(id.path, "my list");
	assert_true(doc_id_parse(arena, SPAN("a/users/a?b/x"), context.default_domain, &id));
	check_span(id.xui, "sip:a?b@example.com");
}

static void what_names_no_document_is_refused(void **state)
{
	struct arena *arena = *state;
	static const char *const bad[] = {
		"",
		"a",
		"a/users",
		"a/users/alice",
		"a/global",
		"/a/global/x",
		"a/global/",
		"a/global/x//",
		"a/global/..",
		"a/global/x/~~/y",
		"a/global/%7e~/y",
		"a/other/x",
		"a/global/%",
	};
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct doc_id id;
		if (doc_id_parse(arena, span_of(bad[i]), context.default_domain, &id))
			fail_msg("<%s> was read", bad[i]);
	}
}

static void equal_documents_are_equal_in_all_parts(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(named); i++)
		for (size_t j = 0; j < COUNT(named); j++)
			assert_int_equal(doc_id_equal(&named[i].id, &named[j].id), i == j);
}

static void without_memory_a_target_is_not_malformed(void **state)
{
	(void)state;
	static const char target[] = "/xcap-root/%61/users/%61lice/%69ndex/~~/x?xmlns(a=urn%3Ax)";
	enum uri_result result = URI_NO_MEMORY;
	for (size_t nth = 1; result != URI_OK; nth++) {
		struct arena *arena = arena_new(1);
		struct target out;
		arena_fail_at(nth);
		result = parse(arena, target, &out);
		if (result == URI_OK) {
			struct span text = doc_id_text(arena, &out.id);
			assert_true(!text.data || text.size > 0);
		} else {
			assert_int_equal(result, URI_NO_MEMORY);
		}
		arena_fail_at(0);
		arena_free(&arena);
		assert_true(nth < 100);
	}
}

static int set_up(void **state)
{
	*state = arena_new(4096);
	return *state ? 0 : -1;
}

static int tear_down(void **state)
{
	struct arena *arena = *state;
	arena_free(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_target_names_a_document),
		cmocka_unit_test(a_target_above_the_documents_is_legal_but_not_whole),
		cmocka_unit_test(a_target_that_is_refused),
		cmocka_unit_test(a_raw_nul_is_refused),
		cmocka_unit_test(a_control_character_is_refused_wherever_it_stands),
		cmocka_unit_test(the_root_may_be_the_whole_host),
		cmocka_unit_test(lengths_count_after_decoding),
		cmocka_unit_test(one_user_has_one_xui),
		cmocka_unit_test(the_default_domain_is_lower_cased),
		cmocka_unit_test(the_query_binds_prefixes),
		cmocka_unit_test(the_query_is_found_where_clients_put_it),
		cmocka_unit_test(a_document_has_a_text_that_reads_back),
		cmocka_unit_test(a_document_s_text_may_be_typed_raw),
		cmocka_unit_test(what_names_no_document_is_refused),
		cmocka_unit_test(equal_documents_are_equal_in_all_parts),
		cmocka_unit_test(without_memory_a_target_is_not_malformed),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
