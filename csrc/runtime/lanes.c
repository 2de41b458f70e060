/* SPDX-License-Identifier: MIT
 *
 * lanes.c: gather, scatter, take and index_add: elements of lanes by index. Every lane is read or written in row-major
 * order of the index by one thread, so the cuts between threads change nothing.
 */
#include "lanes.h"
#include "runtime.h"

#define UNIT 4096 /* elements that a thread takes at once, or so */

typedef struct {
    rt_lanes_fn fn;
    rt_lanes l; /* rows and cols: of a unit */
    char *lane, *beside;
    const char *index;
    int ndim; /* of the dimensions beside rows and columns */
    int64_t shape[RT_MAX_NDIM], strides[3][RT_MAX_NDIM];
    int64_t rows, cols, row_units, col_units;
    int outside;
} rt_lanes_walk;

static void walk_lanes(void *ctx, int64_t begin, int64_t end) {
    rt_lanes_walk *w = ctx;
    for (int64_t unit = begin; unit < end; unit++) {
        const int64_t c = unit % w->col_units * w->l.cols, r = unit / w->col_units % w->row_units * w->l.rows;
        int64_t lane = r * w->l.lane_row + c * w->l.lane_col, beside = r * w->l.beside_row + c * w->l.beside_col;
        int64_t index = r * w->l.index_row + c * w->l.index_col, rest = unit / w->col_units / w->row_units;
        for (int d = w->ndim - 1; d >= 0; d--) {
            const int64_t at = rest % w->shape[d];
            rest /= w->shape[d];
            lane += at * w->strides[0][d], beside += at * w->strides[1][d], index += at * w->strides[2][d];
        }
        rt_lanes part = w->l;
        if (part.rows > w->rows - r) part.rows = w->rows - r;
        if (part.cols > w->cols - c) part.cols = w->cols - c;
        if (!w->fn(&part, w->lane + lane, w->beside + beside, w->index + index))
            __atomic_store_n(&w->outside, 1, __ATOMIC_RELAXED);
    }
}

int rt_walk_lanes(int how, const rt_tensor *a, int axis, const rt_tensor *beside, const char *index,
                  const int64_t *index_strides) {
    rt_lanes_walk w = {.fn = rt_k.lanes[how][a->dtype], .lane = a->data, .beside = beside->data, .index = index};
    if (beside->numel == 0) return RT_OK;
    const int64_t *shape = rt_t_shape(beside), *lanes = rt_t_strides(a), *other = rt_t_strides(beside);
    const int last = a->ndim - 1, ordered = how != RT_LANES_PICK && axis != last;
    /* Writes to a lane follow each other: where the axis is not the last it is the rows, which then are not cut. */
    const int row = ordered ? axis : last - 1;
    w.l.size = rt_t_shape(a)[axis], w.l.lane_step = lanes[axis];
    w.cols = shape[last], w.rows = row >= 0 ? shape[row] : 1;
    w.l.lane_col = last == axis ? 0 : lanes[last], w.l.beside_col = other[last], w.l.index_col = index_strides[last];
    if (row >= 0)
        w.l.lane_row = row == axis ? 0 : lanes[row], w.l.beside_row = other[row], w.l.index_row = index_strides[row];
    int64_t outer = 1;
    for (int d = 0; d < last; d++) {
        if (d == row) continue;
        w.shape[w.ndim] = shape[d], outer *= shape[d];
        w.strides[0][w.ndim] = d == axis ? 0 : lanes[d];
        w.strides[1][w.ndim] = other[d], w.strides[2][w.ndim++] = index_strides[d];
    }
    w.l.rows = w.rows, w.l.cols = w.cols;
    if (beside->numel > 4 * UNIT) {
        if (!ordered && w.cols < UNIT) w.l.rows = UNIT / w.cols;
        if (axis == last && how != RT_LANES_PICK) w.l.cols = w.cols;
        else if (ordered && w.l.index_col == 0) { /* a row has one index: runs as long as the threads leave them */
            const int64_t even = (w.cols + rt_get_num_threads() - 1) / rt_get_num_threads();
            w.l.cols = outer >= 16 ? w.cols : even > 64 ? even : 64;
        } else if (ordered && outer < 16) w.l.cols = w.cols > 1024 ? 256 : w.cols > 32 ? 32 : w.cols;
        else if (w.cols > UNIT) w.l.cols = UNIT;
        if (w.l.rows > w.rows) w.l.rows = w.rows;
    }
    w.row_units = (w.rows + w.l.rows - 1) / w.l.rows, w.col_units = (w.cols + w.l.cols - 1) / w.l.cols;
    const rt_fenv fenv = rt_fenv_enter();
    rt_parallel_for(outer * w.row_units * w.col_units, 4 * UNIT / (w.l.rows * w.l.cols) + 1, walk_lanes, &w);
    rt_fenv_leave(fenv);
    return w.outside ? RT_ERR_INDEX : RT_OK;
}

/* Whether an index and what stands beside it fit a: along the axis there may be any number, elsewhere no more than a's. */
static int check_lanes(const rt_tensor *a, int axis, const rt_tensor *index) {
    if (axis < 0 || axis >= a->ndim || index->ndim != a->ndim) return RT_ERR_DIMENSION;
    if (index->dtype != RT_I64) return RT_ERR_DTYPE;
    for (int d = 0; d < a->ndim && index->numel > 0; d++)
        if (d != axis && rt_t_shape(index)[d] > rt_t_shape(a)[d]) return RT_ERR_BROADCAST;
    return RT_OK;
}

rt_tensor *rt_gather_along(const rt_tensor *a, int axis, const rt_tensor *index) {
    int status = check_lanes(a, axis, index);
    if (status != RT_OK) RT_FAIL(status);
    rt_tensor *out = rt_new(a->dtype, index->ndim, rt_t_shape(index));
    if (!out) return NULL;
    rt_count_call(RT_FAMILY_INDEX, 1, &a, RT_PATH_SLICES);
    status = rt_walk_lanes(RT_LANES_PICK, a, axis, out, index->data, rt_t_strides(index));
    if (status == RT_OK) return out;
    rt_release(out);
    RT_FAIL(status);
}

rt_tensor *rt_scatter_along(const rt_tensor *a, int axis, const rt_tensor *index, const rt_tensor *source,
                            int accumulate) {
    const int how = accumulate ? RT_LANES_SUM : RT_LANES_PUT;
    int status = check_lanes(a, axis, index);
    if (status == RT_OK && !rt_same_shape(source, index->ndim, rt_t_shape(index))) status = RT_ERR_BROADCAST;
    if (status == RT_OK && (source->dtype != a->dtype || !rt_k.lanes[how][a->dtype])) status = RT_ERR_DTYPE;
    if (status != RT_OK) RT_FAIL(status);
    rt_tensor *out = rt_copy(a);
    if (!out) return NULL;
    rt_count_call(RT_FAMILY_INDEX, 1, &source, RT_PATH_SLICES);
    status = rt_walk_lanes(how, out, axis, source, index->data, rt_t_strides(index));
    if (status == RT_OK) return out;
    rt_release(out);
    RT_FAIL(status);
}
