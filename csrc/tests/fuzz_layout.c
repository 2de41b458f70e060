/* SPDX-License-Identifier: MIT
 *
 * fuzz_layout.c: a libFuzzer target for layouts: `meson setup build/fuzz -Dfuzz=true -Dpyext=false` with clang, then
 * `build/fuzz/csrc/tests/fuzz_layout -max_total_time=600`.
 *
 * The input is a program. A tensor is filled with the places of its elements in memory, 0, 1, 2, ..., and then seen
 * through a chain of views; a plain model lists which place each index of the view should reach. After each step shape,
 * elements, class and overlap are compared with what the list says. Two other programs ask for the overlap of any
 * strides, and import hostile DLPack structs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../tensor/dlpack.h"
#include "../tensor/tensor.h"

#define MOST 4096 /* elements of a view that the model lists */
#define NEED(condition)                                                     \
    do {                                                                    \
        if (!(condition)) {                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                        \
        }                                                                   \
    } while (0)

static const uint8_t *input, *input_end;

static int byte(void) {
    return input < input_end ? *input++ : 0;
}

static int upto(int n) {
    return byte() % (n + 1);
}

/* A small number, or now and then any at all. */
static int64_t number(int small) {
    const int b = byte();
    if (b != 255) return b % (2 * small + 1) - small;
    uint64_t x = 0;
    for (int i = 0; i < 8; i++) x = x << 8 | (uint64_t)byte();
    return (int64_t)x;
}

typedef struct {
    int ndim;
    int64_t shape[RT_MAX_NDIM];
    int64_t n, place[MOST];
    int64_t first; /* place of the first element, kept while the view is empty */
} model;

static int64_t product(int ndim, const int64_t *shape) {
    int64_t n = 1;
    for (int d = 0; d < ndim; d++) n *= shape[d];
    return n;
}

/* The flat index with the last dimension fastest, and back. */
static void unravel(int64_t flat, int ndim, const int64_t *shape, int64_t *index) {
    for (int d = ndim - 1; d >= 0; d--) index[d] = flat % shape[d], flat /= shape[d];
}

static int64_t ravel(int ndim, const int64_t *shape, const int64_t *index) {
    int64_t flat = 0;
    for (int d = 0; d < ndim; d++) flat = flat * shape[d] + index[d];
    return flat;
}

