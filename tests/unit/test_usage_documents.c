/* links: usages xcap base */
/* SPDX-License-Identifier: BSD-2-Clause */
/* The documents that RFC 4826, RFC 5025 and RFC 4745 print, whole and broken. */
#include "unit/usage_world.h"

#include <stdio.h>

static struct usages *set;

static const struct {
	const char *auid, *document;
} printed[] = {
	{ "resource-lists", "resource-lists/rfc4826-3.3.xml" },
	{ "rls-services", "rls-services/rfc4826-4.3.xml" },
	{ "rls-services", "rls-services/rfc4826-4.4.8-global.xml" },
	{ "pres-rules", "pres-rules/rfc5025-6.xml" },
	{ "pres-rules", "pres-rules/rfc4745-7.1.2.xml" },
	{ "pres-rules", "pres-rules/rfc4745-7.1.3.1.xml" },
	{ "pres-rules", "pres-rules/rfc4745-7.1.3.2.xml" },
	{ "pres-rules", "pres-rules/rfc4745-7.1.3.3.xml" },
	{ "pres-rules", "pres-rules/rfc4745-7.3.xml" },
	{ "pres-rules", "pres-rules/rfc4745-7.4.xml" },
	{ "pres-rules", "pres-rules/rfc4745-12.xml" },
	{ "org.openmobilealliance.pres-rules", "pres-rules/rfc4745-12.xml" },
	{ "org.openmobilealliance.pres-rules", "pres-rules/rfc5025-6.xml" },
	{ "org.openxcap.dialog-rules", "pres-rules/rfc4745-12.xml" },
	{ "org.openmobilealliance.group-usage-list", "resource-lists/rfc4826-3.3.xml" },
	{ "pidf-manipulation", "pidf-manipulation/rfc3863-4.2.2.xml" },
	{ "pidf-manipulation", "pidf-manipulation/rfc3863-4.2.4.xml" },
	{ "pidf-manipulation", "pidf-manipulation/rfc3863-4.3.1.xml" },
	{ "pidf-manipulation", "pidf-manipulation/rfc3863-4.3.2.xml" },
	{ "pidf-manipulation", "pidf-manipulation/rfc3863-4.3.3.xml" },
	{ "pidf-manipulation", "pidf-manipulation/rfc4480-4.xml" },
	{ "pidf-manipulation", "pidf-manipulation/rfc4481-4.xml" },
	{ "pidf-manipulation", "pidf-manipulation/rfc4482-4.xml" },
	{ "pidf-manipulation", "pidf-manipulation/rfc4827-11.xml" },
	{ "pidf-manipulation", "pidf-manipulation/rfc5196-5.xml" },
	{ "geolocation-policy", "geolocation-policy/rfc6772-7.1.xml" },
	{ "geolocation-policy", "geolocation-policy/rfc6772-7.2.xml" },
	{ "geolocation-policy", "geolocation-policy/rfc6772-7.3.xml" },
	{ "geolocation-policy", "geolocation-policy/rfc6772-7.4.xml" },
};

static void every_printed_document_is_accepted(void **state)
{
	struct arena *arena = arena_new(0);
	(void)state;
	for (size_t i = 0; i < COUNT(printed); i++) {
		arena_reset(arena);
		struct span body = document(arena, printed[i].document);
		check_accepted(judge(set, arena, printed[i].auid, body), printed[i].document);
	}
	arena_free(&arena);
}

/* A change of a document, and the element that is told; its line is where the change is made, plus
 * `below` lines. */
struct breakage {
	const char *wanted, *instead;
	enum conflict_kind kind;
	const char *element;
	long below;
};

#define SCHEMA CONFLICT_SCHEMA_VALIDATION_ERROR
#define UNIQUE CONFLICT_UNIQUENESS_FAILURE
#define CONSTRAINT CONFLICT_CONSTRAINT_FAILURE

static size_t line_of(struct span text, const char *part)
{
	size_t line = 1, end, at;
	assert_true(span_search(text, span_of(part), &end));
	text = span_first(text, end);
	for (; span_find(text, '\n', &at); line++)
		text = span_from(text, at + 1);
	return line;
}

