/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/config_private.h"

#include <ini.h>
#include <string.h>

/* libinih keeps 49 octets of a section or key and reads lines into a buffer of fixed size. A longer
 * line is handed over in pieces, each between two marks that cannot stand in a file, and put
 * together again by take_value. */
enum { NAME_MOST = 49, REPEATED_MOST = 1000 };
static const char piece_mark = '\001';

/* What the line that libinih looks at now is. */
enum line_kind { LINE_NOTHING, LINE_HEADER, LINE_KEY, LINE_MORE, LINE_PIECE };

struct reader {
	struct config_origin *origin;
	const struct config_schema *schema;
	struct span rest;    /* of the text */
	struct span pending; /* of a long line */
	unsigned line;
	enum line_kind kind;
	bool unanswered;   /* libinih has not said yet what it makes of the line */
	bool announce;     /* a header was handed over; see take_header */
	bool key_open;     /* an indented line goes on with the last key */
	bool skip_section; /* nobody knows it: its keys are not worth a message */
	struct config_section *section;
	struct config_entry *entry; /* NULL: the last key was not known */
};

static size_t least_of(size_t a, size_t b, size_t c)
{
	size_t least = a < b ? a : b;
	return least < c ? least : c;
}

/* Insertions, deletions and replacements that make b of a; both shorter than NAME_MOST. */
static size_t distance(struct span a, struct span b)
{
	size_t row[NAME_MOST + 2];
	for (size_t j = 0; j <= b.size; j++)
		row[j] = j;
	for (size_t i = 1; i <= a.size; i++) {
		size_t corner = row[0];
		row[0] = i;
		for (size_t j = 1; j <= b.size; j++) {
			size_t kept = corner + (a.data[i - 1] != b.data[j - 1]);
			corner = row[j];
			row[j] = least_of(kept, row[j] + 1, row[j - 1] + 1);
		}
	}
	return row[b.size];
}

struct guess {
	struct span wanted;
	const char *best;
	size_t best_distance;
};

static void guess_with(struct guess *guess, const char *known)
{
	struct span name = span_of(known);
	if (guess->wanted.size > NAME_MOST || name.size > NAME_MOST)
		return;
	size_t far = distance(guess->wanted, name);
	if (far > 2 || far * 2 > name.size || (guess->best && far >= guess->best_distance))
		return;
	guess->best = known;
	guess->best_distance = far;
}

static void unknown(struct reader *reader, const char *what, const struct guess *guess)
{
	config_problem_at(reader->origin, reader->line, "%s%.*s\" is not known%s%s%s", what,
		SPAN_ARG(span_first(guess->wanted, 80)), guess->best ? "; did you mean \"" : "",
		guess->best ? guess->best : "", guess->best ? "\"?" : "");
}

static const struct config_repeated *find_repeated(
	const struct config_schema *schema, struct span section)
{
	for (size_t i = 0; i < schema->repeated_count; i++)
		if (span_equal_text(section, schema->repeated[i].section))
			return &schema->repeated[i];
	return NULL;
}

static const char *find_fixed(const struct config_schema *schema, struct span section)
{
	for (size_t i = 0; i < schema->key_count; i++)
		if (span_equal_text(section, schema->keys[i].section)
			&& !find_repeated(schema, section))
			return schema->keys[i].section;
	return NULL;
}

static void tell_unknown_section(struct reader *reader, struct span name)
{
	struct span rest = name;
	struct guess guess = { .wanted = span_cut(&rest, ' ') };
	for (size_t i = 0; i < reader->schema->key_count; i++)
		guess_with(&guess, reader->schema->keys[i].section);
	guess.wanted = name;
	unknown(reader, "section \"", &guess);
	reader->skip_section = true;
}

static bool good_name(struct span name)
{
	for (size_t i = 0; i < name.size; i++) {
		char c = name.data[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9')
			&& c != '.' && c != '_' && c != '-')
			return false;
	}
	return name.size > 0;
}

