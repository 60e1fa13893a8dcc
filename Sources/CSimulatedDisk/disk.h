// SPDX-License-Identifier: Apache-2.0
// The disk's own view of itself; disk.c keeps the bytes, vfs.c shows them to SQLite.
#ifndef C_SIMULATED_DISK_PRIVATE_H
#define C_SIMULATED_DISK_PRIVATE_H

#include "CSimulatedDisk.h"

#include <pthread.h>
#include <sqlite3.h>

enum op_kind { OP_WRITE, OP_TRUNCATE, OP_CREATE, OP_DELETE };

/// Something done to a file since its last sync.
typedef struct {
    enum op_kind kind;
    int64_t offset; // of a write; the new size of a truncation
    int64_t length;
    int64_t data; // where the bytes of a write begin in the arena
} disk_op;

typedef struct {
    unsigned char *bytes;
    int64_t size, room;
} buffer;

#define SHM_LOCKS SQLITE_SHM_NLOCK

/// The shared memory of a database's connections. Held by those that mapped it: a dead connection still looks at it.
typedef struct shared_memory {
    int users;
    unsigned char **regions;
    int count, region_size;
    int shared[SHM_LOCKS];
    void *exclusive[SHM_LOCKS];
} shared_memory;

typedef struct disk_file {
    char *path;
    int exists, durable_exists;
    buffer live, durable, arena;
    disk_op *ops;
    int op_count, op_room;
    shared_memory *memory;
    int sharers; // connections with a shared lock or more
    void *reserved, *pending, *exclusive;
    struct disk_file *next;
} disk_file;

struct csd_disk {
    sqlite3_vfs vfs;
    pthread_mutex_t mutex;
    char *name;
    int holders; // handles, and the owner
    uint64_t generation; // handles of an earlier one are dead
    disk_file *files;
    int64_t capacity, used;
    int64_t operations, cut;
    int failing[3];
    int64_t ticks;
    csd_counters counters;
};

disk_file *disk_find(csd_disk *disk, const char *path);
disk_file *disk_make(csd_disk *disk, const char *path);
/// Each changes the live bytes and notes itself as unsynced; SQLITE_OK or an error.
int disk_create(csd_disk *disk, disk_file *file);
int disk_delete(csd_disk *disk, disk_file *file, int synced);
int disk_write(csd_disk *disk, disk_file *file, const void *bytes, int64_t length, int64_t offset);
int disk_truncate(csd_disk *disk, disk_file *file, int64_t size);
int disk_sync(csd_disk *disk, disk_file *file);
/// Whether the next operation of a kind fails, which is counted.
int disk_fails(csd_disk *disk, int kind);
/// Whether the power has gone at an operation.
int disk_is_cut(const csd_disk *disk);
void disk_release(csd_disk *disk);
void memory_release(shared_memory *memory);
void vfs_prepare(csd_disk *disk);

#endif
