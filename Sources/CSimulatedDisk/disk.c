// SPDX-License-Identifier: Apache-2.0
#include "disk.h"

#include <stdlib.h>
#include <string.h>

enum { SECTOR = 512 };

// Bytes

static int reserve(buffer *buffer, int64_t size) {
    if (size <= buffer->room) return 1;
    int64_t room = buffer->room ? buffer->room : 4096;
    while (room < size) room *= 2;
    unsigned char *bytes = realloc(buffer->bytes, (size_t)room);
    if (!bytes) return 0;
    buffer->bytes = bytes;
    buffer->room = room;
    return 1;
}

static int resize(buffer *buffer, int64_t size) {
    if (!reserve(buffer, size)) return 0;
    if (size > buffer->size) memset(buffer->bytes + buffer->size, 0, (size_t)(size - buffer->size));
    buffer->size = size;
    return 1;
}

static int put(buffer *buffer, int64_t offset, const void *bytes, int64_t length) {
    if (length == 0) return 1;
    int64_t end = offset + length;
    if (!reserve(buffer, end)) return 0;
    if (offset > buffer->size) memset(buffer->bytes + buffer->size, 0, (size_t)(offset - buffer->size));
    memcpy(buffer->bytes + offset, bytes, (size_t)length);
    if (end > buffer->size) buffer->size = end;
    return 1;
}

// Files

disk_file *disk_find(csd_disk *disk, const char *path) {
    for (disk_file *file = disk->files; file; file = file->next)
        if (strcmp(file->path, path) == 0) return file;
    return NULL;
}

disk_file *disk_make(csd_disk *disk, const char *path) {
    disk_file *file = disk_find(disk, path);
    if (file) return file;
    file = calloc(1, sizeof *file);
    if (!file) return NULL;
    file->path = strdup(path);
    if (!file->path) {
        free(file);
        return NULL;
    }
    disk_file **last = &disk->files;
    while (*last) last = &(*last)->next;
    *last = file;
    return file;
}

static int note(disk_file *file, enum op_kind kind, int64_t offset, const void *bytes, int64_t length) {
    if (file->op_count == file->op_room) {
        int room = file->op_room ? file->op_room * 2 : 16;
        disk_op *ops = realloc(file->ops, (size_t)room * sizeof *ops);
        if (!ops) return 0;
        file->ops = ops;
        file->op_room = room;
    }
    disk_op op = {kind, offset, length, file->arena.size};
    if (!put(&file->arena, file->arena.size, bytes, length)) return 0;
    file->ops[file->op_count++] = op;
    return 1;
}

static void forget(disk_file *file) {
    file->op_count = 0;
    file->arena.size = 0;
}

/// Brings an operation to the durable bytes; of a write only `length` bytes from `from` on.
static int make_durable(disk_file *file, const disk_op *op, int64_t from, int64_t length) {
    switch (op->kind) {
    case OP_CREATE:
        file->durable_exists = 1;
        return 1;
    case OP_DELETE:
        file->durable_exists = 0;
        file->durable.size = 0;
        return 1;
    case OP_TRUNCATE:
        return !file->durable_exists || resize(&file->durable, op->offset);
    case OP_WRITE:
        // The bytes of a file whose making was forgotten belong to nobody.
        if (!file->durable_exists) return 1;
        return put(&file->durable, op->offset + from, file->arena.bytes + op->data + from, length);
    }
    return 1;
}

static int begins(csd_disk *disk) {
    disk->operations += 1;
    return !disk_is_cut(disk);
}

int disk_is_cut(const csd_disk *disk) { return disk->cut > 0 && disk->operations >= disk->cut; }

int disk_fails(csd_disk *disk, int kind) {
    if (disk->failing[kind] <= 0) return 0;
    disk->failing[kind] -= 1;
    uint64_t *counters[] = {
        &disk->counters.failed_reads, &disk->counters.failed_writes, &disk->counters.failed_syncs};
    *counters[kind] += 1;
    return 1;
}

