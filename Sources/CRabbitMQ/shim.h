// SPDX-License-Identifier: Apache-2.0
#ifndef COMPUTE_WORKER_CRABBITMQ_SHIM_H
#define COMPUTE_WORKER_CRABBITMQ_SHIM_H

// stddef.h comes first: the library's headers use NULL and size_t without including it.
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/time.h>

#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

// amqp_login_with_properties takes its credentials as variadic arguments, which Swift cannot pass.
static inline amqp_rpc_reply_t crabbitmq_login_plain(
    amqp_connection_state_t state, const char *virtual_host, int channel_max, int frame_max, int heartbeat,
    const amqp_table_t *properties, const char *user, const char *password)
{
    return amqp_login_with_properties(state, virtual_host, channel_max, frame_max, heartbeat, properties,
                                      AMQP_SASL_METHOD_PLAIN, user, password);
}

// The same for EXTERNAL, where the broker takes the identity from the client's certificate.
static inline amqp_rpc_reply_t crabbitmq_login_external(
    amqp_connection_state_t state, const char *virtual_host, int channel_max, int frame_max, int heartbeat,
    const amqp_table_t *properties, const char *identity)
{
    return amqp_login_with_properties(state, virtual_host, channel_max, frame_max, heartbeat, properties,
                                      AMQP_SASL_METHOD_EXTERNAL, identity);
}

// The library compares DNS names only; OpenSSL itself compares an address with the certificate's addresses.
// Returns 1 when the address was set.
static inline int crabbitmq_expect_address(amqp_socket_t *socket, const char *address)
{
    SSL_CTX *context = (SSL_CTX *)amqp_ssl_socket_get_context(socket);
    return context != NULL && X509_VERIFY_PARAM_set1_ip_asc(SSL_CTX_get0_param(context), address) == 1;
}

// The library says of a failed handshake only that it failed; OpenSSL keeps the reason for the thread.
static inline void crabbitmq_clear_tls_cause(void) { ERR_clear_error(); }
static inline const char *crabbitmq_tls_cause(void) { return ERR_reason_error_string(ERR_peek_last_error()); }

// eventfd is missing from Swift's Glibc module.
static inline int crabbitmq_eventfd(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

// prctl is variadic, and pthread_setname_np is missing from Glibc's module. The kernel keeps 15 bytes.
static inline void crabbitmq_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }

#endif
