/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcapd/generated.h"

#include "xcapd/handlers.h"
#include "xcapd/location.h"

#include <time.h>

static bool broken(struct request *request)
{
	log_event(LEVEL_ERROR, "store", "request %s: %s", request->id, store_problem());
	return request_refuse(request, OUTCOME_BUSY, "the store cannot be read");
}

/* --- the directory of a user --- */

static void write_entry(struct request *request, struct buffer *to, const struct document_row *row)
{
	char etag[ETAG_TEXT_MAX], when[32];
	time_t seconds = (time_t)(row->time / 1000);
	struct tm parts;
	etag_text(row->etag, etag);
	gmtime_r(&seconds, &parts);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &parts);
	buffer_text(to, "\t\t<entry uri=\"");
	buffer_xml(to, location_of(request, &row->id));
	buffer_format(
		to, "\" etag=\"%s\" last-modified=\"%s\" size=\"%zu\"/>\n", etag, when, row->size);
}

/* Rows come ordered by usage: a folder for each. */
static void write_row(struct request *request, struct buffer *to, const struct document_row *row,
	struct span *folder)
{
	if (!usages_find(request->live->usages, row->id.auid))
		return;
	if (!span_equal(*folder, row->id.auid)) {
		if (folder->size)
			buffer_text(to, "\t</folder>\n");
		*folder = row->id.auid;
		buffer_text(to, "\t<folder auid=\"");
		buffer_xml(to, *folder);
		buffer_text(to, "\">\n");
	}
	write_entry(request, to, row);
}

static bool write_folders(struct request *request, struct buffer *to)
{
	const struct document_filter filter = { .xui = request->target.id.xui };
	const struct doc_id *after = NULL;
	struct span folder = SPAN("");
	struct document_row *rows;
	size_t count;
	do {
		if (store_list(request->server->store, request->arena, &filter, after, STORE_HEAD,
			    1000, &rows, &count)
			!= STORE_OK)
			return broken(request);
		for (size_t i = 0; i < count; i++)
			write_row(request, to, &rows[i], &folder);
		after = count ? &rows[count - 1].id : NULL;
	} while (count);
	if (folder.size)
		buffer_text(to, "\t</folder>\n");
	return true;
}

static bool read_directory(struct request *request, struct snapshot *out)
{
	struct buffer text = { .arena = request->arena };
	buffer_text(&text, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
			   "<xcap-directory xmlns=\"urn:oma:xml:xdm:xcap-directory\">\n");
	if (!write_folders(request, &text))
		return false;
	buffer_text(&text, "</xcap-directory>\n");
	out->body = buffer_span(&text);
	if (!out->body.data)
		return request_refuse(request, OUTCOME_BUSY, NULL);
	out->etag = usage_octets_etag(out->body);
	return true;
}

/* --- the index of all claims --- */

/* Looks one claim up instead of all. False when the selector may be about more. */
static bool one_value(struct request *request, struct span *value_out)
{
	return request->selector
	       && usage_shown_one(request->usage, request->arena, request->selector, value_out);
}

static enum store_result append_one(struct request *request, const struct shown *shown,
	struct span value, struct buffer *to, struct snapshot *out)
{
	struct span content;
	if (!value.data)
		return STORE_FAILED;
	enum store_result result = store_claim_read(
		request->server->store, request->arena, shown->scope, value, &content, &out->etag);
	if (result == STORE_OK)
		buffer_append(to, content);
	return result == STORE_ABSENT ? STORE_OK : result;
}

static bool read_claims(struct request *request, struct snapshot *out)
{
	struct store *store = request->server->store;
	uint64_t most = request->live->settings->limits.index;
	struct buffer text = { .arena = request->arena };
	struct shown shown;
	struct span value;
	if (!usage_shown(request->usage, request->arena, &shown))
		return request_refuse(request, OUTCOME_BUSY, NULL);
	if (store_claims_etag(store, shown.scope, &out->etag) != STORE_OK)
		return broken(request);
	buffer_append(&text, shown.before);
	enum store_result result =
		one_value(request, &value)
			? append_one(request, &shown, value, &text, out)
			: store_claims_append(store, shown.scope, (size_t)most, &text, &out->etag);
	buffer_append(&text, shown.behind);
	out->body = buffer_span(&text);
	if (result == STORE_CROWDED)
		return request_refuse(
			request, OUTCOME_FULL, "the index is larger than limits.index");
	return (result == STORE_OK && out->body.data) || broken(request);
}

/* --- */

static bool read_capabilities(struct request *request, struct snapshot *out)
{
	return usage_generate(request->live->usages, request->usage, request->arena,
		       &request->target.id, &out->body, &out->etag)
	       || request_refuse(request, OUTCOME_BUSY, NULL);
}

bool generated_read(struct request *request, struct snapshot *out)
{
	struct conflict unused = { .arena = request->arena };
	*out = (struct snapshot){ 0 };
	if (!usage_allows_name(request->usage, &request->target.id, &unused))
		return request_refuse(request, OUTCOME_ABSENT, "no such document");
	switch (usage_generated(request->usage, &request->target.id)) {
	case GENERATED_CLAIMS:
		return read_claims(request, out);
	case GENERATED_DIRECTORY:
		return read_directory(request, out);
	default:
		return read_capabilities(request, out);
	}
}

bool generated_slowly(struct request *request)
{
	struct span unused;
	return usage_generated(request->usage, &request->target.id) == GENERATED_CLAIMS
	       && !one_value(request, &unused);
}
