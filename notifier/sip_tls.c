/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/sip_tls.h"

#include "notifier/sip_tls_peer.h"

#include <errno.h>
#include <gnutls/x509.h>
#include <stdlib.h>
#include <string.h>

/* Authenticated encryption with forward secrecy (RFC 9325 §4.2). */
static const char priorities[] = "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:"
				 "-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA:"
				 "-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305:"
				 "-MAC-ALL:+AEAD";

struct sip_tls_keys {
	unsigned holders;
	gnutls_certificate_credentials_t credentials;
	gnutls_priority_t priority;
};

struct sip_tls {
	gnutls_session_t session;
	struct sip_tls_keys *keys;
	char *name; /* NULL: any */
	bool client, verify, shaken;
	bool halfway; /* a record was refused by the socket and waits in GnuTLS */
	const char *why;
};

/* --- keys --- */

static bool explain(const char *key, struct span file, int error, FILE *problems)
{
	const char *text =
		error == GNUTLS_E_FILE_ERROR && errno ? strerror(errno) : gnutls_strerror(error);
	fprintf(problems, "%s: %.*s: %s\n", key, SPAN_ARG(file), text);
	return false;
}

static bool read_file(const char *key, struct span file, gnutls_datum_t *out, FILE *problems)
{
	errno = 0;
	int error = gnutls_load_file(file.data, out);
	return error >= 0 || explain(key, file, error, problems);
}

static bool load_pair(struct sip_tls_keys *keys, const struct settings *settings, FILE *problems)
{
	static const char names[2][sizeof("notifier.tls-certificate")] = {
		"notifier.tls-certificate", "notifier.tls-key"
	};
	struct span files[2] = { settings->notifier.tls_certificate, settings->notifier.tls_key };
	gnutls_datum_t texts[2] = { { NULL, 0 }, { NULL, 0 } };
	bool good = true;
	if (!files[0].size)
		return true;
	for (int i = 0; i < 2; i++)
		good &= read_file(names[i], files[i], &texts[i], problems);
	if (good) {
		int error = gnutls_certificate_set_x509_key_mem(
			keys->credentials, &texts[0], &texts[1], GNUTLS_X509_FMT_PEM);
		good = error >= 0 || explain(names[0], files[0], error, problems);
	}
	if (texts[1].data)
		gnutls_memset(texts[1].data, 0, texts[1].size);
	gnutls_free(texts[0].data);
	gnutls_free(texts[1].data);
	return good;
}

/* A system without a trust store verifies nothing: then TLS targets are refused, and say so. */
static bool load_trust(struct sip_tls_keys *keys, const struct settings *settings, FILE *problems)
{
	struct span file = settings->notifier.tls_ca;
	if (!file.size) {
		gnutls_certificate_set_x509_system_trust(keys->credentials);
		return true;
	}
	errno = 0;
	int count = gnutls_certificate_set_x509_trust_file(
		keys->credentials, file.data, GNUTLS_X509_FMT_PEM);
	if (count < 0)
		return explain("notifier.tls-ca", file, count, problems);
	if (!count)
		fprintf(problems, "notifier.tls-ca: %.*s: no certificate in it\n", SPAN_ARG(file));
	return count > 0;
}

bool sip_tls_keys_load(struct sip_tls_keys **out, const struct settings *settings, FILE *problems)
{
	struct sip_tls_keys *keys = calloc(1, sizeof(*keys));
	*out = NULL;
	if (!keys || gnutls_certificate_allocate_credentials(&keys->credentials) < 0
		|| gnutls_priority_init(&keys->priority, priorities, NULL) < 0) {
		fprintf(problems, "notifier.tls-certificate: out of memory\n");
		if (keys && keys->credentials)
			gnutls_certificate_free_credentials(keys->credentials);
		free(keys);
		return false;
	}
	keys->holders = 1;
	bool pair = load_pair(keys, settings, problems);
	if (load_trust(keys, settings, problems) && pair) {
		*out = keys;
		return true;
	}
	sip_tls_keys_release(&keys);
	return false;
}

void sip_tls_keys_release(struct sip_tls_keys **keys)
{
	struct sip_tls_keys *gone = *keys;
	*keys = NULL;
	if (!gone || --gone->holders)
		return;
	gnutls_certificate_free_credentials(gone->credentials);
	gnutls_priority_deinit(gone->priority);
	free(gone);
}

/* --- sessions --- */