int disk_create(csd_disk *disk, disk_file *file) {
    int has_power = begins(disk);
    if (!note(file, OP_CREATE, 0, NULL, 0)) return SQLITE_NOMEM;
    if (!has_power) return SQLITE_IOERR;
    disk->counters.creations += 1;
    file->exists = 1;
    return SQLITE_OK;
}

int disk_delete(csd_disk *disk, disk_file *file, int synced) {
    int has_power = begins(disk);
    if (!note(file, OP_DELETE, 0, NULL, 0)) return SQLITE_NOMEM;
    if (!has_power) return SQLITE_IOERR_DELETE;
    disk->counters.deletions += 1;
    disk->used -= file->live.size;
    file->exists = 0;
    file->live.size = 0;
    if (synced) {
        file->durable_exists = 0;
        file->durable.size = 0;
        forget(file);
    }
    return SQLITE_OK;
}

int disk_write(csd_disk *disk, disk_file *file, const void *bytes, int64_t length, int64_t offset) {
    int has_power = begins(disk);
    if (has_power && disk_fails(disk, CSD_WRITE)) return SQLITE_IOERR_WRITE;
    int64_t growth = offset + length - file->live.size;
    if (growth > 0 && disk->capacity >= 0 && disk->used + growth > disk->capacity) {
        if (has_power) disk->counters.refused_for_space += 1;
        return has_power ? SQLITE_FULL : SQLITE_IOERR_WRITE;
    }
    if (!note(file, OP_WRITE, offset, bytes, length)) return SQLITE_NOMEM;
    if (!has_power) return SQLITE_IOERR_WRITE;
    disk->counters.writes += 1;
    if (!put(&file->live, offset, bytes, length)) return SQLITE_NOMEM;
    if (growth > 0) disk->used += growth;
    return SQLITE_OK;
}

int disk_truncate(csd_disk *disk, disk_file *file, int64_t size) {
    int has_power = begins(disk);
    if (!note(file, OP_TRUNCATE, size, NULL, 0)) return SQLITE_NOMEM;
    if (!has_power) return SQLITE_IOERR_TRUNCATE;
    disk->counters.truncations += 1;
    disk->used += size - file->live.size;
    return resize(&file->live, size) ? SQLITE_OK : SQLITE_NOMEM;
}

int disk_sync(csd_disk *disk, disk_file *file) {
    if (!begins(disk)) return SQLITE_IOERR_FSYNC;
    if (disk_fails(disk, CSD_SYNC)) {
        // As Linux has it: the pages count as clean now, and only what is written anew will reach the disk.
        int kept = 0;
        for (int i = 0; i < file->op_count; i++)
            if (file->ops[i].kind != OP_WRITE) file->ops[kept++] = file->ops[i];
        file->op_count = kept;
        return SQLITE_IOERR_FSYNC;
    }
    disk->counters.syncs += 1;
    for (int i = 0; i < file->op_count; i++)
        if (!make_durable(file, &file->ops[i], 0, file->ops[i].length)) return SQLITE_NOMEM;
    forget(file);
    return SQLITE_OK;
}

// Crashes

