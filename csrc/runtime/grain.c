/* SPDX-License-Identifier: MIT
 *
 * grain.c: how much work makes another thread worth while, which `rtch bench tune` measures. Powers of two, no less than
 * two blocks of a sum: a long sum is cut into whole subtrees of its tree, and pieces begin at multiples of what kernels
 * take at once. No bit depends on them.
 */
#include "runtime.h"

#define LEAST (2 * RT_SUM_BLOCK)
#define MOST ((int64_t)1 << 40)

static int64_t grains[RT_N_WORKS] = {[RT_WORK_CHEAP] = 65536, [RT_WORK_COSTLY] = 4096, [RT_WORK_BATCH] = 32768};

int rt_set_grain(int family, int64_t n) {
    if (family < 0 || family >= RT_N_WORKS || n < LEAST || n > MOST || (n & (n - 1))) return RT_ERR_ARGUMENT;
    __atomic_store_n(&grains[family], n, __ATOMIC_RELAXED);
    return RT_OK;
}

int64_t rt_get_grain(int family) {
    return __atomic_load_n(&grains[family], __ATOMIC_RELAXED);
}
