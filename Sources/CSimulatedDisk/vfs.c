// SPDX-License-Identifier: Apache-2.0
// The disk as SQLite sees it: files, their locks, and the shared memory of a write-ahead log.
#include "disk.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    sqlite3_file base;
    csd_disk *disk;
    disk_file *file;
    uint64_t generation;
    int lock;
    int is_temporary;
    int is_read_only;
    shared_memory *memory;
    unsigned int shared, exclusive; // bits of the locks that it holds on the memory
} handle;

/// Takes the disk's mutex; 0, and no mutex, where the handle is dead or the power gone.
static int enter(handle *handle) {
    pthread_mutex_lock(&handle->disk->mutex);
    if (handle->generation == handle->disk->generation && !disk_is_cut(handle->disk)) return 1;
    pthread_mutex_unlock(&handle->disk->mutex);
    return 0;
}

static int leave(handle *handle, int result) {
    pthread_mutex_unlock(&handle->disk->mutex);
    return result;
}

static int read_file(sqlite3_file *raw, void *into, int length, sqlite3_int64 offset) {
    handle *self = (handle *)raw;
    if (!enter(self)) return SQLITE_IOERR_READ;
    if (disk_fails(self->disk, CSD_READ)) return leave(self, SQLITE_IOERR_READ);
    self->disk->counters.reads += 1;
    const buffer *live = &self->file->live;
    int64_t available = offset >= live->size ? 0 : live->size - offset;
    if (available >= length) {
        memcpy(into, live->bytes + offset, (size_t)length);
        return leave(self, SQLITE_OK);
    }
    if (available > 0) memcpy(into, live->bytes + offset, (size_t)available);
    memset((char *)into + available, 0, (size_t)(length - available));
    return leave(self, SQLITE_IOERR_SHORT_READ);
}

static int write_file(sqlite3_file *raw, const void *bytes, int length, sqlite3_int64 offset) {
    handle *self = (handle *)raw;
    if (self->is_read_only) return SQLITE_READONLY;
    if (!enter(self)) return SQLITE_IOERR_WRITE;
    return leave(self, disk_write(self->disk, self->file, bytes, length, offset));
}

static int truncate_file(sqlite3_file *raw, sqlite3_int64 size) {
    handle *self = (handle *)raw;
    if (self->is_read_only) return SQLITE_READONLY;
    if (!enter(self)) return SQLITE_IOERR_TRUNCATE;
    return leave(self, disk_truncate(self->disk, self->file, size));
}

static int sync_file(sqlite3_file *raw, int flags) {
    (void)flags;
    handle *self = (handle *)raw;
    if (!enter(self)) return SQLITE_IOERR_FSYNC;
    return leave(self, disk_sync(self->disk, self->file));
}

static int file_size(sqlite3_file *raw, sqlite3_int64 *size) {
    handle *self = (handle *)raw;
    if (!enter(self)) return SQLITE_IOERR_FSTAT;
    *size = self->file->live.size;
    return leave(self, SQLITE_OK);
}

// Locks of a file

static void drop_to(handle *self, int lock) {
    disk_file *file = self->file;
    if (lock < SQLITE_LOCK_EXCLUSIVE && file->exclusive == self) file->exclusive = NULL;
    if (lock < SQLITE_LOCK_PENDING && file->pending == self) file->pending = NULL;
    if (lock < SQLITE_LOCK_RESERVED && file->reserved == self) file->reserved = NULL;
    if (lock == SQLITE_LOCK_NONE && self->lock >= SQLITE_LOCK_SHARED) file->sharers -= 1;
    self->lock = lock;
}