/// SplitMix64.
static uint64_t draw(uint64_t *state) {
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static void tear(csd_disk *disk, disk_file *file, const disk_op *op, uint64_t *random, int by_sector) {
    disk->counters.torn_writes += 1;
    if (!by_sector) {
        make_durable(file, op, 0, (int64_t)(draw(random) % (uint64_t)(op->length + 1)));
        return;
    }
    for (int64_t from = 0; from < op->length;) {
        int64_t end = ((op->offset + from) / SECTOR + 1) * SECTOR - op->offset;
        if (end > op->length) end = op->length;
        if (draw(random) & 1) make_durable(file, op, from, end - from);
        from = end;
    }
}

static void keep(csd_disk *disk, disk_file *file, const disk_op *op) {
    disk->counters.kept_operations += 1;
    make_durable(file, op, 0, op->length);
}

/// Decides over what a file has unsynced: nothing stays, a beginning stays, or any part of it.
static void settle(csd_disk *disk, disk_file *file, uint64_t *random) {
    int count = file->op_count;
    uint64_t way = draw(random) % 4;
    int until = (int)(draw(random) % (uint64_t)(count + 1));
    for (int i = 0; i < count; i++) {
        const disk_op *op = &file->ops[i];
        int is_kept = way == 0 ? 0 : way == 1 ? i < until : (int)(draw(random) & 1);
        int is_torn = op->kind == OP_WRITE && op->length > 0
            && (way == 1 ? i == until : way == 3 && is_kept && draw(random) % 3 == 0);
        if (is_torn) tear(disk, file, op, random, way == 3);
        else if (is_kept) keep(disk, file, op);
        else disk->counters.lost_operations += 1;
    }
    forget(file);
    file->exists = file->durable_exists;
    file->live.size = 0;
    put(&file->live, 0, file->durable.bytes, file->durable_exists ? file->durable.size : 0);
}

static void end_handles(csd_disk *disk) {
    disk->generation += 1;
    disk->cut = 0;
    memset(disk->failing, 0, sizeof disk->failing);
    for (disk_file *file = disk->files; file; file = file->next) {
        // Those that mapped it hold it until they are closed.
        file->memory = NULL;
        file->sharers = 0;
        file->reserved = file->pending = file->exclusive = NULL;
    }
}

void csd_crash_process(csd_disk *disk) {
    pthread_mutex_lock(&disk->mutex);
    end_handles(disk);
    disk->counters.process_crashes += 1;
    pthread_mutex_unlock(&disk->mutex);
}

void csd_crash_power(csd_disk *disk, uint64_t seed) {
    pthread_mutex_lock(&disk->mutex);
    end_handles(disk);
    disk->counters.power_cuts += 1;
    disk->used = 0;
    for (disk_file *file = disk->files; file; file = file->next) {
        settle(disk, file, &seed);
        disk->used += file->live.size;
    }
    pthread_mutex_unlock(&disk->mutex);
}

// The owner's hand

csd_disk *csd_create(const char *name) {
    csd_disk *disk = calloc(1, sizeof *disk);
    if (!disk) return NULL;
    disk->name = strdup(name);
    if (!disk->name || sqlite3_initialize() != SQLITE_OK) {
        free(disk->name);
        free(disk);
        return NULL;
    }
    pthread_mutex_init(&disk->mutex, NULL);
    disk->holders = 1;
    disk->capacity = -1;
    vfs_prepare(disk);
    sqlite3_vfs_register(&disk->vfs, 0);
    return disk;
}

void memory_release(shared_memory *memory) {
    if (--memory->users > 0) return;
    for (int i = 0; i < memory->count; i++) free(memory->regions[i]);
    free(memory->regions);
    free(memory);
}

/// With the mutex held, which it gives back.
void disk_release(csd_disk *disk) {
    int is_last = --disk->holders == 0;
    pthread_mutex_unlock(&disk->mutex);
    if (!is_last) return;
    while (disk->files) {
        disk_file *file = disk->files;
        disk->files = file->next;
        free(file->live.bytes);
        free(file->durable.bytes);
        free(file->arena.bytes);
        free(file->ops);
        free(file->path);
        free(file);
    }
    pthread_mutex_destroy(&disk->mutex);
    free(disk->name);
    free(disk);
}

void csd_destroy(csd_disk *disk) {
    sqlite3_vfs_unregister(&disk->vfs);
    pthread_mutex_lock(&disk->mutex);
    disk_release(disk);
}

#define WITH_DISK(type, expression) \
    pthread_mutex_lock(&disk->mutex); \
    type result = (expression); \
    pthread_mutex_unlock(&disk->mutex); \
    return result

void csd_cut_at(csd_disk *disk, int64_t operation) {
    pthread_mutex_lock(&disk->mutex);
    disk->cut = operation;
    pthread_mutex_unlock(&disk->mutex);
}

void csd_set_capacity(csd_disk *disk, int64_t bytes) {
    pthread_mutex_lock(&disk->mutex);
    disk->capacity = bytes;
    pthread_mutex_unlock(&disk->mutex);
}

void csd_fail_next(csd_disk *disk, int kind, int count) {
    pthread_mutex_lock(&disk->mutex);
    if (kind >= 0 && kind < 3) disk->failing[kind] = count;
    pthread_mutex_unlock(&disk->mutex);
}

int csd_is_cut(csd_disk *disk) { WITH_DISK(int, disk_is_cut(disk)); }

int64_t csd_operations(csd_disk *disk) { WITH_DISK(int64_t, disk->operations); }

int64_t csd_capacity(csd_disk *disk) { WITH_DISK(int64_t, disk->capacity); }

int64_t csd_used(csd_disk *disk) { WITH_DISK(int64_t, disk->used); }

csd_counters csd_count(csd_disk *disk) { WITH_DISK(csd_counters, disk->counters); }

static int flip(csd_disk *disk, const char *path, int64_t offset, int bit) {
    disk_file *file = disk_find(disk, path);
    if (!file || !file->exists || offset < 0 || offset >= file->live.size) return 0;
    unsigned char mask = (unsigned char)(1u << (bit & 7));
    file->live.bytes[offset] ^= mask;
    if (offset < file->durable.size) file->durable.bytes[offset] ^= mask;
    disk->counters.flipped_bits += 1;
    return 1;
}

int csd_flip(csd_disk *disk, const char *path, int64_t offset, int bit) {
    WITH_DISK(int, flip(disk, path, offset, bit));
}

static int64_t size_of(csd_disk *disk, const char *path, int durable) {
    disk_file *file = disk_find(disk, path);
    if (!file || !(durable ? file->durable_exists : file->exists)) return -1;
    return durable ? file->durable.size : file->live.size;
}

int64_t csd_size(csd_disk *disk, const char *path) { WITH_DISK(int64_t, size_of(disk, path, 0)); }

int64_t csd_durable_size(csd_disk *disk, const char *path) { WITH_DISK(int64_t, size_of(disk, path, 1)); }

static int64_t copy(csd_disk *disk, const char *path, int64_t offset, void *into, int64_t length) {
    disk_file *file = disk_find(disk, path);
    if (!file || !file->exists || offset < 0 || offset >= file->live.size) return 0;
    if (length > file->live.size - offset) length = file->live.size - offset;
    memcpy(into, file->live.bytes + offset, (size_t)length);
    return length;
}

int64_t csd_copy(csd_disk *disk, const char *path, int64_t offset, void *into, int64_t length) {
    WITH_DISK(int64_t, copy(disk, path, offset, into, length));
}

static int place(csd_disk *disk, const char *path, const void *bytes, int64_t length) {
    disk_file *file = disk_make(disk, path);
    if (!file) return 0;
    forget(file);
    disk->used += length - file->live.size;
    file->exists = file->durable_exists = 1;
    file->live.size = file->durable.size = 0;
    return put(&file->live, 0, bytes, length) && put(&file->durable, 0, bytes, length);
}

int csd_put(csd_disk *disk, const char *path, const void *bytes, int64_t length) {
    WITH_DISK(int, place(disk, path, bytes, length));
}

static const char *path_of(csd_disk *disk, int number) {
    for (disk_file *file = disk->files; file; file = file->next)
        if (number-- == 0) return file->path;
    return NULL;
}

const char *csd_path(csd_disk *disk, int number) { WITH_DISK(const char *, path_of(disk, number)); }
