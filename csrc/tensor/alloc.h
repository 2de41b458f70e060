/* SPDX-License-Identifier: MIT
 *
 * alloc.h: memory for headers, storages and scratch.
 *
 *   block:  | rt_storage, 64 bytes | data ... | at least 64 spare bytes |     both parts 64-byte aligned
 *
 * The spare bytes let a kernel load a whole vector at the end of a row. Blocks come in sizes: multiples of 64 bytes up to
 * 1 KiB, above that eight to a power of two. Freed small blocks and headers wait in lists of their thread, without a
 * lock; larger ones in one cache for all threads, the oldest of which goes when the cache is over its limit. Blocks of
 * 2 MiB or more are mapped in huge pages: reusing one saves its page faults, which cost more than an addition does.
 *
 * Under the address sanitizer nothing is kept, so that use after free is seen.
 */
#ifndef RTCH_ALLOC_H
#define RTCH_ALLOC_H

#include "tensor.h"

#define RT_ALLOC_CACHE_LIMIT (INT64_C(1) << 30) /* bytes kept for reuse by default, or an eighth of the memory */
#define RT_ALLOC_HUGE (INT64_C(2) << 20)        /* from here on blocks are mapped on their own */
#define RT_ALLOC_SMALL 1024                     /* blocks up to this size wait in lists of their thread */
#define RT_ALLOC_KEEP 32                        /* blocks of one size in such a list */
#define RT_ALLOC_SLACK (INT64_C(64) << 10)      /* bytes a thread may count for itself; none once there is a limit */
#define RT_ALLOC_HEADER 144                     /* bytes for a header in the thread's list: up to 5 dimensions */

/* What a thread keeps; part of rt_local. */
typedef struct {
    void *blocks[RT_ALLOC_SMALL / 64 + 1], *headers;
    int32_t n_blocks[RT_ALLOC_SMALL / 64 + 1], n_headers;
    int64_t in_use; /* not yet added to the total; may be negative */
    int64_t cached;
} rt_free_lists;

/* A storage with one reference over nbytes, which are not set; NULL where they could not be had. */
rt_storage *rt_alloc_storage(int64_t nbytes);
void rt_free_storage(rt_storage *s);
/* A header with room for ndim dimensions, not set. */
rt_tensor *rt_alloc_header(int ndim);
void rt_free_header(rt_tensor *t);
/* Memory for a kernel's own use, aligned and counted as storages are. */
void *rt_scratch_alloc(int64_t nbytes);
void rt_scratch_free(void *scratch);

void rt_alloc_init(void);
void rt_alloc_end_thread(rt_free_lists *lists);

#endif
