/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcapd/tls.h"

#include <errno.h>
#include <gnutls/abstract.h>
#include <gnutls/x509.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct tls {
	atomic_uint holders;
	gnutls_certificate_credentials_t credentials;
	bool ask_client;
};

/* What stands in the files of certificate and key. */
struct pair {
	gnutls_x509_crt_t *chain;
	unsigned length;
	gnutls_x509_privkey_t key;
};

const char tls_priority[] = "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:"
			    "-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA:"
			    "-CIPHER-ALL:+AES-256-GCM:+CHACHA20-POLY1305:+AES-128-GCM:"
			    "-MAC-ALL:+AEAD";

static bool read_text(struct span file, gnutls_datum_t *out, FILE *problems)
{
	errno = 0;
	if (gnutls_load_file(file.data, out) == GNUTLS_E_SUCCESS)
		return true;
	fprintf(problems, "%s: %s\n", file.data, errno ? strerror(errno) : "cannot be read");
	return false;
}

static void forget_text(gnutls_datum_t *text)
{
	if (text->data)
		gnutls_memset(text->data, 0, text->size);
	gnutls_free(text->data);
}

static bool explain(struct span file, const char *what, int error, FILE *problems)
{
	fprintf(problems, "%s: %s: %s\n", file.data, what, gnutls_strerror(error));
	return false;
}

/* Clients refuse an expired certificate, but they can read why: better than no server. */
static void tell_expiry(struct span file, gnutls_x509_crt_t certificate, FILE *problems)
{
	time_t now = time(NULL);
	if (gnutls_x509_crt_get_expiration_time(certificate) < now)
		fprintf(problems, "%s: the certificate has expired\n", file.data);
	else if (gnutls_x509_crt_get_activation_time(certificate) > now)
		fprintf(problems, "%s: the certificate is not valid yet\n", file.data);
}

static bool read_chain(struct span file, struct pair *pair, FILE *problems)
{
	gnutls_datum_t text = { NULL, 0 };
	if (!read_text(file, &text, problems))
		return false;
	int error = gnutls_x509_crt_list_import2(&pair->chain, &pair->length, &text,
		GNUTLS_X509_FMT_PEM, GNUTLS_X509_CRT_LIST_FAIL_IF_UNSORTED);
	gnutls_free(text.data);
	if (error < 0)
		return explain(file, "no certificate chain", error, problems);
	tell_expiry(file, pair->chain[0], problems);
	return true;
}

static bool read_key(struct span file, struct pair *pair, FILE *problems)
{
	gnutls_datum_t text = { NULL, 0 };
	if (!read_text(file, &text, problems))
		return false;
	int error = gnutls_x509_privkey_init(&pair->key);
	if (error >= 0)
		error = gnutls_x509_privkey_import2(pair->key, &text, GNUTLS_X509_FMT_PEM, NULL, 0);
	forget_text(&text);
	return error >= 0 || explain(file, "no usable key", error, problems);
}

static void pair_free(struct pair *pair)
{
	for (unsigned i = 0; i < pair->length; i++)
		gnutls_x509_crt_deinit(pair->chain[i]);
	gnutls_free(pair->chain);
	if (pair->key)
		gnutls_x509_privkey_deinit(pair->key);
}

static bool load_pair(struct tls *tls, const struct settings *settings, FILE *problems)
{
	struct pair pair = { 0 };
	bool chain = read_chain(settings->http.tls_certificate, &pair, problems);
	bool good = read_key(settings->http.tls_key, &pair, problems) && chain;
	if (good) {
		int error = gnutls_certificate_set_x509_key(
			tls->credentials, pair.chain, (int)pair.length, pair.key);
		good = error >= 0
		       || explain(settings->http.tls_key, "with the certificate", error, problems);
	}
	pair_free(&pair);
	return good;
}

/* A session without a client certificate goes on: it was asked for, not demanded. */
static int verify_client(gnutls_session_t session)
{
	gnutls_typed_vdata_st purpose = { .type = GNUTLS_DT_KEY_PURPOSE_OID,
		.data = (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_CLIENT };
	unsigned count = 0, status = 0;
	if (!gnutls_certificate_get_peers(session, &count) || !count)
		return 0;
	int error = gnutls_certificate_verify_peers(session, &purpose, 1, &status);
	if (error >= 0 && !status)
		return 0;
	gnutls_datum_t why = { NULL, 0 };
	if (error >= 0)
		gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &why, 0);
	log_event(LEVEL_INFO, "tls", "a client certificate is refused: %s",
		why.data ? (const char *)why.data : gnutls_strerror(error));
	gnutls_free(why.data);
	gnutls_alert_send(session, GNUTLS_AL_FATAL, GNUTLS_A_BAD_CERTIFICATE);
	return GNUTLS_E_CERTIFICATE_ERROR;
}

static bool load_authorities(struct tls *tls, struct span file, FILE *problems)
{
	gnutls_datum_t text = { NULL, 0 };
	if (!file.size)
		return true;
	if (!read_text(file, &text, problems))
		return false;
	int count =
		gnutls_certificate_set_x509_trust_mem(tls->credentials, &text, GNUTLS_X509_FMT_PEM);
	gnutls_free(text.data);
	if (count < 0)
		return explain(file, "no certificates", count, problems);
	if (!count)
		fprintf(problems, "%s: no certificate in it\n", file.data);
	gnutls_certificate_set_verify_function(tls->credentials, verify_client);
	tls->ask_client = true;
	return count > 0;
}

bool tls_load(struct tls **out, const struct settings *settings, FILE *problems)
{
	*out = NULL;
	if (!settings->http.tls_certificate.size)
		return true;
	struct tls *tls = calloc(1, sizeof(*tls));
	if (!tls || gnutls_certificate_allocate_credentials(&tls->credentials) < 0) {
		fprintf(problems, "http.tls-certificate: out of memory\n");
		free(tls);
		return false;
	}
	atomic_init(&tls->holders, 1);
	bool pair = load_pair(tls, settings, problems);
	if (load_authorities(tls, settings->http.tls_client_ca, problems) && pair) {
		*out = tls;
		return true;
	}
	tls_release(tls);
	return false;
}

struct tls *tls_hold(struct tls *tls)
{
	if (tls)
		atomic_fetch_add_explicit(&tls->holders, 1, memory_order_relaxed);
	return tls;
}

void tls_release(struct tls *tls)
{
	if (!tls || atomic_fetch_sub_explicit(&tls->holders, 1, memory_order_acq_rel) != 1)
		return;
	gnutls_certificate_free_credentials(tls->credentials);
	free(tls);
}

bool tls_attach(struct tls *tls, void *data)
{
	gnutls_session_t session = data;
	if (tls->ask_client)
		gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUEST);
	return gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, tls->credentials) >= 0;
}

static int refuse(gnutls_session_t session, const struct gnutls_cert_retr_st *info,
	gnutls_pcert_st **certificates, unsigned *count, gnutls_ocsp_data_st **ocsp,
	unsigned *ocsp_count, gnutls_privkey_t *key, unsigned *flags)
{
	(void)session, (void)info, (void)certificates, (void)ocsp, (void)key;
	*count = *ocsp_count = *flags = 0;
	return -1;
}

void *tls_no_certificate(void)
{
	return (void *)(uintptr_t)refuse;
}
