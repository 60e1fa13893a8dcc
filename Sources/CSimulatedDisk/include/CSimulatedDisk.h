// SPDX-License-Identifier: Apache-2.0
// A disk in memory under SQLite's VFS interface: it forgets what was not synced, tears, fills up and fails on demand.
// No header of SQLite is needed to use it.
#ifndef C_SIMULATED_DISK_H
#define C_SIMULATED_DISK_H

#include <stddef.h>
#include <stdint.h>

typedef struct csd_disk csd_disk;

enum { CSD_READ = 0, CSD_WRITE = 1, CSD_SYNC = 2 };

/// What has happened on a disk since it was made.
typedef struct {
    uint64_t reads, writes, syncs, truncations, creations, deletions;
    uint64_t failed_reads, failed_writes, failed_syncs, refused_for_space;
    uint64_t process_crashes, power_cuts, kept_operations, lost_operations, torn_writes, flipped_bits;
} csd_counters;

/// Makes an empty disk and registers it under `name`; NULL where there is no memory for it.
csd_disk *csd_create(const char *name);
/// Unregisters the disk. Its memory goes with the last handle on one of its files.
void csd_destroy(csd_disk *disk);

/// The process dies: what was written stays, every open handle is dead.
void csd_crash_process(csd_disk *disk);
/// The power goes: of what was not synced, the seed decides what stays, what is lost and what is torn.
void csd_crash_power(csd_disk *disk, uint64_t seed);
/// From the operation of that number on (see csd_operations), every call fails; what it was about to write is unsynced.
void csd_cut_at(csd_disk *disk, int64_t operation);
/// Whether that has happened.
int csd_is_cut(csd_disk *disk);
/// How many operations changed a file or synced one.
int64_t csd_operations(csd_disk *disk);

/// The most bytes that all files may have together; negative for no limit.
void csd_set_capacity(csd_disk *disk, int64_t bytes);
int64_t csd_capacity(csd_disk *disk);
int64_t csd_used(csd_disk *disk);
/// The next `count` operations of that kind fail.
void csd_fail_next(csd_disk *disk, int kind, int count);

/// Turns one bit over, on the disk and in what is read of it; 0 where the file has no such byte.
int csd_flip(csd_disk *disk, const char *path, int64_t offset, int bit);
/// The bytes of a file as they are read; negative where there is none.
int64_t csd_size(csd_disk *disk, const char *path);
/// The bytes of a file that survive the loss of everything unsynced; negative where there is none.
int64_t csd_durable_size(csd_disk *disk, const char *path);
/// Copies up to `length` bytes of a file to `into`; how many.
int64_t csd_copy(csd_disk *disk, const char *path, int64_t offset, void *into, int64_t length);
/// Puts a file there, synced, over what was there; 0 where there is no memory for it.
int csd_put(csd_disk *disk, const char *path, const void *bytes, int64_t length);
/// The path of the file of that number in the order of their making; NULL beyond the last. Valid while the disk is.
const char *csd_path(csd_disk *disk, int number);

/// Opens a database of the disk of that name and carries statements out, as another program does; SQLite's result code.
/// What it writes stays in the log where it is told to keep it. `answer` gets the first number of the last row.
int csd_execute(const char *name, const char *path, const char *sql, int keeps_log, int64_t *answer);

csd_counters csd_count(csd_disk *disk);

#endif