static int take(handle *self, int lock) {
    disk_file *file = self->file;
    if (self->lock >= lock) return SQLITE_OK;
    // As a real system refuses a write lock through a descriptor that can't write.
    if (lock > SQLITE_LOCK_SHARED && self->is_read_only) return SQLITE_IOERR_LOCK;
    if (lock == SQLITE_LOCK_SHARED) {
        if (file->pending || file->exclusive) return SQLITE_BUSY;
        file->sharers += 1;
    } else if (lock == SQLITE_LOCK_RESERVED) {
        if (file->reserved) return SQLITE_BUSY;
        file->reserved = self;
    } else {
        if (file->pending && file->pending != self) return SQLITE_BUSY;
        if (file->reserved && file->reserved != self) return SQLITE_BUSY;
        file->pending = self;
        if (file->sharers > 1) return SQLITE_BUSY;
        file->exclusive = self;
    }
    self->lock = lock;
    return SQLITE_OK;
}

static int lock_file(sqlite3_file *raw, int lock) {
    handle *self = (handle *)raw;
    if (!enter(self)) return SQLITE_IOERR_LOCK;
    return leave(self, take(self, lock));
}

static int unlock_file(sqlite3_file *raw, int lock) {
    handle *self = (handle *)raw;
    if (!enter(self)) return SQLITE_IOERR_UNLOCK;
    // A pending lock may be held without the level of it: an exclusive one was asked for and refused.
    drop_to(self, lock);
    return leave(self, SQLITE_OK);
}

static int check_reserved(sqlite3_file *raw, int *result) {
    handle *self = (handle *)raw;
    if (!enter(self)) return SQLITE_IOERR_CHECKRESERVEDLOCK;
    *result = self->file->reserved != NULL;
    return leave(self, SQLITE_OK);
}

static int control(sqlite3_file *raw, int operation, void *argument) {
    (void)raw;
    (void)operation;
    (void)argument;
    return SQLITE_NOTFOUND;
}

static int sector_size(sqlite3_file *raw) {
    (void)raw;
    return 4096;
}

