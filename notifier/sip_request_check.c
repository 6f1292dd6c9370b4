/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/sip_transaction.h"

/* SIP's own methods and those of its extensions that are none of ours. */
static const char *const unsupported[] = { "INVITE", "BYE", "REGISTER", "INFO", "PRACK", "UPDATE",
	"REFER", "MESSAGE", "NOTIFY", "PUBLISH" };
static const char *const supported[] = { "OPTIONS", "SUBSCRIBE", "CANCEL" };

static bool is_one_of(struct span method, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (span_equal_text(method, names[i]))
			return true;
	return false;
}

#define IS_ONE_OF(method, names) is_one_of(method, names, sizeof(names) / sizeof(names[0]))

static bool refuse(struct sip_verdict *out, unsigned status, const char *why)
{
	*out = (struct sip_verdict){ .what = SIP_REFUSE, .status = status, .why = why };
	return false;
}

static bool check_form(
	const struct sip *sip, const struct sip_message *request, struct sip_verdict *out)
{
	(void)sip;
	return !request->fault || refuse(out, request->fault, request->why);
}

static bool check_method(
	const struct sip *sip, const struct sip_message *request, struct sip_verdict *out)
{
	(void)sip;
	if (IS_ONE_OF(request->method, supported))
		return true;
	refuse(out, IS_ONE_OF(request->method, unsupported) ? 405 : 501, NULL);
	out->headers = SPAN("Allow: OPTIONS, SUBSCRIBE\r\n");
	return false;
}

static bool is_served(const struct sip *sip, struct span host)
{
	const struct span_list *domains = &sip->settings->auth.domains;
	for (size_t i = 0; i < domains->count; i++)
		if (span_equal_nocase(domains->items[i], host))
			return true;
	return false;
}

static bool check_uri(
	const struct sip *sip, const struct sip_message *request, struct sip_verdict *out)
{
	const struct sip_uri *uri = &request->target;
	if (request->foreign)
		return refuse(out, 416, NULL);
	return is_served(sip, uri->host) || transport_is_ours(sip->transport, uri->host, uri->port)
	       || refuse(out, 404, "Not a domain or address of ours");
}

static bool is_cancel(const struct sip_message *request)
{
	return span_equal_text(request->method, "CANCEL");
}

/* RFC 3261 §8.2.2.3: we know no extension that could be required. */
static bool check_extensions(
	const struct sip *sip, const struct sip_message *request, struct sip_verdict *out)
{
	struct span option;
	struct buffer headers = { .arena = request->arena };
	(void)sip;
	for (size_t n = 0; (option = sip_header(request, "require", n)).data; n++) {
		buffer_text(&headers, n ? ", " : "Unsupported: ");
		buffer_append(&headers, option);
	}
	if (!headers.size || is_cancel(request))
		return true;
	buffer_append(&headers, SPAN("\r\n"));
	refuse(out, 420, NULL);
	out->headers = buffer_span(&headers);
	return false;
}

static bool check_encoding(
	const struct sip *sip, const struct sip_message *request, struct sip_verdict *out)
{
	struct span encoding = sip_header(request, "content-encoding", 0);
	(void)sip;
	if (!encoding.data || !request->body.size || span_equal_nocase(encoding, SPAN("identity")))
		return true;
	refuse(out, 415, "Content-Encoding is not supported");
	out->headers = SPAN("Accept-Encoding: identity\r\n");
	return false;
}

/* RFC 3261 §8.1.1.8: exactly one SIP-URI where a dialog may begin. */
static bool check_contact(
	const struct sip *sip, const struct sip_message *request, struct sip_verdict *out)
{
	struct sip_uri uri;
	(void)sip;
	if (!span_equal_text(request->method, "SUBSCRIBE"))
		return true;
	if (sip_header(request, "contact", 1).data)
		return refuse(out, 400, "More than one Contact");
	if (!request->contact_uri.data)
		return (request->to_tag.size && !sip_header(request, "contact", 0).data)
		       || refuse(out, 400, "No Contact");
	return sip_uri_read(request->arena, request->contact_uri, &uri) == SIP_URI_GOOD
	       || refuse(out, 400, "Contact is not a SIP URI");
}

void sip_request_check(
	const struct sip *sip, const struct sip_message *request, struct sip_verdict *out)
{
	static bool (*const checks[])(const struct sip *sip, const struct sip_message *request,
		struct sip_verdict *out) = { check_form, check_method, check_uri, check_extensions,
		check_encoding, check_contact };
	*out = (struct sip_verdict){ .what = SIP_PASS };
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		if (!checks[i](sip, request, out))
			return;
}
