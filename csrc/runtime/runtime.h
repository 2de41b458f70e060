/* SPDX-License-Identifier: MIT
 * runtime.h: what the runtime's files share: the chosen kernels and the drivers that walk layouts for them.
 */
#ifndef RTCH_RUNTIME_H
#define RTCH_RUNTIME_H

#include "../base/fenv.h"
#include "../kernels/kernels.h"
#include "../tensor/tensor.h"
#include "pool.h"
#include "telemetry.h"

/* The kernels of the instruction set in use; rt_init fills it before anything runs. */
extern rt_kernels rt_k;

/* Elements below which another thread costs more than it brings. */
#define RT_GRAIN_CHEAP rt_get_grain(RT_WORK_CHEAP)   /* one pass over memory */
#define RT_GRAIN_COSTLY rt_get_grain(RT_WORK_COSTLY) /* tens of operations an element */
#define RT_GRAIN_ALONE (INT64_MAX / 4)               /* never shared out; tiles are added to it */

/* Runs an elementwise loop over a shape. strides[i] are operand i's, in bytes, 0 where it is broadcast, and size_log2[i]
 * the logarithm of its items' size; operand 0 is the result. Returns the RT_PATH_ it took. */
int rt_iterate(rt_loop loop, int n_operands, char *const *data, const uint8_t *size_log2, int ndim,
               const int64_t *shape, const int64_t (*strides)[RT_MAX_NDIM], int64_t grain);

/* The same on tensors that broadcast to out's shape. */
int rt_iterate_tensors(rt_loop loop, int n_inputs, rt_tensor *out, const rt_tensor *const *in, int64_t grain);

/* dst[...] = src[...] with a cast; src broadcasts to the layout of dst. */
int rt_copy_into(char *dst, int dtype, int ndim, const int64_t *shape, const int64_t *strides, const rt_tensor *src);

/* One more reference to a where it has the dtype already, else a cast. NULL with the status set. */
static inline rt_tensor *rt_as_dtype(const rt_tensor *a, int dtype) {
    return a->dtype == dtype ? rt_retain((rt_tensor *)a) : rt_cast(a, dtype);
}

/* rt_binary outside the graph. */
rt_tensor *rt_run_binary(int op, const rt_tensor *a, const rt_tensor *b);

int rt_kind_of(int op); /* -1 where there is no such op */
/* The dtype of two operands together, or RT_NONE. */
int rt_promote(int a, int b);
/* What the op computes in for inputs of the promoted dtype: a dtype, RT_NONE, or RT_SAME. dtype may be RT_NONE. */
int rt_compute_dtype(int op, int dtype);
/* The dtype of the result of an elementwise op that computes in dtype. */
int rt_out_dtype(int op, int dtype);
int rt_is_costly(int op);

#endif
