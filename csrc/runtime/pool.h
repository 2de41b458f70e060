/* SPDX-License-Identifier: MIT
 * pool.h: the one thread pool. Idle workers sleep, after looking around for a moment; small work stays on the calling
 * thread. */
#ifndef RTCH_POOL_H
#define RTCH_POOL_H

#include <stdint.h>

/* The work on [begin, end). */
typedef void (*rt_range_fn)(void *ctx, int64_t begin, int64_t end);

/* Calls fn on pieces that cover [0, n) once each, each of which begins at a multiple of `grain`, on the calling thread
 * and on idle workers, and returns when all are done. Any thread may call, also from inside fn; callers at one time share
 * the workers. n <= grain is one call on this thread. How the range is cut must not change what fn computes. */
void rt_parallel_for(int64_t n, int64_t grain, rt_range_fn fn, void *ctx);

/* Which worker the calling thread is, counted from 1; 0: none. */
int rt_worker_number(void);

#endif