static int by_value(const void *a, const void *b) {
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Whether two of n offsets are less than `width` apart. */
static int collide(int64_t n, const int64_t *offsets, int64_t width) {
    static int64_t sorted[MOST];
    memcpy(sorted, offsets, sizeof(int64_t) * (size_t)n);
    qsort(sorted, (size_t)n, sizeof(int64_t), by_value);
    for (int64_t i = 1; i < n; i++)
        if (sorted[i] - sorted[i - 1] < width) return 1;
    return 0;
}

static void check(const rt_tensor *t, const model *m) {
    static int64_t got[MOST];
    NEED(t->ndim == m->ndim && t->numel == m->n && rt_same_shape(t, m->ndim, m->shape));
    NEED(rt_to_memory(t, got) == RT_OK && memcmp(got, m->place, sizeof(int64_t) * (size_t)m->n) == 0);
    int dense = 1, repeats = 0, positive = 1;
    for (int64_t i = 0; i < m->n; i++) dense &= m->place[i] == m->place[0] + i;
    for (int d = 0; d < t->ndim; d++) {
        repeats |= t->dims[d] > 1 && rt_t_strides(t)[d] == 0;
        positive &= t->dims[d] < 2 || rt_t_strides(t)[d] > 0;
    }
    const int twice = collide(m->n, m->place, 1), layout = rt_layout(t);
    NEED(rt_overlaps_itself(t) == twice);
    NEED((layout == RT_LAYOUT_CONTIGUOUS) == dense && (!t->contiguous || dense));
    NEED((layout == RT_LAYOUT_BROADCAST || layout == RT_LAYOUT_OVERLAPPING) == twice);
    if (layout == RT_LAYOUT_BROADCAST) NEED(repeats);
    if (layout == RT_LAYOUT_OVERLAPPING) { /* also where each zero stride is left out */
        static int64_t once[MOST];
        int64_t n = 0, index[RT_MAX_NDIM];
        for (int64_t i = 0; i < m->n; i++) {
            int kept = 1;
            unravel(i, m->ndim, m->shape, index);
            for (int d = 0; d < m->ndim; d++) kept &= index[d] == 0 || rt_t_strides(t)[d] != 0;
            if (kept) once[n++] = m->place[i];
        }
        NEED(collide(n, once, 1));
    }
    if (twice || dense) return;
    int64_t low = m->place[0], high = m->place[0];
    int rising = 1;
    for (int64_t i = 1; i < m->n; i++) {
        rising &= m->place[i] > m->place[i - 1];
        if (m->place[i] < low) low = m->place[i];
        if (m->place[i] > high) high = m->place[i];
    }
    NEED((layout == RT_LAYOUT_TRANSPOSED) == (positive && high - low + 1 == m->n));
    if (layout == RT_LAYOUT_PADDED) NEED(rising && m->place[1] == m->place[0] + 1);
}

/* Steps: each gives a new view, or refuses exactly where the model says so. *next is what the model expects. */
static rt_tensor *step_index(const rt_tensor *t, const model *m, model *next) {
    int64_t spec[4 * 8] = {0};
    int n = upto(m->ndim < 6 ? m->ndim + 1 : 6), from = 0, valid = 1;
    int64_t start[RT_MAX_NDIM], step[RT_MAX_NDIM];
    int source[RT_MAX_NDIM];
    next->ndim = 0, next->first = m->first;
    int64_t fixed[RT_MAX_NDIM] = {0};
    for (int i = 0; i < n; i++) {
        const int kind = upto(2);
        spec[4 * i] = kind, spec[4 * i + 1] = number(6), spec[4 * i + 2] = number(3), spec[4 * i + 3] = number(4);
        if (kind == 2) {
            source[next->ndim] = -1, next->shape[next->ndim++] = 1;
            continue;
        }
        if (from == m->ndim) {
            valid = 0;
            break;
        }
        const int64_t size = m->shape[from], s = spec[4 * i + 1], length = spec[4 * i + 3];
        if (kind == 1) {
            valid &= s >= 0 && s < size;
            fixed[from++] = s;
            continue;
        }
        valid &= length >= 0;
        if (length > 0) {
            const __int128 last = (__int128)s + (__int128)spec[4 * i + 2] * (length - 1);
            valid &= s >= 0 && s < size && last >= 0 && last < size;
        }
        start[next->ndim] = s, step[next->ndim] = spec[4 * i + 2], source[next->ndim] = from++;
        next->shape[next->ndim++] = length;
        if (!valid) break;
    }
    for (; valid && from < m->ndim; from++) {
        start[next->ndim] = 0, step[next->ndim] = 1, source[next->ndim] = from;
        next->shape[next->ndim++] = m->shape[from];
    }
    rt_tensor *out = rt_index(t, n, spec);
    if (!valid) NEED(!out);
    if (!out) {
        /* A slice of one element at step 0 may repeat it any number of times: too many to count. */
        NEED(!valid || rt_last_status() == RT_ERR_SHAPE);
        return NULL;
    }
    next->n = out->numel;
    if (next->n > MOST) return out;
    for (int64_t i = 0; i < next->n; i++) {
        int64_t index[RT_MAX_NDIM], old[RT_MAX_NDIM];
        memcpy(old, fixed, sizeof(old));
        unravel(i, next->ndim, next->shape, index);
        for (int d = 0; d < next->ndim; d++)
            if (source[d] >= 0) old[source[d]] = start[d] + index[d] * step[d];
        next->place[i] = m->place[ravel(m->ndim, m->shape, old)];
    }
    if (next->n > 0) next->first = next->place[0];
    return out;
}

static rt_tensor *step_permute(const rt_tensor *t, const model *m, model *next) {
    int64_t axes[RT_MAX_NDIM];
    int seen = 0, valid = 1;
    for (int d = 0; d < m->ndim; d++) {
        axes[d] = byte() % 16 == 15 ? number(9) : d; /* identity, then swaps */
        valid &= axes[d] >= -m->ndim && axes[d] < m->ndim;
    }
    for (int d = 0; d < m->ndim; d++) {
        const int other = upto(m->ndim - 1);
        const int64_t axis = axes[d];
        axes[d] = axes[other], axes[other] = axis;
    }
    next->ndim = m->ndim, next->n = m->n, next->first = m->first;
    for (int d = 0; valid && d < m->ndim; d++) {
        if (axes[d] < 0 && byte() % 2) axes[d] += m->ndim;
        const int64_t axis = axes[d] < 0 ? axes[d] + m->ndim : axes[d];
        valid &= !(seen >> axis & 1);
        seen |= 1 << axis;
        next->shape[d] = m->shape[axis];
    }
    rt_tensor *out = rt_permute(t, m->ndim, axes);
    NEED(!out == !valid);
    for (int64_t i = 0; valid && i < m->n; i++) {
        int64_t index[RT_MAX_NDIM], old[RT_MAX_NDIM];
        unravel(i, next->ndim, next->shape, index);
        for (int d = 0; d < m->ndim; d++) old[axes[d] < 0 ? axes[d] + m->ndim : axes[d]] = index[d];
        next->place[i] = m->place[ravel(m->ndim, m->shape, old)];
    }
    return out;
}

static rt_tensor *step_broadcast(const rt_tensor *t, const model *m, model *next) {
    const int lead = upto(2);
    int valid = 1;
    next->ndim = m->ndim + lead, next->first = m->first;
    if (next->ndim > 8) return NULL;
    for (int d = 0; d < next->ndim; d++) {
        const int64_t from = d < lead ? 1 : m->shape[d - lead];
        next->shape[d] = from == 1 || byte() % 16 == 15 ? upto(3) : from;
        valid &= next->shape[d] == from || from == 1;
    }
    rt_tensor *out = rt_broadcast_to(t, next->ndim, next->shape);
    NEED(!out == !valid);
    next->n = valid ? product(next->ndim, next->shape) : 0;
    for (int64_t i = 0; next->n <= MOST && i < next->n; i++) {
        int64_t index[RT_MAX_NDIM];
        unravel(i, next->ndim, next->shape, index);
        for (int d = 0; d < m->ndim; d++) index[d] = m->shape[d] == 1 ? 0 : index[d + lead];
        next->place[i] = m->place[ravel(m->ndim, m->shape, index)];
    }
    return out;
}

/* NULL also where the result is a copy, after its elements were compared. */
static rt_tensor *step_reshape(const rt_tensor *t, const model *m, model *next) {
    next->ndim = upto(4), next->n = m->n, next->first = m->first;
    int64_t asked[4], left = m->n;
    for (int d = 0; d < next->ndim; d++) {
        asked[d] = number(6);
        for (int64_t f = 1 + upto(11); byte() % 4 && f > 1; f--)
            if (left % f == 0) {
                asked[d] = f;
                break;
            }
        if (asked[d] > 0 && left % asked[d] == 0) left /= asked[d];
        if (d == next->ndim - 1 && byte() % 8) asked[d] = byte() % 2 ? left : -1;
    }
    rt_tensor *out = rt_reshape(t, next->ndim, asked);
    if (!out) return NULL;
    int64_t known = 1;
    for (int d = 0; d < next->ndim; d++) {
        next->shape[d] = rt_shape(out)[d];
        NEED(asked[d] == -1 || asked[d] == next->shape[d]);
        known *= next->shape[d];
    }
    NEED(known == m->n);
    memcpy(next->place, m->place, sizeof(int64_t) * (size_t)m->n);
    if (rt_shares_storage(out, t)) return out;
    static int64_t got[MOST];
    NEED(out->contiguous && rt_to_memory(out, got) == RT_OK);
    NEED(memcmp(got, m->place, sizeof(int64_t) * (size_t)m->n) == 0);
    rt_release(out);
    return NULL;
}

static rt_tensor *step_squeeze(const rt_tensor *t, const model *m, model *next) {
    const int insert = upto(1);
    const uint64_t axes = (uint64_t)upto(15);
    rt_tensor *out = rt_squeeze_like(t, axes, insert);
    if (!out) return NULL;
    next->ndim = out->ndim, next->n = m->n, next->first = m->first;
    NEED(next->ndim == m->ndim + (insert ? 1 : -1) * __builtin_popcountll(axes));
    memcpy(next->shape, rt_shape(out), sizeof(int64_t) * (size_t)next->ndim);
    memcpy(next->place, m->place, sizeof(int64_t) * (size_t)m->n);
    return out;
}

static rt_tensor *step_strides(const rt_tensor *t, const model *m, model *next, int64_t n_places) {
    int64_t strides[6];
    next->ndim = upto(6);
    int valid = 1, empty = 0;
    __int128 numel = 8;
    for (int d = 0; d < next->ndim; d++) {
        next->shape[d] = byte() == 254 ? number(3) : 1 + upto(3);
        strides[d] = number(13);
        valid &= next->shape[d] >= 0 && strides[d] == (int64_t)((uint64_t)strides[d] * 8) / 8;
        empty |= next->shape[d] == 0;
        if (next->shape[d] > 0 && numel <= INT64_MAX) numel *= next->shape[d];
    }
    const int64_t offset = number(20);
    valid &= numel <= INT64_MAX && offset == (int64_t)((uint64_t)offset * 8) / 8;
    __int128 low = (__int128)m->first + offset, high = low;
    for (int d = 0; d < next->ndim; d++) {
        const __int128 span = (__int128)(next->shape[d] - 1) * strides[d];
        if (span < 0) low += span;
        else high += span;
    }
    rt_tensor *out = rt_from_strides(t, next->ndim, next->shape, strides, offset);
    if (!valid || (!empty && (low < 0 || high >= n_places))) NEED(!out && rt_last_status() == RT_ERR_BOUNDS);
    else if (!empty) NEED(out);
    if (!out) return NULL;
    next->n = out->numel;
    next->first = m->first;
    if (next->n > MOST) return out;
    for (int64_t i = 0; i < next->n; i++) {
        int64_t index[RT_MAX_NDIM], at = m->first + offset;
        unravel(i, next->ndim, next->shape, index);
        for (int d = 0; d < next->ndim; d++) at += index[d] * strides[d];
        next->place[i] = at;
    }
    if (next->n > 0) next->first = next->place[0];
    return out;
}

static void run_views(void) {
    static model models[2];
    model *m = &models[0];
    m->ndim = upto(4);
    for (int d = 0; d < m->ndim; d++) m->shape[d] = byte() % 16 == 15 ? 0 : 1 + upto(5);
    m->n = product(m->ndim, m->shape);
    m->first = 0;
    for (int64_t i = 0; i < m->n; i++) m->place[i] = i;
    const int64_t n_places = m->n;
    rt_tensor *flat = rt_arange(RT_I64, m->n, 0, 1, 0, 1), *t = rt_reshape(flat, m->ndim, m->shape);
    rt_release(flat);
    NEED(t);
    check(t, m);
    for (int i = 1; i < 12 && input < input_end; i++) {
        model *next = &models[i % 2];
        rt_tensor *out = NULL;
        switch (byte() % 6) {
        case 0: out = step_index(t, m, next); break;
        case 1: out = step_permute(t, m, next); break;
        case 2: out = step_broadcast(t, m, next); break;
        case 3: out = step_reshape(t, m, next); break;
        case 4: out = step_squeeze(t, m, next); break;
        default: out = step_strides(t, m, next, n_places);
        }
        if (!out) { /* refused: the tensor at hand is as it was */
            models[i % 2] = *m;
            m = next;
            continue;
        }
        rt_release(t);
        t = out;
        m = next;
        if (m->n > MOST) break;
        check(t, m);
        if (m->ndim > 6) break;
    }
    rt_release(t);
}

/* Any strides in bytes, elements of any size: against the list of all offsets. */
static void run_overlap(void) {
    static int64_t offsets[MOST];
    int64_t shape[6], strides[6];
    const int ndim = upto(6), scale = 1 << upto(8);
    const int64_t itemsize = 1 + upto(15);
    for (int d = 0; d < ndim; d++) {
        shape[d] = upto(6);
        strides[d] = (int64_t)(byte() - 128) * (1 + byte() % scale) * (byte() % 4 ? itemsize : 1);
    }
    const int64_t n = product(ndim, shape);
    if (n > MOST) return;
    for (int64_t i = 0; i < n; i++) {
        int64_t index[6];
        unravel(i, ndim, shape, index);
        offsets[i] = 0;
        for (int d = 0; d < ndim; d++) offsets[i] += index[d] * strides[d];
    }
    const int64_t steps = byte() % 2 ? byte() % 4 : RT_OVERLAP_STEPS;
    NEED(rt_strides_overlap(ndim, shape, strides, itemsize, steps) == collide(n, offsets, itemsize));
}

static int deleted;

static void count_deleted(dl_managed *m) {
    (void)m;
    deleted++;
}

static void count_versioned(dl_versioned *m) {
    (void)m;
    deleted++;
}

static void run_dlpack(void) {
    static uint8_t memory[512] __attribute__((aligned(64)));
    static uint8_t bytes[4096];
    int64_t shape[RT_MAX_NDIM + 8], strides[RT_MAX_NDIM + 8];
    const int ndim = byte() % 8 ? upto(5) : (int)number(40);
    for (int d = 0; d < RT_MAX_NDIM + 8; d++) shape[d] = 1, strides[d] = 1;
    for (int d = 0; d < ndim && d < 6; d++) shape[d] = number(4), strides[d] = number(8);
    dl_tensor x = {.data = byte() % 8 ? memory + upto(128) * 4 : NULL,
                   .device = {byte() % 8 ? DL_CPU : upto(16), 0},
                   .ndim = ndim,
                   .dtype = {(uint8_t)upto(7), (uint8_t)(8 << upto(4)), (uint16_t)(byte() % 8 ? 1 : upto(4))},
                   .shape = byte() % 16 ? shape : NULL,
                   .strides = byte() % 4 ? strides : NULL,
                   .byte_offset = byte() % 4 ? 0 : (uint64_t)number(64)};
    const int versioned = upto(1), strict = upto(1);
    dl_managed legacy = {x, NULL, count_deleted};
    dl_versioned late = {{byte() % 8 ? 1 : (uint32_t)upto(3), 0}, NULL, count_versioned, 0, x};
    /* A bool is read at import where strict: its address must be one that may be read. */
    if (x.dtype.code == DL_BOOL) return;
    deleted = 0;
    rt_tensor *t = rt_dlpack_import(versioned ? (void *)&late : (void *)&legacy, versioned, strict);
    if (t) {
        NEED(t->ndim == ndim && x.device.type == DL_CPU && x.dtype.lanes == 1);
        const char *low = t->storage->data, *high = low + t->storage->nbytes;
        const int inside = low >= (char *)memory && high <= (char *)memory + sizeof(memory);
        if (inside && t->numel * rt_itemsize(t->dtype) <= (int64_t)sizeof(bytes)) NEED(rt_to_memory(t, bytes) == RT_OK);
        NEED(!rt_begin_write(t));
        rt_release(t);
    }
    NEED(deleted == (t != NULL));
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc, (void)argv;
    return rt_init(NULL, 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    input = data;
    input_end = data + size;
    const int program = upto(7);
    if (program == 7) run_dlpack();
    else if (program == 6) run_overlap();
    else run_views();
    return 0;
}