static void check_breakage(const char *auid, const char *name, const struct breakage *breakage)
{
	struct arena *arena = arena_new(0);
	char label[300], start[100];
	struct span body = document(arena, name);
	snprintf(label, sizeof(label), "%s with %s", name, breakage->instead);
	snprintf(start, sizeof(start), "line %ld, element %s",
		(long)line_of(body, breakage->wanted) + breakage->below, breakage->element);
	body = with(arena, body, breakage->wanted, breakage->instead);
	check_refused(judge(set, arena, auid, body), label, breakage->kind, start);
	arena_free(&arena);
}

/* Fit every rule set of RFC 4745. */
static const struct breakage broken_rule_sets[] = {
	{ "<rule id=", "<rule Id=", SCHEMA, "rule", 0 },
	{ "<rule id=\"", "<rule id=\"1", SCHEMA, "rule", 0 },
	{ "<rule id=", "<rule name='a' id=", SCHEMA, "rule", 0 },
	{ "</ruleset>", "<rule/></ruleset>", SCHEMA, "rule", 0 },
	{ "</ruleset>", "<rule id='twice'/><rule id='twice'/></ruleset>", SCHEMA, "rule", 0 },
	{ "</ruleset>", "<x xmlns='urn:x'/></ruleset>", SCHEMA, "x", 0 },
	{ "<conditions>", "<conditions>text", SCHEMA, "conditions", 0 },
	{ "<conditions>", "<conditions><bogus/>", SCHEMA, "bogus", 0 },
	{ "<conditions>", "<conditions><identity/>", SCHEMA, "identity", 0 },
	{ "<conditions>", "<conditions><identity><one/></identity>", SCHEMA, "one", 0 },
	{ "<conditions>", "<conditions><identity><many><one id='a'/></many></identity>", SCHEMA,
		"one", 0 },
	{ "<conditions>", "<conditions><sphere/>", SCHEMA, "sphere", 0 },
	{ "<conditions>", "<conditions><sphere value='a'>b</sphere>", SCHEMA, "sphere", 0 },
	{ "<conditions>", "<conditions><validity><from>2003-12-24T17:00:00Z</from></validity>",
		SCHEMA, "validity", 0 },
	{ "<conditions>", "<conditions><validity><from>noon</from></validity>", SCHEMA, "from", 0 },
	{ "<conditions>", "<conditions/><conditions>", SCHEMA, "conditions", 0 },
	{ "<actions/>", "<actions>text</actions>", SCHEMA, "actions", 0 },
	{ "<actions/>", "<actions/><actions/>", SCHEMA, "actions", 0 },
	{ "<actions/>", "<actions a='b'/>", SCHEMA, "actions", 0 },
	{ "<actions/>", "<actions><p:bogus xmlns:p='urn:ietf:params:xml:ns:pres-rules'/></actions>",
		SCHEMA, "bogus", 0 },
	{ "<actions/>",
		"<actions><p:sub-handling xmlns:p='urn:ietf:params:xml:ns:pres-rules'>maybe"
		"</p:sub-handling></actions>",
		SCHEMA, "sub-handling", 0 },
	{ "<transformations/>", "<transformations/><actions/>", SCHEMA, "actions", 0 },
};

static void broken_rule_sets_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(printed); i++)
		for (size_t j = 0; j < COUNT(broken_rule_sets); j++)
			if (strstr(printed[i].document, "rfc4745")
				&& !strcmp(printed[i].auid, "pres-rules"))
				check_breakage(
					printed[i].auid, printed[i].document, &broken_rule_sets[j]);
}

