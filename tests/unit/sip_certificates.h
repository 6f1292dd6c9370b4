/* SPDX-License-Identifier: BSD-2-Clause */
/* Certificates for tests of TLS, made anew in a folder: ca.pem, and NAME.pem with NAME.key. */
#ifndef XCAPD_TESTS_SIP_CERTIFICATES_H
#define XCAPD_TESTS_SIP_CERTIFICATES_H

#include "base/text.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <time.h>

#undef NDEBUG
#include <assert.h>

struct authority {
	const char *folder;
	gnutls_x509_crt_t certificate;
	gnutls_x509_privkey_t key;
};

struct certificate_name {
	gnutls_x509_subject_alt_name_t type;
	const char *text; /* NULL: the end of the list */
	size_t size;      /* 0: a text. OTHERNAME: the whole extension as it is encoded */
};

static inline void certificate_write(
	const char *folder, const char *name, const char *suffix, const gnutls_datum_t *text)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/%s.%s", folder, name, suffix);
	FILE *file = fopen(path, "w");
	assert(file && fwrite(text->data, 1, text->size, file) == text->size);
	assert(fclose(file) == 0);
}

static inline void certificate_key(gnutls_x509_privkey_t *out)
{
	assert(gnutls_x509_privkey_init(out) == 0);
	assert(gnutls_x509_privkey_generate(
		       *out, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0)
		== 0);
}

/* An empty one with what all have. */
static inline void certificate_begin(
	gnutls_x509_crt_t *out, gnutls_x509_privkey_t key, const char *common_name, time_t expires)
{
	static unsigned char serial;
	serial++;
	assert(gnutls_x509_crt_init(out) == 0);
	gnutls_x509_crt_set_version(*out, 3);
	gnutls_x509_crt_set_serial(*out, &serial, 1);
	gnutls_x509_crt_set_activation_time(*out, time(NULL) - 7200);
	gnutls_x509_crt_set_expiration_time(*out, expires);
	assert(gnutls_x509_crt_set_dn_by_oid(*out, GNUTLS_OID_X520_COMMON_NAME, 0, common_name,
		       (unsigned)strlen(common_name))
		== 0);
	assert(gnutls_x509_crt_set_key(*out, key) == 0);
}

static inline void authority_begin(
	struct authority *authority, const char *folder, const char *common_name)
{
	gnutls_datum_t text;
	authority->folder = folder;
	certificate_key(&authority->key);
	certificate_begin(&authority->certificate, authority->key, common_name, time(NULL) + 7200);
	gnutls_x509_crt_set_basic_constraints(authority->certificate, 1, -1);
	gnutls_x509_crt_set_key_usage(authority->certificate, GNUTLS_KEY_KEY_CERT_SIGN);
	assert(gnutls_x509_crt_sign2(authority->certificate, authority->certificate, authority->key,
		       GNUTLS_DIG_SHA256, 0)
		== 0);
	assert(gnutls_x509_crt_export2(authority->certificate, GNUTLS_X509_FMT_PEM, &text) == 0);
	certificate_write(folder, "ca", "pem", &text);
	gnutls_free(text.data);
}

static inline void authority_end(struct authority *authority)
{
	gnutls_x509_crt_deinit(authority->certificate);
	gnutls_x509_privkey_deinit(authority->key);
}

static inline void certificate_add_name(
	gnutls_x509_crt_t certificate, const struct certificate_name *name)
{
	unsigned size = (unsigned)(name->size ? name->size : strlen(name->text));
	if (name->type == GNUTLS_SAN_OTHERNAME)
		assert(gnutls_x509_crt_set_extension_by_oid(
			       certificate, GNUTLS_X509EXT_OID_SAN, name->text, size, 0)
			== 0);
	else
		assert(gnutls_x509_crt_set_subject_alt_name(
			       certificate, name->type, name->text, size, GNUTLS_FSAN_APPEND)
			== 0);
}

/* The caller frees it with gnutls_x509_crt_deinit. `name`: of its files. purpose NULL: none said.
 */
static inline gnutls_x509_crt_t authority_issue(struct authority *authority, const char *name,
	const char *common_name, const struct certificate_name *names, const char *purpose,
	time_t expires)
{
	gnutls_x509_privkey_t key;
	gnutls_x509_crt_t certificate;
	gnutls_datum_t text;
	certificate_key(&key);
	certificate_begin(&certificate, key, common_name, expires);
	for (; names && names->text; names++)
		certificate_add_name(certificate, names);
	if (purpose)
		gnutls_x509_crt_set_key_purpose_oid(certificate, purpose, 0);
	assert(gnutls_x509_crt_sign2(
		       certificate, authority->certificate, authority->key, GNUTLS_DIG_SHA256, 0)
		== 0);
	assert(gnutls_x509_crt_export2(certificate, GNUTLS_X509_FMT_PEM, &text) == 0);
	certificate_write(authority->folder, name, "pem", &text);
	gnutls_x509_crt_deinit(certificate);
	assert(gnutls_x509_crt_init(&certificate) == 0);
	assert(gnutls_x509_crt_import(certificate, &text, GNUTLS_X509_FMT_PEM) == 0);
	gnutls_free(text.data);
	assert(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &text) == 0);
	certificate_write(authority->folder, name, "key", &text);
	gnutls_free(text.data);
	gnutls_x509_privkey_deinit(key);
	return certificate;
}

#endif