static int characteristics(sqlite3_file *raw) {
    (void)raw;
    // What the file systems of the worker's hosts promise, and SQLite takes for given there.
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

// Shared memory

static int map_memory(sqlite3_file *raw, int number, int size, int extends, void volatile **region) {
    handle *self = (handle *)raw;
    *region = NULL;
    if (!enter(self)) return SQLITE_IOERR_SHMMAP;
    if (!self->memory) {
        if (!self->file->memory) {
            self->file->memory = calloc(1, sizeof(shared_memory));
            if (!self->file->memory) return leave(self, SQLITE_NOMEM);
            self->file->memory->region_size = size;
        }
        self->memory = self->file->memory;
        self->memory->users += 1;
    }
    shared_memory *memory = self->memory;
    if (number >= memory->count) {
        if (!extends) return leave(self, SQLITE_OK);
        unsigned char **regions = realloc(memory->regions, (size_t)(number + 1) * sizeof *regions);
        if (!regions) return leave(self, SQLITE_NOMEM);
        memory->regions = regions;
        while (memory->count <= number) {
            regions[memory->count] = calloc(1, (size_t)size);
            if (!regions[memory->count]) return leave(self, SQLITE_NOMEM);
            memory->count += 1;
        }
    }
    *region = memory->regions[number];
    return leave(self, SQLITE_OK);
}

static void unlock_memory(handle *self, int from, int count) {
    for (int i = from; i < from + count; i++) {
        if (self->exclusive & 1u << i) self->memory->exclusive[i] = NULL;
        if (self->shared & 1u << i) self->memory->shared[i] -= 1;
        self->exclusive &= ~(1u << i);
        self->shared &= ~(1u << i);
    }
}

static int lock_memory(sqlite3_file *raw, int from, int count, int flags) {
    handle *self = (handle *)raw;
    if (!enter(self)) return SQLITE_IOERR_SHMLOCK;
    shared_memory *memory = self->memory;
    if (!memory) return leave(self, SQLITE_IOERR_SHMLOCK);
    if (flags & SQLITE_SHM_UNLOCK) {
        unlock_memory(self, from, count);
        return leave(self, SQLITE_OK);
    }
    for (int i = from; i < from + count; i++) {
        unsigned int bit = 1u << i;
        if (memory->exclusive[i] && memory->exclusive[i] != self) return leave(self, SQLITE_BUSY);
        int others = memory->shared[i] - (self->shared & bit ? 1 : 0);
        if (flags & SQLITE_SHM_EXCLUSIVE && others > 0) return leave(self, SQLITE_BUSY);
    }
    for (int i = from; i < from + count; i++) {
        unsigned int bit = 1u << i;
        if (flags & SQLITE_SHM_EXCLUSIVE) {
            memory->exclusive[i] = self;
            self->exclusive |= bit;
        } else if (!(self->shared & bit)) {
            memory->shared[i] += 1;
            self->shared |= bit;
        }
    }
    return leave(self, SQLITE_OK);
}

static void memory_barrier(sqlite3_file *raw) {
    (void)raw;
    __sync_synchronize();
}

static void leave_memory(handle *self) {
    if (!self->memory) return;
    unlock_memory(self, 0, SHM_LOCKS);
    // The memory goes with its last user, as the file does that real systems keep it in.
    if (self->memory->users == 1 && self->file && self->file->memory == self->memory) self->file->memory = NULL;
    memory_release(self->memory);
    self->memory = NULL;
}

static int unmap_memory(sqlite3_file *raw, int deletes) {
    (void)deletes;
    handle *self = (handle *)raw;
    // Of a dead handle, too: it holds memory.
    pthread_mutex_lock(&self->disk->mutex);
    leave_memory(self);
    return leave(self, SQLITE_OK);
}

static int close_file(sqlite3_file *raw) {
    handle *self = (handle *)raw;
    csd_disk *disk = self->disk;
    pthread_mutex_lock(&disk->mutex);
    if (self->generation == disk->generation && self->file) drop_to(self, SQLITE_LOCK_NONE);
    leave_memory(self);
    if (self->is_temporary) {
        disk->used -= self->file->live.size;
        free(self->file->live.bytes);
        free(self->file->arena.bytes);
        free(self->file->durable.bytes);
        free(self->file->ops);
        free(self->file);
    }
    self->file = NULL;
    disk_release(disk);
    return SQLITE_OK;
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = close_file,
    .xRead = read_file,
    .xWrite = write_file,
    .xTruncate = truncate_file,
    .xSync = sync_file,
    .xFileSize = file_size,
    .xLock = lock_file,
    .xUnlock = unlock_file,
    .xCheckReservedLock = check_reserved,
    .xFileControl = control,
    .xSectorSize = sector_size,
    .xDeviceCharacteristics = characteristics,
    .xShmMap = map_memory,
    .xShmLock = lock_memory,
    .xShmBarrier = memory_barrier,
    .xShmUnmap = unmap_memory,
};

// The disk

static csd_disk *disk_of(sqlite3_vfs *vfs) { return vfs->pAppData; }

static int open_locked(csd_disk *disk, const char *path, handle *self, int flags) {
    if (disk_is_cut(disk)) return SQLITE_CANTOPEN;
    if (!path) {
        self->file = calloc(1, sizeof *self->file);
        if (!self->file) return SQLITE_NOMEM;
        self->file->exists = 1;
        self->is_temporary = 1;
        return SQLITE_OK;
    }
    disk_file *file = disk_find(disk, path);
    if (!file || !file->exists) {
        if (!(flags & SQLITE_OPEN_CREATE)) return SQLITE_CANTOPEN;
        file = disk_make(disk, path);
        if (!file) return SQLITE_NOMEM;
        if (disk_create(disk, file) != SQLITE_OK) return SQLITE_CANTOPEN;
    }
    self->file = file;
    return SQLITE_OK;
}

static int open_file(sqlite3_vfs *vfs, const char *path, sqlite3_file *raw, int flags, int *taken) {
    csd_disk *disk = disk_of(vfs);
    handle *self = (handle *)raw;
    memset(self, 0, sizeof *self);
    pthread_mutex_lock(&disk->mutex);
    int result = open_locked(disk, path, self, flags);
    if (result == SQLITE_OK) {
        self->disk = disk;
        self->generation = disk->generation;
        self->is_read_only = (flags & SQLITE_OPEN_READONLY) != 0;
        self->base.pMethods = &methods;
        disk->holders += 1;
        if (taken) *taken = flags;
    }
    pthread_mutex_unlock(&disk->mutex);
    return result;
}

static int delete_file(sqlite3_vfs *vfs, const char *path, int synced) {
    csd_disk *disk = disk_of(vfs);
    pthread_mutex_lock(&disk->mutex);
    disk_file *file = disk_find(disk, path);
    int result = disk_is_cut(disk) ? SQLITE_IOERR_DELETE
        : !file || !file->exists   ? SQLITE_IOERR_DELETE_NOENT
                                   : disk_delete(disk, file, synced);
    pthread_mutex_unlock(&disk->mutex);
    return result;
}

static int access_file(sqlite3_vfs *vfs, const char *path, int flags, int *result) {
    (void)flags;
    csd_disk *disk = disk_of(vfs);
    pthread_mutex_lock(&disk->mutex);
    disk_file *file = disk_find(disk, path);
    *result = file && file->exists && (flags != SQLITE_ACCESS_EXISTS || file->live.size > 0);
    pthread_mutex_unlock(&disk->mutex);
    return SQLITE_OK;
}

static int full_path(sqlite3_vfs *vfs, const char *path, int room, char *into) {
    (void)vfs;
    if (strlen(path) + 1 > (size_t)room) return SQLITE_CANTOPEN;
    strcpy(into, path);
    return SQLITE_OK;
}

static int random_bytes(sqlite3_vfs *vfs, int count, char *into) {
    csd_disk *disk = disk_of(vfs);
    pthread_mutex_lock(&disk->mutex);
    for (int i = 0; i < count; i++) into[i] = (char)(disk->ticks++ * 167 + 13);
    pthread_mutex_unlock(&disk->mutex);
    return count;
}

static int sleep_for(sqlite3_vfs *vfs, int microseconds) {
    (void)vfs;
    return microseconds;
}

static int present(sqlite3_vfs *vfs, sqlite3_int64 *milliseconds) {
    csd_disk *disk = disk_of(vfs);
    pthread_mutex_lock(&disk->mutex);
    *milliseconds = 210866760000000 + disk->ticks++;
    pthread_mutex_unlock(&disk->mutex);
    return SQLITE_OK;
}

static int present_day(sqlite3_vfs *vfs, double *days) {
    sqlite3_int64 milliseconds;
    int result = present(vfs, &milliseconds);
    *days = (double)milliseconds / 86400000.0;
    return result;
}

static int last_error(sqlite3_vfs *vfs, int room, char *into) {
    (void)vfs;
    (void)room;
    (void)into;
    return 0;
}

void vfs_prepare(csd_disk *disk) {
    disk->vfs = (sqlite3_vfs){
        .iVersion = 2,
        .szOsFile = sizeof(handle),
        .mxPathname = 1024,
        .zName = disk->name,
        .pAppData = disk,
        .xOpen = open_file,
        .xDelete = delete_file,
        .xAccess = access_file,
        .xFullPathname = full_path,
        .xRandomness = random_bytes,
        .xSleep = sleep_for,
        .xCurrentTime = present_day,
        .xGetLastError = last_error,
        .xCurrentTimeInt64 = present,
    };
}

static int keep_number(void *answer, int count, char **values, char **names) {
    (void)names;
    if (count > 0 && values[0]) *(int64_t *)answer = strtoll(values[0], NULL, 10);
    return 0;
}

int csd_execute(const char *name, const char *path, const char *sql, int keeps_log, int64_t *answer) {
    sqlite3 *database = NULL;
    int result = sqlite3_open_v2(path, &database, SQLITE_OPEN_READWRITE, name);
    if (result == SQLITE_OK && keeps_log) {
        result = sqlite3_db_config(database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    }
    if (result == SQLITE_OK) result = sqlite3_exec(database, sql, keep_number, answer, NULL);
    int closed = sqlite3_close(database);
    return result == SQLITE_OK ? closed : result;
}