static const struct breakage broken_pres_rules[] = {
	{ "<cr:rule id=\"a\"", "<cr:rule", SCHEMA, "rule", 0 },
	{ "<cr:one id=", "<cr:one uri=", SCHEMA, "one", 0 },
	{ ">allow<", ">perhaps<", SCHEMA, "sub-handling", 0 },
	{ "pr:sub-handling>allow</pr:sub-handling", "pr:subhandling>allow</pr:subhandling", SCHEMA,
		"subhandling", 0 },
	{ "<pr:sub-handling>", "<pr:sub-handling a='b'>", SCHEMA, "sub-handling", 0 },
	{ "<pr:service-uri-scheme>sip", "<pr:all-services/><pr:service-uri-scheme>sip", SCHEMA,
		"service-uri-scheme", 0 },
	{ "<pr:service-uri-scheme>sip", "<pr:deviceID>a</pr:deviceID><pr:service-uri-scheme>sip",
		SCHEMA, "deviceID", 0 },
	{ "<pr:all-persons/>", "<pr:all-persons>text</pr:all-persons>", SCHEMA, "all-persons", 0 },
	{ "<pr:all-persons/>", "<pr:all-persons/><pr:class>a</pr:class>", SCHEMA, "class", 0 },
	{ "activities>true<", "activities>yes<", SCHEMA, "provide-activities", 0 },
	{ ">bare<", "> bare <", SCHEMA, "provide-user-input", 0 },
	{ "ns=\"urn:vendor-specific:foo-namespace\"", "", SCHEMA, "provide-unknown-attribute", 1 },
	{ ">true</pr:provide-unknown-attribute", ">TRUE</pr:provide-unknown-attribute", SCHEMA,
		"provide-unknown-attribute", 0 },
	{ "<cr:actions>", "<cr:actions><cr:sphere value='a'/>", SCHEMA, "sphere", 0 },
	{ "<cr:actions>", "<cr:actions cr:id='a'>", SCHEMA, "actions", 0 },
	{ "<pr:provide-persons>", "<pr:provide-persons pr:bogus='1'>", SCHEMA, "provide-persons",
		0 },
};

static void broken_presence_rules_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(broken_pres_rules); i++)
		check_breakage("pres-rules", "pres-rules/rfc5025-6.xml", &broken_pres_rules[i]);
}

static const struct breakage broken_lists[] = {
	{ "</resource-lists>", "<entry uri='sip:a@b'/></resource-lists>", SCHEMA, "entry", 0 },
	{ "</resource-lists>", "<x xmlns='urn:x'/></resource-lists>", SCHEMA, "x", 0 },
	{ "<list name=\"friends\"", "<list id='a' name=\"friends\"", SCHEMA, "list", 0 },
	{ "<list name=\"friends\">", "<list name=\"friends\">text", SCHEMA, "list", 0 },
	{ "<list name=\"friends\">", "<list name=\"friends\"><entry uri='a'/><display-name/>",
		SCHEMA, "display-name", 0 },
	{ "<list name=\"friends\">", "<list name=\"friends\"><x xmlns='urn:x'/>", SCHEMA, "entry",
		1 },
	{ "<entry uri=\"sip:bill", "<entry name=\"sip:bill", SCHEMA, "entry", 0 },
	{ "<entry uri=\"sip:bill", "<entry uri=\"%zz", SCHEMA, "entry, attribute uri", 0 },
	{ "Bill Doe</display-name>", "Bill Doe</display-name><display-name/>", SCHEMA,
		"display-name", 0 },
	{ "<display-name>Bill", "<display-name xml:lang='in English, please'>Bill", SCHEMA,
		"display-name, attribute lang", 0 },
	{ "<display-name>Bill", "<display-name><b/>Bill", SCHEMA, "display-name", 0 },
	{ "<entry-ref ref=", "<entry-ref uri=", SCHEMA, "entry-ref", 0 },
	{ "<external anchor=", "<external uri=", SCHEMA, "external", 0 },
	{ "<external anchor=\"http://xcap.example.org", "<external anchor=\"sip:", CONSTRAINT,
		"external, attribute anchor: must be an absolute http URI", 0 },
	{ "<list name=\"close-friends\">", "<external/><list name=\"close-friends\">", CONSTRAINT,
		"external, attribute anchor: must be there", 0 },
	{ "<entry-ref ref=\"", "<entry-ref ref=\"http://xcap.example.com/", CONSTRAINT,
		"entry-ref, attribute ref: must be a relative path", 0 },
	{ "<entry-ref ref=\"", "<entry-ref ref=\"/", CONSTRAINT, "entry-ref, attribute ref", 0 },
	{ "<list name=\"close-friends\">", "<entry uri=\"sip:bill@example.com\"/><list>", UNIQUE,
		"entry, attribute uri", 0 },
	{ "<entry uri=\"sip:nancy", "<entry uri=\"sip:joe", UNIQUE, "entry, attribute uri", 0 },
	{ "</resource-lists>", "<list name='friends'/></resource-lists>", UNIQUE,
		"list, attribute name", 0 },
};

