/* SPDX-License-Identifier: MIT
 * pool.h: the one thread pool. Idle workers sleep, after looking around for some microseconds; small work stays on the
 * calling thread. */
#ifndef RTCH_POOL_H
#define RTCH_POOL_H

#include <stdint.h>

/* The work on [begin, end). */
typedef void (*rt_range_fn)(void *ctx, int64_t begin, int64_t end);

/* Calls fn on pieces that cover [0, n) once each, all but the last a multiple of `grain` long, on the pool
 * and on the calling thread, and returns when all are done. A call from inside a worker, or while another
 * thread uses the pool, runs on the calling thread alone. How the range is cut must not change what fn
 * computes. */
void rt_parallel_for(int64_t n, int64_t grain, rt_range_fn fn, void *ctx);

#endif
