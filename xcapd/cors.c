/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcapd/cors.h"

/* What a page may read of an answer, besides what it always may. */
static const struct cors_field answer_field = { "Access-Control-Expose-Headers",
	"ETag, Location, WWW-Authenticate, Retry-After, X-Request-Id" };

static const struct cors_field preflight_fields[] = {
	{ "Access-Control-Allow-Methods", "GET, HEAD, PUT, DELETE, OPTIONS" },
	{ "Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match, If-None-Match" },
	{ "Access-Control-Max-Age", "3600" },
};

/* Scheme and host have no case (RFC 6454 §4), but a browser wants its own spelling back. */
static const char *allowed_origin(const struct span_list *origins, struct span origin)
{
	for (size_t i = 0; origin.size && i < origins->count; i++)
		if (span_equal_nocase(origins->items[i], origin))
			return origin.data;
	return NULL;
}

size_t cors_fields(const struct request *request, struct cors_field out[CORS_FIELDS_MOST])
{
	const struct span_list *origins = &request->live->settings->http.cors_origins;
	size_t count = 0;
	if (!origins->count)
		return 0;
	out[count++] = (struct cors_field){ "Vary", "Origin" };
	if (request->origins != 1)
		return count;
	const char *origin = allowed_origin(origins, request->origin);
	if (!origin)
		return count;
	out[count++] = (struct cors_field){ "Access-Control-Allow-Origin", origin };
	if (request->method != METHOD_OPTIONS || !request->preflight_method.data) {
		out[count++] = answer_field;
		return count;
	}
	for (size_t i = 0; i < sizeof(preflight_fields) / sizeof(preflight_fields[0]); i++)
		out[count++] = preflight_fields[i];
	return count;
}