static void broken_lists_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(broken_lists); i++)
		check_breakage(
			"resource-lists", "resource-lists/rfc4826-3.3.xml", &broken_lists[i]);
}

static const struct breakage broken_services[] = {
	{ "</rls-services>", "<service/></rls-services>", SCHEMA, "service", 0 },
	{ "<service uri=\"sip:mybuddies@example.com\">", "<service>", SCHEMA, "service", 0 },
	{ "<service uri=\"sip:mybuddies", "<service name='a' uri=\"sip:mybuddies", SCHEMA,
		"service", 0 },
	{ "<resource-list>", "<packages/><resource-list>", SCHEMA, "packages", 0 },
	{ "<resource-list>", "<list/><resource-list>", SCHEMA, "resource-list", 0 },
	{ "<resource-list>", "<resource-list a='b'>", SCHEMA, "resource-list", 0 },
	{ "<package>presence</package>", "<package>presence<b/></package>", SCHEMA, "package", 0 },
	{ "<package>presence</package>", "<x xmlns='urn:x'/>", SCHEMA, "x", 0 },
	{ "<package>presence</package>", "<packages/>", SCHEMA, "packages", 0 },
	{ "<rl:entry uri=\"sip:joe", "<rl:entry url=\"sip:joe", SCHEMA, "entry", 0 },
	{ "<rl:entry uri=\"sip:joe", "<entry uri=\"sip:joe", SCHEMA, "entry", 1 },
	{ "sip:sudhir@example.com", "sip:joe@example.com", UNIQUE, "entry, attribute uri", 0 },
	{ "sip:marketing@example.com", "sip:mybuddies@example.com", UNIQUE,
		"service, attribute uri", 0 },
	{ "sip:marketing@example.com", "SIP:my%62uddies@EXAMPLE.com", UNIQUE,
		"service, attribute uri", 0 },
	{ "<rl:entry uri=\"sip:joe@example.com\"/>", "<rl:external anchor='index'/>", CONSTRAINT,
		"external, attribute anchor", 0 },
	{ "sip:joe@example.com/index", "sip:bob@example.com/index", CONSTRAINT,
		"resource-list: must lie in the home of the document's owner", 0 },
	{ "/resource-lists/users", "/pres-rules/users", CONSTRAINT,
		"resource-list: must name another usage", 0 },
	{ "/resource-lists/users/sip:joe@example.com", "/resource-lists/global", CONSTRAINT,
		"resource-list: must lie in the users tree", 0 },
	{ "http://xcap.example.com/resource-lists", "resource-lists", CONSTRAINT,
		"resource-list: must be an absolute http URI", 0 },
};

static void broken_services_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(broken_services); i++) {
		check_breakage("rls-services", "rls-services/rfc4826-4.3.xml", &broken_services[i]);
		check_breakage("rls-services", "rls-services/rfc4826-4.4.8-global.xml",
			&broken_services[i]);
	}
}

