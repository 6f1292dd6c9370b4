/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/sip_tls_peer.h"

#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <string.h>

enum { NAME_MOST = 512 };

/* One name of a certificate. */
struct alternative {
	int type; /* gnutls_x509_subject_alt_name_t; negative: there is none */
	char text[NAME_MOST];
	size_t size;
};

static bool parse_address(struct span name, unsigned char out[16], size_t *size_out)
{
	char text[INET6_ADDRSTRLEN];
	if (name.size >= sizeof(text))
		return false;
	memcpy(text, name.data, name.size);
	text[name.size] = '\0';
	*size_out = 4;
	if (inet_pton(AF_INET, text, out) == 1)
		return true;
	*size_out = 16;
	return inet_pton(AF_INET6, text, out) == 1;
}

bool peer_name_is_address(const char *name)
{
	unsigned char octets[16];
	size_t size;
	return parse_address(span_of(name), octets, &size);
}

/* A name that is too long for us is no name; false: there is no such one. */
static bool alternative(gnutls_x509_crt_t certificate, unsigned index, struct alternative *out)
{
	unsigned critical;
	out->size = sizeof(out->text);
	out->type = gnutls_x509_crt_get_subject_alt_name(
		certificate, index, out->text, &out->size, &critical);
	if (out->type < 0)
		out->size = 0;
	return out->type != GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE;
}

/* The host of a "sip:" URI without a user; none for any other. */
static struct span sip_host(const struct alternative *name)
{
	struct span uri = { name->text, name->size };
	if (name->type != GNUTLS_SAN_URI || !span_equal_nocase(span_first(uri, 4), SPAN("sip:"))
		|| span_find(uri, '@', NULL))
		return (struct span){ NULL, 0 };
	struct span host = span_from(uri, 4);
	host = span_cut(&host, '?');
	host = span_cut(&host, ';');
	if (!span_starts(host, SPAN("[")))
		return span_cut(&host, ':');
	host = span_from(host, 1);
	return span_cut(&host, ']');
}

static bool by_common_name(gnutls_x509_crt_t certificate, struct span name)
{
	char text[NAME_MOST];
	size_t size = sizeof(text);
	return gnutls_x509_crt_get_dn_by_oid(
		       certificate, GNUTLS_OID_X520_COMMON_NAME, 0, 0, text, &size)
		       >= 0
	       && span_equal_nocase((struct span){ text, size }, name);
}

bool peer_is_named(void *certificate, struct span name)
{
	struct alternative one;
	unsigned char address[16];
	size_t address_size = 0;
	bool is_address = parse_address(name, address, &address_size);
	bool any = false, of_sip = false, by_dns = false;
	for (unsigned i = 0; alternative(certificate, i, &one); i++) {
		struct span text = { one.text, one.size }, host = sip_host(&one);
		any = true;
		of_sip |= host.data != NULL;
		if (host.data && span_equal_nocase(host, name))
			return true;
		if (is_address && one.type == GNUTLS_SAN_IPADDRESS && one.size == address_size
			&& memcmp(one.text, address, address_size) == 0)
			return true;
		if (!is_address && one.type == GNUTLS_SAN_DNSNAME && span_equal_nocase(text, name))
			by_dns = true;
	}
	if (!any)
		return !is_address && by_common_name(certificate, name);
	return by_dns && !of_sip;
}

/* May it be a server's (RFC 5280 §4.2.1.12, RFC 5924)? */
static bool for_servers(gnutls_x509_crt_t certificate)
{
	static const char *const good[] = { GNUTLS_KP_TLS_WWW_SERVER, GNUTLS_KP_ANY,
		"1.3.6.1.5.5.7.3.20" };
	char purpose[128];
	for (unsigned i = 0;; i++) {
		size_t size = sizeof(purpose);
		unsigned critical;
		int error = gnutls_x509_crt_get_key_purpose_oid(
			certificate, i, purpose, &size, &critical);
		if (error == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
			return i == 0;
		for (size_t j = 0; error >= 0 && j < sizeof(good) / sizeof(*good); j++)
			if (strcmp(purpose, good[j]) == 0)
				return true;
	}
}

static const char *chain_refused(gnutls_session_t session)
{
	static const struct {
		unsigned status;
		const char *why;
	} table[] = {
		{ GNUTLS_CERT_REVOKED, "its certificate was revoked" },
		{ GNUTLS_CERT_EXPIRED, "its certificate has expired" },
		{ GNUTLS_CERT_NOT_ACTIVATED, "its certificate is not valid yet" },
		{ GNUTLS_CERT_SIGNER_NOT_FOUND, "its certificate is of no authority known here" },
		{ GNUTLS_CERT_SIGNATURE_FAILURE, "its certificate is wrongly signed" },
		{ GNUTLS_CERT_INSECURE_ALGORITHM, "its certificate uses a broken algorithm" },
	};
	unsigned status = 0;
	if (gnutls_certificate_verify_peers2(session, &status) < 0)
		return "it has no certificate that can be verified";
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (status & table[i].status)
			return table[i].why;
	return status ? "its certificate is not valid" : NULL;
}

const char *peer_refused(void *session, const char *name)
{
	gnutls_x509_crt_t certificate;
	unsigned count = 0;
	const char *why = chain_refused(session);
	if (why)
		return why;
	const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &count);
	if (!chain || !count || gnutls_x509_crt_init(&certificate) < 0)
		return "it has no certificate";
	if (gnutls_x509_crt_import(certificate, chain, GNUTLS_X509_FMT_DER) < 0)
		why = "its certificate cannot be read";
	else if (!for_servers(certificate))
		why = "its certificate is not one for servers";
	else if (name && !peer_is_named(certificate, span_of(name)))
		why = "its certificate is of another name";
	gnutls_x509_crt_deinit(certificate);
	return why;
}