static void begin_section(struct reader *reader, const char *section,
	const struct config_repeated *repeated, struct span name)
{
	struct config_section **at = &reader->origin->sections;
	size_t count = 0;
	for (; *at; at = &(*at)->next) {
		if ((*at)->section != section || !span_equal((*at)->name, name)) {
			count += (*at)->section == section;
			continue;
		}
		reader->section = *at;
		if (repeated)
			config_problem_at(reader->origin, reader->line,
				"[%s %.*s] is there already, in line %u", section, SPAN_ARG(name),
				(*at)->line);
		reader->skip_section = repeated != NULL;
		return;
	}
	if (count >= REPEATED_MOST) {
		config_problem_at(reader->origin, reader->line, "more than %d sections [%s NAME]",
			REPEATED_MOST, section);
		reader->skip_section = true;
		return;
	}
	struct config_section *fresh = arena_zero(reader->origin->arena, sizeof(*fresh));
	reader->skip_section = !fresh;
	if (!fresh) {
		config_problem_at(reader->origin, reader->line, "out of memory");
		return;
	}
	*fresh = (struct config_section){ .repeated = repeated,
		.section = section,
		.name = repeated ? arena_copy(reader->origin->arena, name) : name,
		.line = reader->line };
	*at = reader->section = fresh;
}

static void take_section(struct reader *reader, struct span text)
{
	struct span name = span_trim(text);
	struct span section = span_cut(&name, ' ');
	name = span_trim(name);
	const struct config_repeated *repeated = find_repeated(reader->schema, section);
	const char *fixed = find_fixed(reader->schema, section);
	reader->section = NULL;
	if (fixed && !name.data) {
		begin_section(reader, fixed, NULL, name);
	} else if (repeated && good_name(name)) {
		begin_section(reader, repeated->section, repeated, name);
	} else if (repeated) {
		reader->skip_section = true;
		config_problem_at(reader->origin, reader->line,
			"[%s NAME] needs a name of letters, digits, '.', '_' and '-'",
			repeated->section);
	} else {
		tell_unknown_section(reader, span_trim(text));
	}
}

static const struct config_key *find_key(struct reader *reader, struct span name)
{
	const struct config_schema *schema = reader->schema;
	const char *section = reader->section->section;
	struct guess guess = { .wanted = name };
	for (size_t i = 0; i < schema->key_count; i++) {
		const struct config_key *key = &schema->keys[i];
		if (strcmp(key->section, section) != 0)
			continue;
		if (span_equal_text(name, key->key))
			return key;
		guess_with(&guess, key->key);
	}
	char what[NAME_MOST + 16];
	snprintf(what, sizeof(what), "key \"%s.", section);
	unknown(reader, what, &guess);
	return NULL;
}

static void take_key(struct reader *reader, struct span name)
{
	reader->entry = NULL;
	reader->key_open = name.size > 0;
	if (reader->skip_section)
		return;
	if (!name.size) {
		config_problem_at(reader->origin, reader->line, "a key is missing before '='");
		return;
	}
	if (!reader->section) {
		config_problem_at(reader->origin, reader->line,
			"\"%.*s\" stands before the first [section]",
			SPAN_ARG(span_first(name, 80)));
		return;
	}
	const struct config_key *key = find_key(reader, name);
	if (!key)
		return;
	struct config_entry **at = &reader->section->entries;
	for (; *at; at = &(*at)->next) {
		if ((*at)->key != key)
			continue;
		config_problem_at(reader->origin, reader->line,
			"%s.%s is set twice, first in line %u", key->section, key->key,
			(*at)->line);
		return;
	}
	struct config_entry *fresh = arena_zero(reader->origin->arena, sizeof(*fresh));
	if (!fresh) {
		config_problem_at(reader->origin, reader->line, "out of memory");
		return;
	}
	*fresh = (struct config_entry){
		.key = key, .line = reader->line, .value = { .arena = reader->origin->arena }
	};
	*at = reader->entry = fresh;
}

static struct span without_marks(struct span text)
{
	if (text.size && text.data[0] == piece_mark)
		text = span_from(text, 1);
	if (text.size && text.data[text.size - 1] == piece_mark)
		text.size--;
	return text;
}

static void take_value(struct reader *reader, struct span text)
{
	struct config_entry *entry = reader->entry;
	if (!entry)
		return;
	text = without_marks(text);
	if (reader->kind == LINE_MORE) {
		struct span before = span_trim(buffer_span(&entry->value));
		bool list = entry->key->type == CONFIG_LIST;
		if (list && before.size && before.data[before.size - 1] != ','
			&& text.data[0] != ',')
			buffer_octet(&entry->value, ',');
		buffer_octet(&entry->value, ' ');
	}
	buffer_append(&entry->value, text);
}

static int take(void *context, const char *section, const char *name, const char *value)
{
	struct reader *reader = context;
	reader->unanswered = false;
	switch (reader->kind) {
	case LINE_HEADER:
		reader->key_open = false;
		take_section(reader, span_of(section));
		break;
	case LINE_KEY:
		take_key(reader, span_of(name));
		take_value(reader, span_of(value));
		break;
	case LINE_MORE:
	case LINE_PIECE:
		take_value(reader, span_of(value));
		break;
	case LINE_NOTHING:
		break;
	}
	return 1;
}