static const struct breakage broken_presence[] = {
	{ " entity=\"", " entity-of=\"", SCHEMA, "presence, attribute entity-of", 0 },
	{ "<tuple id=\"bs35r9\"", "<tuple", SCHEMA, "tuple", 0 },
	{ "<tuple id=\"ty4658\"", "<tuple id=\"bs35r9\"", SCHEMA, "tuple, attribute id", 0 },
	{ "<basic>open</basic>", "<basic>ajar</basic>", SCHEMA, "basic", 0 },
	{ "<basic>open</basic>", "<basic>open</basic><basic>open</basic>", SCHEMA, "basic", 0 },
	{ "priority=\"0.8\"", "priority=\"1.5\"", SCHEMA, "contact, attribute priority", 0 },
	{ "<note xml:lang=\"en\">", "<note lang=\"en\">", SCHEMA, "note", 0 },
	{ "<timestamp>2005-10-27T", "<timestamp>yesterday, 2005-10-27T", SCHEMA, "timestamp", 0 },
	{ "<note>I'll be", "<bogus/><note>I'll be", SCHEMA, "bogus", 0 },
	{ "<rpid:self/>", "<rpid:self/><rpid:friend/>", SCHEMA, "friend", 0 },
	{ "<rpid:self/>", "<x xmlns='urn:x'/><rpid:self/>", SCHEMA, "self", 0 },
	{ "<rpid:electronic/>", "<rpid:electric/>", SCHEMA, "electric", 0 },
	{ "idle-threshold=\"600\"", "idle-threshold=\"0\"", SCHEMA,
		"user-input, attribute idle-threshold", 1 },
	{ ">idle<", ">asleep<", SCHEMA, "user-input", 0 },
	{ "<dm:device id=\"pc147\">", "<dm:device>", SCHEMA, "device", 0 },
	{ "<dm:note>PC</dm:note>", "<dm:deviceID>b</dm:deviceID>", SCHEMA, "deviceID", 0 },
	{ "<rpid:away/>", "<rpid:away>far</rpid:away>", SCHEMA, "away", 0 },
	{ "<rpid:away/>", "<rpid:unknown/><rpid:away/>", SCHEMA, "away", 0 },
	{ "<rpid:away/>", "<rpid:jogging/>", SCHEMA, "jogging", 0 },
	{ "<rpid:mood>", "<rpid:mood from='dawn'>", SCHEMA, "mood, attribute from", 0 },
	{ "<rpid:noisy/>", "<rpid:noisy/><rpid:ok/>", SCHEMA, "ok", 0 },
	{ "<lt:residence/>", "", SCHEMA, "place-type", 0 },
	{ "<rpid:unknown/></rpid:privacy>", "<rpid:audio/><rpid:unknown/></rpid:privacy>", SCHEMA,
		"unknown", 0 },
	{ "<rpid:time-offset>-240", "<rpid:time-offset>four hours", SCHEMA, "time-offset", 0 },
	{ "<rpid:class>calendar", "<rpid:klass/><rpid:class>calendar", SCHEMA, "klass", 0 },
	{ "<dm:note>Scoring", "<dm:memo/><dm:note>Scoring", SCHEMA, "memo", 0 },
};

static const struct breakage broken_hard_state[] = {
	{ "entity=\"sip:someone@example.com\"", "", SCHEMA, "presence", 0 },
	{ "<tuple id=\"x8eg92n\"", "<tuple id=\"x8eg92m\"", SCHEMA, "tuple, attribute id", 0 },
	{ "<tuple id=\"x8eg92m\"", "<tuple id=\"8\"", SCHEMA, "tuple, attribute id", 0 },
	{ "<basic>closed</basic>", "<basic/>", SCHEMA, "basic", 0 },
	{ "<rp:user-input>idle<", "<rp:user-input>away<", SCHEMA, "user-input", 0 },
	{ "<rp:class>", "<contact>a</contact><rp:class>", SCHEMA, "class", 0 },
	{ "priority=\"0.5\"", "priority=\"high\"", SCHEMA, "contact, attribute priority", 0 },
	{ "<timestamp>", "<timestamp/><timestamp>", SCHEMA, "timestamp", 0 },
	{ "<dm:person id=\"p1\"", "<dm:person", SCHEMA, "person", 0 },
	{ "<dm:person", "<dm:human id='h'/><dm:person", SCHEMA, "human", 0 },
	{ "<rp:vacation/>", "<rp:vacation until='2007'/>", SCHEMA, "vacation", 0 },
	{ "<ci:homepage>", "<ci:weblog/><ci:homepage>", SCHEMA, "weblog", 0 },
	{ "</dm:person>", "</dm:person><tuple id='late'><status/></tuple>", SCHEMA, "tuple", 0 },
};

