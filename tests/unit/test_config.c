/* links: base */
/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/config_private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct fruit {
	struct span name, colour;
	uint64_t weight;
};

struct sample {
	struct span text, plain;
	struct span_list list;
	bool flag;
	uint64_t number, size, duration;
	int choice;
	struct fruit *fruits;
	size_t fruit_count;
};

static const char *const choices[] = { "first", "second", NULL };

static const struct config_key keys[] = {
	{ "main", "text", CONFIG_TEXT, offsetof(struct sample, text), "standard", 0, 0, NULL, "" },
	{ "main", "list", CONFIG_LIST, offsetof(struct sample, list), "a, b", 0, 0, NULL, "" },
	{ "main", "flag", CONFIG_BOOL, offsetof(struct sample, flag), "yes", 0, 0, NULL, "" },
	{ "main", "plain", CONFIG_TEXT, offsetof(struct sample, plain), NULL, 0, 0, NULL, "" },
	{ "other", "number", CONFIG_NUMBER, offsetof(struct sample, number), "7", 3, 9, NULL, "" },
	{ "other", "size", CONFIG_SIZE, offsetof(struct sample, size), "4K", 1024, 1048576, NULL,
		"" },
	{ "other", "duration", CONFIG_DURATION, offsetof(struct sample, duration), "5s", 0, 90000,
		NULL, "" },
	{ "other", "choice", CONFIG_CHOICE, offsetof(struct sample, choice), "second", 0, 0,
		choices, "" },
	{ "fruit", "colour", CONFIG_TEXT, offsetof(struct fruit, colour), "green", 0, 0, NULL, "" },
	{ "fruit", "weight", CONFIG_NUMBER, offsetof(struct fruit, weight), "1", 0, 0, NULL, "" },
};

static const struct config_repeated repeated[] = {
	{ "fruit", sizeof(struct fruit), offsetof(struct sample, fruits),
		offsetof(struct sample, fruit_count) },
};

static const struct config_schema schema = { keys, COUNT(keys), repeated, COUNT(repeated) };

/* One loaded file. `problems` are without the file's name, a line each. */
struct loaded {
	struct arena *arena;
	struct sample sample;
	struct config_origin *origin;
	bool good;
	char problems[65536];
};

static void without_path(char *problems, const char *path)
{
	for (char *at = problems; (at = strstr(at, path));)
		memmove(at, at + strlen(path), strlen(at + strlen(path)) + 1);
}