static struct sip_tls *begin(struct sip_tls_keys *keys, int fd, unsigned side)
{
	struct sip_tls *tls = calloc(1, sizeof(*tls));
	unsigned flags = side | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL | GNUTLS_NO_TICKETS;
	if (!tls || gnutls_init(&tls->session, flags) < 0) {
		free(tls);
		return NULL;
	}
	tls->client = side == GNUTLS_CLIENT;
	tls->keys = keys;
	keys->holders++;
	gnutls_transport_set_int(tls->session, fd);
	gnutls_handshake_set_timeout(tls->session, GNUTLS_INDEFINITE_TIMEOUT);
	if (gnutls_priority_set(tls->session, keys->priority) < 0
		|| gnutls_credentials_set(tls->session, GNUTLS_CRD_CERTIFICATE, keys->credentials)
			   < 0)
		sip_tls_end(&tls);
	return tls;
}

struct sip_tls *sip_tls_accept(struct sip_tls_keys *keys, int fd)
{
	return begin(keys, fd, GNUTLS_SERVER);
}

struct sip_tls *sip_tls_connect(struct sip_tls_keys *keys, int fd, const char *name, bool verify)
{
	struct sip_tls *tls = begin(keys, fd, GNUTLS_CLIENT);
	if (!tls)
		return NULL;
	tls->verify = verify;
	if (!name)
		return tls;
	tls->name = strdup(name);
	/* a server name is no address (RFC 6066 §3) */
	if (!tls->name
		|| (!peer_name_is_address(name)
			&& gnutls_server_name_set(tls->session, GNUTLS_NAME_DNS, name, strlen(name))
				   < 0))
		sip_tls_end(&tls);
	return tls;
}

void sip_tls_end(struct sip_tls **tls)
{
	struct sip_tls *gone = *tls;
	*tls = NULL;
	if (!gone)
		return;
	if (gone->shaken && !gone->why && !gone->halfway)
		gnutls_bye(gone->session, GNUTLS_SHUT_WR);
	gnutls_deinit(gone->session);
	sip_tls_keys_release(&gone->keys);
	free(gone->name);
	free(gone);
}

static enum sip_tls_result fail(struct sip_tls *tls, const char *why)
{
	tls->why = why;
	return SIP_TLS_FAILED;
}

/* What a call that gave no octets means. */
static enum sip_tls_result result_of(struct sip_tls *tls, ssize_t error)
{
	if (error == GNUTLS_E_AGAIN || error == GNUTLS_E_INTERRUPTED
		|| error == GNUTLS_E_WARNING_ALERT_RECEIVED)
		return gnutls_record_get_direction(tls->session) ? SIP_TLS_WAIT_OUT
								 : SIP_TLS_WAIT_IN;
	if (!error || error == GNUTLS_E_PREMATURE_TERMINATION) {
		tls->why = "closed by the peer";
		return SIP_TLS_END;
	}
	if (error == GNUTLS_E_FATAL_ALERT_RECEIVED)
		return fail(tls, gnutls_alert_get_name(gnutls_alert_get(tls->session)));
	return fail(tls, gnutls_strerror((int)error));
}

enum sip_tls_result sip_tls_handshake(struct sip_tls *tls)
{
	int error = gnutls_handshake(tls->session);
	if (error < 0) {
		if (gnutls_error_is_fatal(error))
			gnutls_alert_send_appropriate(tls->session, error);
		return result_of(tls, error);
	}
	tls->shaken = true;
	if (!tls->client || !tls->verify)
		return SIP_TLS_DONE;
	const char *why = peer_refused(tls->session, tls->name);
	if (!why)
		return SIP_TLS_DONE;
	gnutls_alert_send(tls->session, GNUTLS_AL_FATAL, GNUTLS_A_BAD_CERTIFICATE);
	return fail(tls, why);
}

enum sip_tls_result sip_tls_read(struct sip_tls *tls, char *data, size_t room, size_t *size_out)
{
	ssize_t got = gnutls_record_recv(tls->session, data, room);
	if (got <= 0)
		return result_of(tls, got);
	*size_out = (size_t)got;
	return SIP_TLS_DONE;
}

bool sip_tls_pending(const struct sip_tls *tls)
{
	return gnutls_record_check_pending(tls->session) > 0;
}

enum sip_tls_result sip_tls_write(
	struct sip_tls *tls, const char *data, size_t size, size_t *size_out)
{
	ssize_t sent = tls->halfway ? gnutls_record_send(tls->session, NULL, 0)
				    : gnutls_record_send(tls->session, data, size);
	tls->halfway = sent == GNUTLS_E_AGAIN || sent == GNUTLS_E_INTERRUPTED;
	if (tls->halfway)
		return SIP_TLS_WAIT_OUT;
	if (sent < 0)
		return result_of(tls, sent);
	*size_out = (size_t)sent;
	return SIP_TLS_DONE;
}

const char *sip_tls_why(const struct sip_tls *tls)
{
	return tls->why ? tls->why : "TLS failed";
}