static const struct breakage broken_locations[] = {
	{ "<gp:set-retransmission-allowed>false", "<gp:set-retransmission-allowed>never", SCHEMA,
		"set-retransmission-allowed", 0 },
	{ "<gp:set-retention-expiry>86400", "<gp:set-retention-expiry>1d", SCHEMA,
		"set-retention-expiry", 0 },
	{ "<gp:set-note-well xml:lang=\"en\">", "<gp:set-note-well lang='en'>", SCHEMA,
		"set-note-well", 0 },
	{ "My privacy", "<b/>My privacy", SCHEMA, "set-note-well", 0 },
	{ "<gp:keep-rule-reference>false", "<gp:keep-rule-reference>2", SCHEMA,
		"keep-rule-reference", 0 },
	{ "<lp:provide-civic>building", "<lp:provide-civic>floor", SCHEMA, "provide-civic", 0 },
	{ "<lp:provide-geo radius=\"500\"/>", "<lp:provide-geo radius=\"500m\"/>", SCHEMA,
		"provide-geo, attribute radius", 0 },
	{ "<lp:provide-geo", "<lp:provide-map/><lp:provide-geo", SCHEMA, "provide-map", 0 },
	{ "<gp:set-retention-expiry>", "<gp:bogus/><gp:set-retention-expiry>", SCHEMA, "bogus", 0 },
	{ "<conditions/>", "<conditions><gp:location/></conditions>", SCHEMA, "location", 0 },
	{ "<conditions/>", "<conditions><gp:location-condition a='b'/></conditions>", SCHEMA,
		"location-condition", 0 },
};

#define CHECK_ALL(auid, name, breakages)              \
	for (size_t i = 0; i < COUNT(breakages); i++) \
	check_breakage(auid, name, &breakages[i])

static void broken_presence_is_refused(void **state)
{
	(void)state;
	CHECK_ALL("pidf-manipulation", "pidf-manipulation/rfc4480-4.xml", broken_presence);
	CHECK_ALL("pidf-manipulation", "pidf-manipulation/rfc4827-11.xml", broken_hard_state);
	CHECK_ALL("geolocation-policy", "geolocation-policy/rfc6772-7.4.xml", broken_locations);
}

/* RFC 4479 §7 forgets what RFC 3863 asks for. */
static void presence_without_its_entity_is_refused(void **state)
{
	struct arena *arena = arena_new(0);
	(void)state;
	struct span body = document(arena, "pidf-manipulation/rfc4479-7.xml");
	check_refused(judge(set, arena, "pidf-manipulation", body), "as printed", SCHEMA,
		"line 6, element presence");
	body = with(arena, body, "<presence ", "<presence entity='sip:a@b' ");
	check_accepted(judge(set, arena, "pidf-manipulation", body), "mended");
	arena_free(&arena);
}

/* Some usages have one root in common. */
static int root_of(struct span auid)
{
	static const char *const alike[][4] = {
		{ "pres-rules", "org.openmobilealliance.pres-rules", "org.openxcap.dialog-rules",
			"geolocation-policy" },
		{ "resource-lists", "org.openmobilealliance.group-usage-list" },
		{ "rls-services" },
		{ "pidf-manipulation" },
	};
	for (size_t i = 0; i < COUNT(alike); i++)
		for (size_t j = 0; j < 4 && alike[i][j]; j++)
			if (span_equal_text(auid, alike[i][j]))
				return (int)i;
	return -1;
}

static void a_root_of_another_name_or_namespace_is_refused(void **state)
{
	struct arena *arena = arena_new(0);
	(void)state;
	for (size_t i = 0; i < COUNT(printed); i++) {
		for (size_t j = 0; j < usages_count(set); j++) {
			struct span auid = usage_auid(usages_at(set, j)), other;
			struct span body = document(arena, printed[i].document);
			other = span_of(printed[i].auid);
			if (root_of(auid) != root_of(other))
				check_refused(judge(set, arena, auid.data, body),
					printed[i].document, SCHEMA, "line ");
		}
		arena_reset(arena);
	}
	check_refused(judge(set, arena, "rls-services", SPAN("<rls-services/>")),
		"RFC 4826 §4.4.8 without its namespace", SCHEMA, "line 1, element rls-services: ");
	arena_free(&arena);
}

