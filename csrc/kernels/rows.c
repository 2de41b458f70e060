/* SPDX-License-Identifier: MIT
 *
 * rows.c: functions of one row of n > 0 adjacent elements: softmax and its kin, and what layer, batch, group, instance and
 * RMS normalisation are made of (standardising). A row is read several times, which pays since it then lies in a cache.
 *
 * Sums are in the tree of docs/numerics.md, so that a row has the same bits wherever it stands. Means are sums, divided
 * once. Everything else is elementwise and rounded as written.
 */
#include <stddef.h>

#include "kernels.h"
#include "math/exp.h"
#include "math/exp_below.h"
#include "math/log.h"
#include "simd.h"

/* Inlined, sanitized code takes a compiler many minutes. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifdef SANITIZED
#define ALWAYS inline
#else
#define ALWAYS inline __attribute__((always_inline))
#endif
#define MAX_LEVELS 44 /* 2^44 blocks */
#define RT_CAT_PLAIN_(a, b) a##b
#define RT_CAT_PLAIN(a, b) RT_CAT_PLAIN_(a, b)

enum { NONE = RT_FACTOR_NONE, ONE = RT_FACTOR_ONE, EACH = RT_FACTOR_EACH };

#define D f32
#define T float
#define CODE RT_F32
#define EXP v_exp_below_f32
#define LOG v_log_f32
#include "rows.h"

#define D f64
#define T double
#define CODE RT_F64
#define EXP v_exp_f64
#define LOG v_log_f64
#include "rows.h"

void RT_FN(rt_fill_rows)(rt_kernels *k) {
    fill_rows_f32(k);
    fill_rows_f64(k);
}
