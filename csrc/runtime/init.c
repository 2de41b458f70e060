/* SPDX-License-Identifier: MIT
 * init.c: chooses the instruction set. Compiled with baseline flags only. */
#include <stdlib.h>
#include <string.h>

#include "runtime.h"
#include "telemetry.h"

rt_kernels rt_k;

static const uint8_t op_kind[RT_N_OPS] = {
#define X(NAME, kind, rule, costly, to_real) [RT_OP_##NAME] = kind,
    RT_OP_INFO(X)
#undef X
};

static const uint8_t op_rule[RT_N_OPS] = {
#define X(NAME, kind, rule, costly, to_real) [RT_OP_##NAME] = rule,
    RT_OP_INFO(X)
#undef X
};

static const uint8_t op_costly[RT_N_OPS] = {
#define X(NAME, kind, rule, costly, to_real) [RT_OP_##NAME] = costly,
    RT_OP_INFO(X)
#undef X
};

static const uint8_t op_to_real[RT_N_OPS] = {
#define X(NAME, kind, rule, costly, to_real) [RT_OP_##NAME] = to_real,
    RT_OP_INFO(X)
#undef X
};

static const int8_t computes[RT_N_RULES][RT_N_DTYPES] = RT_COMPUTES;
static const int8_t promoted[RT_N_DTYPES][RT_N_DTYPES] = RT_PROMOTED;

int rt_promote(int a, int b) {
    return promoted[a][b];
}

int rt_compute_dtype(int op, int dtype) {
    return dtype < 0 ? RT_NONE : computes[op_rule[op]][dtype];
}

int rt_out_dtype(int op, int dtype) {
    if (op_kind[op] == RT_KIND_COMPARE || op_kind[op] == RT_KIND_PREDICATE) return RT_BOOL;
    return op_to_real[op] ? rt_real_dtype(dtype) : dtype;
}

int rt_is_costly(int op) {
    return op_costly[op];
}

int rt_kind_of(int op) {
    return op >= 0 && op < RT_N_OPS ? op_kind[op] : -1;
}

#if defined(RT_HAVE_AVX2)
/* __builtin_cpu_supports also asks whether the operating system saves the registers. */
static int has_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
#endif

#if defined(RT_HAVE_AVX512) && defined(RT_HAVE_AVX2)
static int has_avx512(void) {
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}
#endif

#define FILL_COMMON(which)                  \
    rt_fill_elementwise_integer_##which(k); \
    rt_fill_complex_##which(k);             \
    rt_fill_copy_##which(k);                \
    rt_fill_pooling_##which(k);             \
    rt_fill_blend_##which(k);               \
    rt_fill_lanes_##which(k);               \
    rt_fill_sort_##which(k);                \
    rt_fill_reduce_complex_##which(k);      \
    rt_fill_scan_##which(k);
#define FILL(which)                       \
    rt_fill_elementwise_float_##which(k); \
    rt_fill_move_##which(k);              \
    rt_fill_reduce_##which(k);            \
    rt_fill_extremes_##which(k);          \
    rt_fill_matmul_##which(k);            \
    rt_fill_matvec_##which(k);            \
    rt_fill_convolution_##which(k);       \
    rt_fill_optim_##which(k);             \
    rt_fill_rows_##which(k);              \
    rt_fill_random_##which(k);            \
    rt_fill_dropout_##which(k);           \
    k->isa = #which;

/* Fills k with the named instruction set, if this CPU has it. */
static int fill(rt_kernels *k, const char *isa) {
    memset(k, 0, sizeof(*k));
#if defined(RT_HAVE_AVX512) && defined(RT_HAVE_AVX2)
    if (strcmp(isa, "avx512") == 0 && has_avx512()) {
        FILL_COMMON(avx2) /* integers, complex and casts have no bodies of their own for AVX-512 */
        FILL(avx512)
        return RT_OK;
    }
#endif
#if defined(RT_HAVE_AVX2)
    if (strcmp(isa, "avx2") == 0 && has_avx2()) {
        FILL_COMMON(avx2)
        FILL(avx2)
        return RT_OK;
    }
#endif
#if defined(RT_HAVE_NEON)
    if (strcmp(isa, "neon") == 0) {
        FILL_COMMON(neon)
        FILL(neon)
        return RT_OK;
    }
#endif
    if (strcmp(isa, "baseline") == 0) {
        FILL_COMMON(baseline)
        FILL(baseline)
        return RT_OK;
    }
    return RT_ERR_ARGUMENT;
}

int rt_isa_available(const char *isa) {
    rt_kernels k;
    return fill(&k, isa) == RT_OK;
}

int rt_init(const char *isa, int n_threads) {
    const char *const best[] = {"avx512", "avx2", "neon", "baseline"};
    rt_kernels k;
    int status = RT_ERR_ARGUMENT;
    if (isa && *isa) status = fill(&k, isa);
    else
        for (int i = 0; i < 4 && status != RT_OK; i++) status = fill(&k, best[i]);
    if (status != RT_OK) return status;
    rt_k = k;
    rt_telemetry_init();
    rt_alloc_init();
    return rt_set_num_threads(n_threads > 0 ? n_threads : rt_default_num_threads());
}

const char *rt_isa(void) {
    return rt_k.isa ? rt_k.isa : "";
}

const char *rt_compiler(void) {
#if defined(__clang__)
    return "clang " __clang_version__;
#elif defined(__GNUC__)
    return "gcc " __VERSION__;
#else
    return "unknown";
#endif
}