/* Without what follows a ';' that stands after white space; libinih cuts that off some lines only.
 */
static struct span without_comment(struct span text)
{
	for (size_t i = 0; i < text.size; i++)
		if (text.data[i] == ';' && i
			&& (text.data[i - 1] == ' ' || text.data[i - 1] == '\t'))
			return span_trim(span_first(text, i));
	return text;
}

static bool readable(struct reader *reader, struct span text)
{
	for (size_t i = 0; i < text.size; i++) {
		unsigned char c = (unsigned char)text.data[i];
		if ((c >= 0x20 || c == '\t') && c != 0x7F)
			continue;
		config_problem_at(reader->origin, reader->line, "control character %u at octet %zu",
			(unsigned)c, i + 1);
		return false;
	}
	if (utf8_valid(text, NULL))
		return true;
	config_problem_at(reader->origin, reader->line, "not UTF-8");
	return false;
}

/* "[name]" exactly; its name is then given once more as the section of an empty key, so that a
 * section without keys is seen too. */
static bool take_header(struct reader *reader, struct span text)
{
	size_t close = 0;
	bool good = span_find(text, ']', &close) && close > 1 && close + 1 == text.size
		    && close <= NAME_MOST;
	if (!good) {
		config_problem_at(reader->origin, reader->line,
			"\"%.*s\" is not a section: [NAME], of at most %d octets",
			SPAN_ARG(span_first(text, 80)), NAME_MOST - 1);
		reader->skip_section = true;
		reader->section = NULL;
		reader->entry = NULL;
	}
	return good;
}

/* Takes the next line off the text: what is to be handed over, none for nothing. */
static struct span next_line(struct reader *reader)
{
	const struct span nothing = { NULL, 0 };
	struct span raw = span_cut(&reader->rest, '\n');
	reader->line++;
	if (raw.size && raw.data[raw.size - 1] == '\r')
		raw.size--;
	struct span text = span_trim(raw);
	reader->kind = LINE_NOTHING;
	if (!text.size || text.data[0] == ';' || text.data[0] == '#' || !readable(reader, raw))
		return nothing;
	bool indented = raw.data[0] == ' ' || raw.data[0] == '\t';
	text = without_comment(text);
	if (indented && reader->key_open) {
		reader->kind = LINE_MORE;
	} else if (text.data[0] == '[') {
		if (!take_header(reader, text))
			return nothing;
		reader->kind = LINE_HEADER;
	} else {
		reader->kind = LINE_KEY;
	}
	return text;
}

static void tell_unanswered(struct reader *reader)
{
	if (!reader->unanswered)
		return;
	reader->unanswered = false;
	reader->pending = (struct span){ NULL, 0 };
	config_problem_at(reader->origin, reader->line,
		"neither [section] nor \"key = value\" nor a comment");
}

/* Hands over as much of the text as fits, between marks where it is cut. */
static void hand_over(struct reader *reader, char *to, size_t room, struct span text)
{
	size_t used = 0;
	bool piece = reader->kind == LINE_PIECE;
	if (piece || reader->kind == LINE_MORE)
		to[used++] = ' ';
	if (piece)
		to[used++] = piece_mark;
	size_t most = room - used - 2;
	struct span part = span_first(text, most);
	memcpy(to + used, part.data, part.size);
	used += part.size;
	if (piece || part.size < text.size)
		to[used++] = piece_mark;
	to[used] = '\0';
	reader->pending =
		part.size < text.size ? span_from(text, part.size) : (struct span){ NULL, 0 };
	reader->announce = reader->kind == LINE_HEADER;
	reader->unanswered = !reader->announce;
}

static char *read_line(char *to, int room, void *context)
{
	struct reader *reader = context;
	if (reader->announce) {
		reader->announce = false;
		return strcpy(to, "=");
	}
	tell_unanswered(reader);
	struct span text = reader->pending;
	if (text.data)
		reader->kind = LINE_PIECE;
	while (!text.data && reader->rest.data)
		text = next_line(reader);
	if (!text.data)
		return NULL;
	hand_over(reader, to, (size_t)room, text);
	return to;
}

void config_parse(
	struct config_origin *origin, const struct config_schema *schema, struct span text)
{
	struct reader reader = { .origin = origin, .schema = schema, .rest = text };
	if (span_starts(text, SPAN("\xEF\xBB\xBF")))
		reader.rest = span_from(text, 3);
	ini_parse_stream(read_line, &reader, take, &reader);
	tell_unanswered(&reader);
}