/* --- what clients really store --- */

#define LISTS(inside)                                                                         \
	"<?xml version='1.0' encoding='UTF-8'?>\n"                                            \
	"<resource-lists xmlns='urn:ietf:params:xml:ns:resource-lists'"                       \
	" xmlns:cp='counterpath:properties' xmlns:ab='urn:ag-projects:xml:ns:addressbook'>\n" \
	"<list name='l'>" inside "</list></resource-lists>"
#define RULES(inside)                                                                        \
	"<ruleset xmlns='urn:ietf:params:xml:ns:common-policy'"                              \
	" xmlns:pr='urn:ietf:params:xml:ns:pres-rules' xmlns:o='urn:oma:xml:prs:pres-rules'" \
	" xmlns:oc='urn:oma:xml:xdm:common-policy'><rule id='r'>" inside "</rule></ruleset>"

static const struct {
	const char *auid, *body;
} extended[] = {
	{ "resource-lists",
		LISTS("<entry uri='sip:a@b' cp:order='1'><display-name>A</display-name>"
		      "<cp:prop name='email_address' value='a@b'/><cp:prop name='x' value=''/>"
		      "</entry>") },
	{ "resource-lists", LISTS("<entry uri='bob%40example.com'/>"
				  "<ab:group id='1'><ab:name>Friends</ab:name><ab:contacts>"
				  "<ab:contact_id>2</ab:contact_id></ab:contacts></ab:group>"
				  "<ab:contact id='2'/><ab:policy id='3'/>") },
	{ "resource-lists",
		LISTS("<entry uri='sip:a@b' ab:x='1' xml:lang='de' xml:space='default'/>") },
	{ "resource-lists", LISTS("<entry uri='sip:a@b'><ab:x><entry xmlns=''/></ab:x></entry>") },
	{ "resource-lists", LISTS("") },
	{ "resource-lists", "<resource-lists xmlns='urn:ietf:params:xml:ns:resource-lists'/>" },
	{ "pres-rules", RULES("") },
	{ "pres-rules", RULES("<conditions><oc:other-identity/></conditions><actions>"
			      "<pr:sub-handling> allow </pr:sub-handling></actions>"
			      "<transformations><o:provide-willingness>true</o:provide-willingness>"
			      "<pr:provide-services><o:service-id>x</o:service-id>"
			      "</pr:provide-services><pr:provide-all-attributes/>"
			      "</transformations>") },
	{ "org.openmobilealliance.pres-rules", RULES("<actions><pr:sub-handling>odd") },
};

static void extensions_of_unknown_namespaces_are_accepted(void **state)
{
	struct arena *arena = arena_new(0);
	(void)state;
	for (size_t i = 0; i + 1 < COUNT(extended); i++)
		check_accepted(judge(set, arena, extended[i].auid, span_of(extended[i].body)),
			extended[i].body);
	arena_free(&arena);
}

static void a_lax_usage_holds_to_root_and_namespace_only(void **state)
{
	struct arena *arena = arena_new(0);
	(void)state;
	const char *oma = "org.openmobilealliance.pres-rules";
	check_accepted(
		judge(set, arena, oma,
			SPAN(RULES("<actions><pr:sub-handling>odd</pr:sub-handling></actions>"))),
		"an odd value");
	check_accepted(judge(set, arena, oma,
			       SPAN("<ruleset xmlns='urn:ietf:params:xml:ns:common-policy'>"
				    "<anything/></ruleset>")),
		"odd elements");
	check_refused(judge(set, arena, oma, SPAN("<ruleset xmlns='urn:x'/>")), "namespace", SCHEMA,
		"line 1, element ruleset: ");
	check_refused(judge(set, arena, oma, SPAN("<ruleset/>")), "no namespace", SCHEMA,
		"line 1, element ruleset: ");
	check_refused(judge(set, arena, oma,
			      SPAN("\n<rule xmlns='urn:ietf:params:xml:ns:common-policy'/>")),
		"root", SCHEMA, "line 2, element rule: ");
	check_refused(judge(set, arena, oma, span_of(extended[COUNT(extended) - 1].body)), "cut",
		CONFLICT_NOT_WELL_FORMED, "line 1");
	arena_free(&arena);
}