static struct loaded *load_octets(const char *octets, size_t size)
{
	struct loaded *loaded = calloc(1, sizeof(*loaded));
	char path[64];
	int file = memfd_create("config", 0);
	assert_int_equal(write(file, octets, size), (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	FILE *problems = fmemopen(loaded->problems, sizeof(loaded->problems), "w");
	loaded->arena = arena_new(1024);
	loaded->good = config_load(
		loaded->arena, &schema, path, &loaded->sample, problems, &loaded->origin);
	fclose(problems);
	close(file);
	without_path(loaded->problems, path);
	return loaded;
}

static struct loaded *load(const char *text)
{
	return load_octets(text, strlen(text));
}

static void done(struct loaded *loaded)
{
	arena_free(&loaded->arena);
	free(loaded);
}

static void assert_span(struct span got, const char *wanted)
{
	if (!span_equal_text(got, wanted))
		fail_msg("got \"%.*s\", wanted \"%s\"", SPAN_ARG(got), wanted);
	assert_int_equal(got.data[got.size], 0);
}

static void an_empty_file_gives_the_defaults(void **state)
{
	static const char *const files[] = { "", "\n\n", "# nothing\n; at all", "[main]\n[other]\n",
		"\xEF\xBB\xBF", "\r\n" };
	(void)state;
	for (size_t i = 0; i < COUNT(files); i++) {
		struct loaded *loaded = load(files[i]);
		assert_string_equal(loaded->problems, "");
		assert_true(loaded->good);
		assert_true(config_good(loaded->origin));
		assert_span(loaded->sample.text, "standard");
		assert_null(loaded->sample.plain.data);
		assert_int_equal(loaded->sample.list.count, 2);
		assert_span(loaded->sample.list.items[1], "b");
		assert_true(loaded->sample.flag);
		assert_int_equal(loaded->sample.number, 7);
		assert_int_equal(loaded->sample.size, 4096);
		assert_int_equal(loaded->sample.duration, 5000);
		assert_int_equal(loaded->sample.choice, 1);
		assert_int_equal(loaded->sample.fruit_count, 0);
		done(loaded);
	}
}

static void every_type_is_read(void **state)
{
	struct loaded *loaded = load("[main]\n"
				     "text = some words; and = more ; a comment\n"
				     "list=x , y,z\n"
				     "  flag = no\n" /* goes on with the list */
				     "plain=\n"
				     "[other]\n"
				     "  number = 9\n"
				     "size: 1M\n"
				     "duration = 1m\n"
				     "choice = first\n"
				     "[main]\n"
				     "flag = no");
	(void)state;
	assert_string_equal(loaded->problems, "");
	assert_span(loaded->sample.text, "some words; and = more");
	assert_int_equal(loaded->sample.list.count, 4);
	assert_span(loaded->sample.list.items[0], "x");
	assert_span(loaded->sample.list.items[3], "flag = no");
	assert_span(loaded->sample.plain, "");
	assert_int_equal(loaded->sample.number, 9);
	assert_int_equal(loaded->sample.size, 1048576);
	assert_int_equal(loaded->sample.duration, 60000);
	assert_int_equal(loaded->sample.choice, 0);
	assert_false(loaded->sample.flag);
	done(loaded);
}

static void line_ends_and_byte_order_marks_do_not_matter(void **state)
{
	struct loaded *loaded = load("\xEF\xBB\xBF[main]\r\ntext = a\r\nlist = b,\r\n\tc\r\n"
				     "\r\n[other]\r\nnumber = 3");
	(void)state;
	assert_string_equal(loaded->problems, "");
	assert_span(loaded->sample.text, "a");
	assert_span(loaded->sample.list.items[1], "c");
	assert_int_equal(loaded->sample.number, 3);
	done(loaded);
}

static void indented_lines_go_on_with_the_value(void **state)
{
	static const struct {
		const char *file, *items[4];
	} lists[] = {
		{ "[main]\nlist = a\n b\n c\n", { "a", "b", "c" } },
		{ "[main]\nlist =\n a,\n\n # not this\n b,\n c", { "a", "b", "c" } },
		{ "[main]\nlist = a ; not this\n , b ; nor this\n", { "a", "b" } },
		{ "[main]\nlist =\n\t[::1]:80,[::2]:80\n", { "[::1]:80", "[::2]:80" } },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(lists); i++) {
		struct loaded *loaded = load(lists[i].file);
		assert_string_equal(loaded->problems, "");
		size_t count = 0;
		for (; count < 4 && lists[i].items[count]; count++)
			assert_span(loaded->sample.list.items[count], lists[i].items[count]);
		assert_int_equal(loaded->sample.list.count, count);
		done(loaded);
	}
	struct loaded *loaded = load("[main]\ntext = one\n   two\n\tthree  \n");
	assert_span(loaded->sample.text, "one two three");
	done(loaded);
}

static void a_line_may_be_of_any_length(void **state)
{
	static const char alphabet[] = "ab ;#=:[],\t x";
	char *file = malloc(40000), *value = file + sizeof("[main]\ntext = ") - 1;
	unsigned seed = 1;
	(void)state;
	strcpy(file, "[main]\ntext = ");
	for (size_t size = 150; size < 30000; size += size < 650 ? 1 : 977) {
		for (size_t i = 0; i < size; i++) {
			seed = seed * 1103515245 + 12345;
			value[i] = alphabet[(seed >> 16) % (sizeof(alphabet) - 1)];
			if (value[i] == ';' && i && (value[i - 1] == ' ' || value[i - 1] == '\t'))
				value[i] = 'x'; /* would be a comment */
		}
		value[0] = value[size - 1] = 'e';
		strcpy(value + size, "\nflag = no\n");
		struct loaded *loaded = load(file);
		assert_string_equal(loaded->problems, "");
		assert_int_equal(loaded->sample.text.size, size);
		assert_memory_equal(loaded->sample.text.data, value, size);
		assert_false(loaded->sample.flag);
		done(loaded);
	}
	free(file);
}

static void long_lines_of_other_kinds_are_told_with_their_line(void **state)
{
	static const struct {
		const char *before, *filler, *after, *problem;
	} cases[] = {
		{ "[main]\n# ", "x", "\nflag = no\n", "" },
		{ "[main]\nflag = no ;", "x", "", "" },
		{ "[main]\nflag = no ;", " ;", "", "" },
		{ "[main]\nflag =", " ", "no", "" },
		{ "[main]\nflag = no", " ", "\n", "" },
		{ "[main]\nflag = no\n", " ", "\n", "" },
		{ "[main]\nlist = a\n", " ", "b\nflag = no", "" },
		{ "[main]\nflag = no\n", "x", "\n",
			":3: neither [section] nor \"key = value\" nor a comment\n" },
		{ "[main]\nflag = no\n[", "x", "]\n", ":3: \"[xxx" },
		{ "[main]\nflag = no\n[", "[", "\n", ":3: \"[[[[" },
		{ "[main]\nflag = no\n", "x", "= 1\n",
			":3: neither [section] nor \"key = value\" nor a comment\n" },
		{ "[main]\nflag = no\n", "\xC3\xB6", "\n",
			":3: neither [section] nor \"key = value\" nor a comment\n" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char file[4096];
		strcpy(file, cases[i].before);
		for (int n = 0; n < 700; n++)
			strcat(file, cases[i].filler);
		strcat(file, cases[i].after);
		struct loaded *loaded = load(file);
		assert_int_equal(
			strncmp(loaded->problems, cases[i].problem, strlen(cases[i].problem)), 0);
		assert_int_equal(loaded->good, !*cases[i].problem);
		assert_false(loaded->sample.flag);
		done(loaded);
	}
}

static void every_problem_is_told_with_its_line(void **state)
{
	static const struct {
		const char *file, *problems;
	} cases[] = {
		{ "x = 1\n", ":1: \"x\" stands before the first [section]\n" },
		{ "[mian]\nx = 1\ny = 2\n",
			":1: section \"mian\" is not known; did you mean \"main\"?\n" },
		{ "[entirely-else]\n", ":1: section \"entirely-else\" is not known\n" },
		{ "[main thing]\n", ":1: section \"main thing\" is not known; did you mean "
				    "\"main\"?\n" },
		{ "[main]\n\n\ntxt = 1\n", ":4: key \"main.txt\" is not known; did you mean "
					   "\"text\"?\n" },
		{ "[main]\nnumber = 5\n", ":2: key \"main.number\" is not known\n" },
		{ "[main]\ntext = 1\n# c\n[other]\n[main]\ntext = 1\n",
			":6: main.text is set twice, first in line 2\n" },
		{ "[main]\nflag = true\n", ":2: main.flag: \"true\" is not one of yes, no\n" },
		{ "[main]\nflag =\n", ":2: main.flag: \"\" is not one of yes, no\n" },
		{ "[main]\nlist = a,,b\n",
			":2: main.list: \"a,,b\" is not a list without empty items\n" },
		{ "[main]\nlist = a,\n",
			":2: main.list: \"a,\" is not a list without empty items\n" },
		{ "[main]\njust words\n",
			":2: neither [section] nor \"key = value\" nor a comment\n" },
		{ "[main]\n= x\n", ":2: a key is missing before '='\n" },
		{ "[main\nflag = no\n",
			":1: \"[main\" is not a section: [NAME], of at most 48 octets\n" },
		{ "[main] x\n",
			":1: \"[main] x\" is not a section: [NAME], of at most 48 octets\n" },
		{ "[]\n", ":1: \"[]\" is not a section: [NAME], of at most 48 octets\n" },
		{ "[other]\nnumber = 2\nsize = 1\nduration = 91s\nchoice = third\n",
			":2: other.number: \"2\" is not a number in 3..9\n"
			":3: other.size: \"1\" is not a size (such as 4096, 64K, 1M, 2G) in "
			"1K..1M\n"
			":4: other.duration: \"91s\" is not a duration (such as 250ms, 30s, 5m, "
			"2h, 7d) in 0s..90s\n"
			":5: other.choice: \"third\" is not one of first, second\n" },
		{ "[other]\nnumber = 10\n", ":2: other.number: \"10\" is not a number in 3..9\n" },
		{ "[other]\nnumber = 4\n size = 4K\n",
			":2: other.number: \"4 size = 4K\" is not a number in 3..9\n" },
		{ "[main]\ntext = J\xF6rg\n", ":2: not UTF-8\n" },
		{ "[main]\ntext = a\rb\n", ":2: control character 13 at octet 9\n" },
		{ "[main]\ntext = a\x01\n", ":2: control character 1 at octet 9\n" },
		{ "[main]\n[fruit]\n",
			":2: [fruit NAME] needs a name of letters, digits, '.', '_' and '-'\n" },
		{ "[fruit a/b]\n",
			":1: [fruit NAME] needs a name of letters, digits, '.', '_' and '-'\n" },
		{ "[fruit a]\n[fruit b]\n[fruit a]\nweight = x\n",
			":3: [fruit a] is there already, in line 1\n" },
		{ "[fruit a]\nweight = x\n", ":2: fruit.weight: \"x\" is not a number in 0..\n" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct loaded *loaded = load(cases[i].file);
		assert_string_equal(loaded->problems, cases[i].problems);
		assert_false(loaded->good);
		done(loaded);
	}
}

static void a_bad_value_keeps_the_default(void **state)
{
	struct loaded *loaded = load("[other]\nnumber = x\nsize = x\n[main]\nlist = ,\n");
	(void)state;
	assert_int_equal(loaded->sample.number, 7);
	assert_int_equal(loaded->sample.size, 4096);
	assert_int_equal(loaded->sample.list.count, 2);
	done(loaded);
}

static void a_repeated_section_has_its_names_in_order(void **state)
{
	struct loaded *loaded = load("[fruit pear]\nweight = 2\n[main]\nflag = no\n"
				     "[fruit apple.1]\ncolour = red\n[ fruit \t]\n");
	(void)state;
	assert_false(loaded->good);
	assert_int_equal(loaded->sample.fruit_count, 2);
	assert_span(loaded->sample.fruits[0].name, "pear");
	assert_span(loaded->sample.fruits[0].colour, "green");
	assert_int_equal(loaded->sample.fruits[0].weight, 2);
	assert_span(loaded->sample.fruits[1].name, "apple.1");
	assert_span(loaded->sample.fruits[1].colour, "red");
	assert_int_equal(loaded->sample.fruits[1].weight, 1);
	done(loaded);
}

static void later_checks_name_the_place(void **state)
{
	struct loaded *loaded = load("[other]\n\nnumber = 5\n[fruit f]\nweight = 4\n");
	char *text = NULL;
	size_t size;
	(void)state;
	assert_true(loaded->good);
	struct config_origin *inside = loaded->origin; /* its stream is closed by now */
	inside->path = "FILE";
	inside->problems = open_memstream(&text, &size);
	config_problem(loaded->origin, &loaded->sample.number, "no %d", 1);
	config_problem(loaded->origin, &loaded->sample.size, "no %d", 2);
	config_problem(loaded->origin, &loaded->sample.fruits[0], "no %d", 3);
	config_problem(loaded->origin, &loaded->sample.fruits[0].weight, "no %d", 4);
	config_problem(loaded->origin, &loaded->sample.fruits[0].colour, "no %d", 5);
	assert_false(config_good(loaded->origin));
	fclose(inside->problems);
	assert_string_equal(text, "FILE:3: other.number: no 1\n"
				  "FILE: other.size: no 2\n"
				  "FILE:4: fruit f: no 3\n"
				  "FILE:5: fruit f: weight: no 4\n"
				  "FILE:4: fruit f: colour: no 5\n");
	free(text);
	done(loaded);
}

static void a_file_that_is_none_is_told_by_name(void **state)
{
	static const struct {
		const char *path, *problem;
	} cases[] = {
		{ "/nowhere/xcapd.conf", "/nowhere/xcapd.conf: No such file or directory\n" },
		{ "/tmp", "/tmp: Is a directory\n" },
		{ "/dev/zero", "/dev/zero: longer than 4 MiB, which is no configuration\n" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct arena *arena = arena_new(64);
		struct sample sample = { 0 };
		struct config_origin *origin;
		char problems[256] = "";
		FILE *file = fmemopen(problems, sizeof(problems), "w");
		assert_false(config_load(arena, &schema, cases[i].path, &sample, file, &origin));
		fclose(file);
		assert_null(origin);
		assert_string_equal(problems, cases[i].problem);
		arena_free(&arena);
	}
}

static void nul_octets_are_not_swallowed(void **state)
{
	static const char file[] = "[main]\ntext = a\0b\nflag = no\n";
	struct loaded *loaded = load_octets(file, sizeof(file) - 1);
	(void)state;
	assert_string_equal(loaded->problems, ":2: control character 0 at octet 9\n");
	assert_span(loaded->sample.text, "standard");
	assert_false(loaded->sample.flag);
	done(loaded);
}

static void too_many_sections_are_told(void **state)
{
	char *file = malloc(1 << 20), *at = file;
	(void)state;
	for (int i = 0; i < 1003; i++)
		at += sprintf(at, "[fruit f%d]\nweight = 1\n", i);
	struct loaded *loaded = load(file);
	assert_int_equal(loaded->sample.fruit_count, 1000);
	assert_string_equal(loaded->problems, ":2001: more than 1000 sections [fruit NAME]\n"
					      ":2003: more than 1000 sections [fruit NAME]\n"
					      ":2005: more than 1000 sections [fruit NAME]\n");
	done(loaded);
	free(file);
}

static void the_range_of_a_key_is_told_in_short(void **state)
{
	static const char *const ranges[COUNT(keys)] = { "text", "list", "yes, no", "text", "3..9",
		"1K..1M", "0s..90s", "first, second", "text", "0.." };
	struct arena *arena = arena_new(1024);
	(void)state;
	for (size_t i = 0; i < COUNT(keys); i++)
		assert_span(config_range(arena, &keys[i]), ranges[i]);
	arena_free(&arena);
}

static void without_memory_it_says_so(void **state)
{
	(void)state;
	for (size_t nth = 2;; nth++) {
		arena_fail_at(nth);
		struct loaded *loaded = load("[main]\ntext = some longer text than that\n"
					     "list = a, b, c\n d, e\n[fruit one]\ncolour = red\n"
					     "[fruit two]\n[other]\nnumber = 4\n");
		bool failed = arena_fail_at(0) >= nth;
		assert_int_equal(loaded->good, !failed);
		assert_int_equal(!*loaded->problems, !failed);
		done(loaded);
		if (!failed)
			break;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_file_gives_the_defaults),
		cmocka_unit_test(every_type_is_read),
		cmocka_unit_test(line_ends_and_byte_order_marks_do_not_matter),
		cmocka_unit_test(indented_lines_go_on_with_the_value),
		cmocka_unit_test(a_line_may_be_of_any_length),
		cmocka_unit_test(long_lines_of_other_kinds_are_told_with_their_line),
		cmocka_unit_test(every_problem_is_told_with_its_line),
		cmocka_unit_test(a_bad_value_keeps_the_default),
		cmocka_unit_test(a_repeated_section_has_its_names_in_order),
		cmocka_unit_test(later_checks_name_the_place),
		cmocka_unit_test(a_file_that_is_none_is_told_by_name),
		cmocka_unit_test(nul_octets_are_not_swallowed),
		cmocka_unit_test(too_many_sections_are_told),
		cmocka_unit_test(the_range_of_a_key_is_told_in_short),
		cmocka_unit_test(without_memory_it_says_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
