/* links: base xcap PkgConfig::LIBXML2 */
/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcap/scratch.h"
#include "xcap/xml.h"

#include <libxml/tree.h>
#include <libxml/xmlmemory.h>

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct xml_limits limits = { .depth = 64, .attributes = 64, .size = 0 };

/* False in a build with a sanitizer, which has no block. */
static bool has_block(void)
{
	scratch_open();
	void *octets = xmlMalloc(8);
	bool has = scratch_holds(octets);
	xmlFree(octets);
	scratch_close();
	return has;
}

static void pieces_do_not_overlap_and_are_aligned(void **state)
{
	char *pieces[200];
	(void)state;
	scratch_open();
	for (size_t i = 0; i < 200; i++) {
		pieces[i] = xmlMalloc(i);
		assert_non_null(pieces[i]);
		assert_int_equal((uintptr_t)pieces[i] % 16, 0);
		memset(pieces[i], (int)i, i);
	}
	for (size_t i = 0; i < 200; i++)
		for (size_t j = 0; j < i; j++)
			assert_int_equal((unsigned char)pieces[i][j], i);
	for (size_t i = 0; i < 200; i++)
		xmlFree(pieces[i]);
	scratch_close();
}

static void a_piece_that_grows_keeps_its_octets(void **state)
{
	(void)state;
	scratch_open();
	char *octets = NULL;
	for (size_t size = 1; size <= 1 << 20; size *= 2) {
		octets = xmlRealloc(octets, size);
		assert_non_null(octets);
		octets[size - 1] = 'x';
		for (size_t at = 1; at <= size; at *= 2)
			assert_int_equal(octets[at - 1], 'x');
		xmlFree(xmlMalloc(3));
	}
	xmlFree(octets);
	scratch_close();
}

static void what_does_not_fit_comes_from_the_heap(void **state)
{
	(void)state;
	bool block = has_block();
	scratch_open();
	void *small = xmlMalloc(16);
	assert_int_equal(scratch_holds(small), block);
	void *large = xmlMalloc(4 << 20);
	assert_non_null(large);
	assert_false(scratch_holds(large));
	assert_false(scratch_holds(small));
	xmlFree(large);
	xmlFree(small);
	scratch_close();
}

static void a_closed_block_stays_readable_and_takes_nothing(void **state)
{
	(void)state;
	scratch_open();
	char *kept = (char *)xmlStrdup((const xmlChar *)"kept");
	scratch_close();
	scratch_close();
	char *other = (char *)xmlStrdup((const xmlChar *)"other");
	assert_string_equal(kept, "kept");
	assert_false(scratch_holds(kept));
	assert_false(scratch_holds(other));
	xmlFree(kept);
	scratch_open();
	xmlFree(other);
	scratch_close();
}

/* With and without a block, and with one that is too small: valgrind finds no leak. */
static void documents_of_any_size_are_judged_in_it(void **state)
{
	static const size_t counts[] = { 1, 100, 10000, 1 };
	struct arena *arena = *state;
	bool block = has_block();
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		struct buffer text = { .arena = arena };
		struct xml_document *document;
		struct conflict why = { .arena = arena };
		buffer_text(&text, "<a>");
		for (size_t j = 0; j < counts[i]; j++)
			buffer_text(&text, "<b c=\"d\">text</b>");
		buffer_text(&text, "</a>");
		scratch_open();
		assert_true(xml_parse(&document, buffer_span(&text), &limits, &why));
		assert_int_equal(
			xmlChildElementCount(xmlDocGetRootElement(xml_tree(document))), counts[i]);
		xml_free(&document);
		assert_false(xml_parse(&document, SPAN("<a><b c=\"d\"></a>"), &limits, &why));
		scratch_close();
		assert_false(block && xmlGetLastError()); /* it would lie in there */
	}
}

static void *judge_much(void *unused)
{
	(void)unused;
	struct arena *arena = arena_new(4096);
	for (int i = 0; i < 500; i++) {
		char text[100];
		int size =
			snprintf(text, sizeof(text), "<a n=\"%d\"><b>%p</b></a>", i, (void *)text);
		struct xml_document *document;
		struct conflict why = { .arena = arena };
		scratch_open();
		assert_true(
			xml_parse(&document, (struct span){ text, (size_t)size }, &limits, &why));
		xmlChar *content = xmlNodeGetContent(xmlDocGetRootElement(xml_tree(document)));
		char wanted[40];
		snprintf(wanted, sizeof(wanted), "%p", (void *)text);
		assert_string_equal((char *)content, wanted);
		xmlFree(content);
		xml_free(&document);
		scratch_close();
	}
	arena_free(&arena);
	return NULL;
}

static void each_thread_has_its_own(void **state)
{
	pthread_t threads[4];
	(void)state;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, judge_much, NULL), 0);
	for (size_t i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
}

static int set_up(void **state)
{
	xml_start();
	*state = arena_new(1 << 16);
	return *state ? 0 : 1;
}

static int tear_down(void **state)
{
	struct arena *arena = *state;
	arena_free(&arena);
	xml_stop();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_do_not_overlap_and_are_aligned),
		cmocka_unit_test(a_piece_that_grows_keeps_its_octets),
		cmocka_unit_test(what_does_not_fit_comes_from_the_heap),
		cmocka_unit_test(a_closed_block_stays_readable_and_takes_nothing),
		cmocka_unit_test(documents_of_any_size_are_judged_in_it),
		cmocka_unit_test(each_thread_has_its_own),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
