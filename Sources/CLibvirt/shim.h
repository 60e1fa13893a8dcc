// SPDX-License-Identifier: Apache-2.0

// What Swift can't reach in libvirt, each with its reason.

#ifndef COMPUTE_WORKER_CLIBVIRT_SHIM_H
#define COMPUTE_WORKER_CLIBVIRT_SHIM_H

#include <stddef.h>
#include <sys/prctl.h>

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

static void clibvirt_ignore(void *data, virErrorPtr error) { (void)data, (void)error; }

// Without a handler of ours libvirt prints every error to stderr. The macro-typed null context is C's business.
static inline void clibvirt_silence(void) { virSetErrorFunc(NULL, clibvirt_ignore); }

// VIR_DOMAIN_EVENT_CALLBACK is a cast macro.
static inline int clibvirt_register_lifecycle(virConnectPtr connection, virConnectDomainEventCallback callback,
                                              void *data, virFreeCallback release) {
    return virConnectDomainEventRegisterAny(connection, NULL, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                                            VIR_DOMAIN_EVENT_CALLBACK(callback), data, release);
}

// prctl is variadic; pthread_setname_np is missing from Swift's Glibc module.
static inline void clibvirt_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }

#endif