/* RFC 4825 §8.2.5: a known namespace, but nothing of it describes this element here. */
static void elements_that_slip_through_a_wildcard_are_judged(void **state)
{
	static const struct {
		const char *body, *phrase; /* NULL: accepted */
	} cases[] = {
		{ LISTS("<c:ruleset xmlns:c='urn:ietf:params:xml:ns:common-policy'/>"), NULL },
		{ LISTS("<c:ruleset xmlns:c='urn:ietf:params:xml:ns:common-policy'>\n<c:rule/>"
			"</c:ruleset>"),
			"line 4, element rule: " },
		{ LISTS("\n<c:rule xmlns:c='urn:ietf:params:xml:ns:common-policy' id='a'/>"),
			"line 4, element rule: " },
		{ LISTS("<ab:x>\n<entry uri='a'/></ab:x>"), "line 4, element entry: " },
		{ LISTS("<ab:x>\n<ab:y>\n<resource-lists><list/></resource-lists></ab:y></ab:x>"),
			NULL },
		{ LISTS("<ab:x><ab:y><resource-lists>\n<list "
			"a='b'/></resource-lists></ab:y></ab:x>"),
			"line 4, element list, attribute a: " },
		{ LISTS("<p:sub-handling xmlns:p='urn:ietf:params:xml:ns:pres-rules'>x"
			"</p:sub-handling>"),
			"line 3, element sub-handling: " },
		{ LISTS("<entry uri='a' p:x='' xmlns:p='urn:ietf:params:xml:ns:pres-rules'/>"),
			"line 3, element entry, attribute x: " },
		{ LISTS("<ab:x t:type='ab:anything'"
			" xmlns:t='http://www.w3.org/2001/XMLSchema-instance'/>"),
			"line 3, element x" },
		{ LISTS("<ab:x t:type='listType' "
			"xmlns:t='http://www.w3.org/2001/XMLSchema-instance'>"
			"<entry uri='a'/></ab:x>"),
			NULL },
		{ LISTS("<list t:type='listType'"
			" xmlns:t='http://www.w3.org/2001/XMLSchema-instance'/>"),
			"line 3, element list, attribute type: " },
		{ LISTS("<ab:x t:schemaLocation='urn:ag-projects:xml:ns:addressbook /etc/passwd'"
			" xmlns:t='http://www.w3.org/2001/XMLSchema-instance'/>"),
			NULL },
	};
	struct arena *arena = arena_new(0);
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct judgement found =
			judge(set, arena, "resource-lists", span_of(cases[i].body));
		if (cases[i].phrase)
			check_refused(found, cases[i].body, SCHEMA, cases[i].phrase);
		else
			check_accepted(found, cases[i].body);
	}
	arena_free(&arena);
}

static int start(void **state)
{
	start_usages(state);
	set = load_shipped();
	return 0;
}

static int stop(void **state)
{
	usages_unref(&set);
	return stop_usages(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_printed_document_is_accepted),
		cmocka_unit_test(broken_rule_sets_are_refused),
		cmocka_unit_test(broken_presence_rules_are_refused),
		cmocka_unit_test(broken_lists_are_refused),
		cmocka_unit_test(broken_services_are_refused),
		cmocka_unit_test(broken_presence_is_refused),
		cmocka_unit_test(presence_without_its_entity_is_refused),
		cmocka_unit_test(a_root_of_another_name_or_namespace_is_refused),
		cmocka_unit_test(extensions_of_unknown_namespaces_are_accepted),
		cmocka_unit_test(a_lax_usage_holds_to_root_and_namespace_only),
		cmocka_unit_test(elements_that_slip_through_a_wildcard_are_judged),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
