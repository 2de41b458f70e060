/* SPDX-License-Identifier: MIT
 *
 * rtch.h: the whole C API of the kernel library.
 *
 * A tensor is a small header (dtype, shape, strides, data pointer) over a reference-counted storage. Headers
 * are values: nothing that is called on one changes another. All entries are safe to call from several
 * threads at once on different headers; the caller orders writes to one header.
 *
 * An entry that makes a tensor returns it with one reference, or NULL with the reason in rt_last_status().
 * The text between the two cdef markers is what cffi reads, so it holds plain declarations only.
 */
#ifndef RTCH_H
#define RTCH_H

#include <stdint.h>

#include "ops.h" /* generated from src/rtch/ops: RT_OP_* and the X-macro lists */

#ifdef __cplusplus
extern "C" {
#endif

/* cdef begin */

/* Raised whenever any bit of any result changes. docs/numerics.md says what each version fixes. */
#define RT_NUMERICS_VERSION 2
#define RT_MAX_NDIM 32

/* A status; src/rtch/_c/status.py maps each to an exception. */
#define RT_OK 0
#define RT_ERR_BROADCAST 1
#define RT_ERR_DTYPE 2
#define RT_ERR_DIMENSION 3
#define RT_ERR_INDEX 4
#define RT_ERR_SHAPE 5
#define RT_ERR_LAYOUT 6
#define RT_ERR_ALLOC 7
#define RT_ERR_ARGUMENT 8
#define RT_ERR_SHARED 9 /* somebody else holds what was to be written */
#define RT_ERR_OVERLAP 10
#define RT_ERR_BOUNDS 11
#define RT_ERR_FOREIGN 12 /* memory of another library that can't be used as it is */
#define RT_ERR_FREED 13

/* dtypes; src/rtch/dtypes.py has the same numbers. F16 and BF16 are stored and cast, never computed in. */
#define RT_BOOL 0
#define RT_I8 1
#define RT_I16 2
#define RT_I32 3
#define RT_I64 4
#define RT_U8 5
#define RT_U16 6
#define RT_U32 7
#define RT_U64 8
#define RT_F16 9
#define RT_BF16 10
#define RT_F32 11
#define RT_F64 12
#define RT_C64 13
#define RT_C128 14
#define RT_N_DTYPES 15

/* Layout classes; the first that holds. */
#define RT_LAYOUT_CONTIGUOUS 0  /* row-major without gaps */
#define RT_LAYOUT_PADDED 1      /* row-major with gaps, the last dimension dense */
#define RT_LAYOUT_TRANSPOSED 2  /* dense in another order of the dimensions */
#define RT_LAYOUT_BROADCAST 3   /* a zero stride, no other overlap */
#define RT_LAYOUT_STRIDED 4     /* any other where each index has an element of its own */
#define RT_LAYOUT_OVERLAPPING 5 /* two indices reach one element, not by a zero stride alone */
#define RT_N_LAYOUTS 6

struct rt_storage;

typedef struct rt_tensor {
    int64_t numel;
    int8_t dtype;
    uint8_t ndim;
    uint8_t contiguous; /* row-major without gaps */
    uint8_t bcast;      /* bit i: operand i was broadcast to make this result */
    uintptr_t node;     /* the graph node that made it, an rt_node *; 0 outside every graph */
    int32_t n_refs;     /* private from here on */
    uint8_t layout;     /* RT_LAYOUT_*, or unknown until rt_layout asks */
    struct rt_storage *storage;
    char *data;
    int64_t dims[]; /* shape, then strides in bytes */
} rt_tensor;

int rt_last_status(void);

/* Headers. Shapes and strides in elements at this border; shape pointers stay valid as long as the header. */
rt_tensor *rt_retain(rt_tensor *t);
void rt_release(rt_tensor *t);
const int64_t *rt_shape(const rt_tensor *t);
void rt_strides(const rt_tensor *t, int64_t *out);
void *rt_data(const rt_tensor *t);
int64_t rt_aliases(const rt_tensor *t);
int rt_shares_storage(const rt_tensor *a, const rt_tensor *b);
int rt_layout(const rt_tensor *t);
const char *rt_layout_name(int layout);

/* Making. */
rt_tensor *rt_empty(int dtype, int ndim, const int64_t *shape);
/* The value is i for bool and integers (the bits of a uint64), f for floating, f + g i for complex. */
rt_tensor *rt_full(int dtype, int ndim, const int64_t *shape, double f, double g, int64_t i);
rt_tensor *rt_arange(int dtype, int64_t n, double start, double step, int64_t istart, int64_t istep);
rt_tensor *rt_from_memory(int dtype, int ndim, const int64_t *shape, const void *data);
int rt_to_memory(const rt_tensor *t, void *data);
/* The first element as a number: a part of a complex one; an integer, or the bits of a uint64. */
double rt_item_f64(const rt_tensor *t, int imaginary);
int64_t rt_item_i64(const rt_tensor *t);

/* Views: O(1), share the storage. */
rt_tensor *rt_permute(const rt_tensor *t, int ndim, const int64_t *axes);
rt_tensor *rt_transpose(const rt_tensor *t);
rt_tensor *rt_broadcast_to(const rt_tensor *t, int ndim, const int64_t *shape);
rt_tensor *rt_reshape(const rt_tensor *t, int ndim, const int64_t *shape); /* copies where a view can't be had */
rt_tensor *rt_squeeze_like(const rt_tensor *t, uint64_t axes, int insert);
/* spec: n entries of 4 numbers (kind, start, step, length): kind 0 a slice, 1 an integer at start, 2 a new
 * axis. */
rt_tensor *rt_index(const rt_tensor *t, int n, const int64_t *spec);
/* Any layout over t's storage; strides and offset in elements, the offset from t's first one. */
rt_tensor *rt_from_strides(const rt_tensor *t, int ndim, const int64_t *shape, const int64_t *strides, int64_t offset);

/* The real or imaginary part of a complex tensor: a view. */
rt_tensor *rt_part(const rt_tensor *t, int imaginary);

/* Ops, one entry per kind of call. op is an RT_OP_ number of that kind. */
rt_tensor *rt_unary(int op, const rt_tensor *a);
rt_tensor *rt_binary(int op, const rt_tensor *a, const rt_tensor *b);
/* scalar_kind: RT_BOOL, RT_I64 or RT_U64 (i), RT_F64 (f) or RT_C128 (f, g); swap: the scalar is the left operand. */
rt_tensor *rt_binary_scalar(int op, const rt_tensor *a, int scalar_kind, double f, double g, int64_t i, int swap);
rt_tensor *rt_where(const rt_tensor *cond, const rt_tensor *a, const rt_tensor *b);
rt_tensor *rt_lerp(const rt_tensor *a, const rt_tensor *b, const rt_tensor *w);
rt_tensor *rt_nan_to_num(const rt_tensor *a, double nan, double high, double low);
rt_tensor *rt_hardtanh(const rt_tensor *x, double low, double high);
rt_tensor *rt_hardtanh_grad(const rt_tensor *g, const rt_tensor *y, double low, double high);
rt_tensor *rt_threshold(const rt_tensor *x, double threshold, double value);
rt_tensor *rt_reduce(int op, const rt_tensor *a, uint64_t axes, int keepdims);
/* var and std: squared deviations from the mean, divided by their number less correction; NaN if that is not > 0. */
rt_tensor *rt_variance(int op, const rt_tensor *a, uint64_t axes, int keepdims, double correction);
/* The position of the first extreme along an axis, or in row-major order where axis is -1. */
rt_tensor *rt_argreduce(int op, const rt_tensor *a, int axis, int keepdims);
/* Running reduction along an axis; with_start: one element longer, from 0 or 1. */
rt_tensor *rt_scan(int op, const rt_tensor *a, int axis, int with_start);
rt_tensor *rt_sum_to(const rt_tensor *a, int ndim, const int64_t *shape);
rt_tensor *rt_matmul(const rt_tensor *a, const rt_tensor *b);
/* x (*, in) times the transpose of weight (out, in), plus bias (out) unless it is NULL. */
rt_tensor *rt_linear(const rt_tensor *x, const rt_tensor *weight, const rt_tensor *bias);
/* Convolutions of images (N, G C, H, W), or (N, G C, W), with weights (G O, C, KH, KW): the result, towards the image,
 * and towards the weight. For each axis 4 numbers: the size of what is asked for, stride, dilation, zeros in front. */
rt_tensor *rt_convolution(const rt_tensor *x, const rt_tensor *weight, const rt_tensor *bias, int64_t groups,
                          const int64_t *axes);
rt_tensor *rt_convolution_transpose(const rt_tensor *x, const rt_tensor *weight, const rt_tensor *bias, int64_t groups,
                                    const int64_t *axes);
rt_tensor *rt_convolution_weight(const rt_tensor *x, const rt_tensor *grad, int64_t groups, const int64_t *axes);
/* Pooling over the last n (1 or 2) axes of tensors of one rank; places count row-major in those axes. */
/* For each axis 5 numbers: the result's size, window, stride, dilation, padding. Places of the largest elements. */
rt_tensor *rt_max_pool_index(const rt_tensor *x, int n, const int64_t *axes);
rt_tensor *rt_pool_gather(const rt_tensor *x, const rt_tensor *index, int n);
rt_tensor *rt_pool_scatter(const rt_tensor *x, const rt_tensor *index, int n, const int64_t *sizes);
/* windows: for each axis, for each of its sizes[axis] results, where its window begins and ends; then what counts. The
 * divisor is the product of the axes' counts where it is 0. */
rt_tensor *rt_average_pool(const rt_tensor *x, int n, const int64_t *sizes, const int64_t *windows, double divisor);
rt_tensor *rt_average_pool_grad(const rt_tensor *g, int n, const int64_t *sizes, const int64_t *windows,
                                double divisor);
/* Rows of g (..., width) added, in order, to those of zeros (n_rows, width) that index names, except `padding`; by_count:
 * divided by how many came to a row. */
rt_tensor *rt_embedding_grad(const rt_tensor *g, const rt_tensor *index, int64_t n_rows, int64_t padding, int by_count);
rt_tensor *rt_cast(const rt_tensor *a, int dtype);
rt_tensor *rt_contiguous(const rt_tensor *a); /* a itself where it is row-major */
rt_tensor *rt_copy(const rt_tensor *a);
rt_tensor *rt_concat(int n, rt_tensor *const *parts, int axis);
rt_tensor *rt_take(const rt_tensor *a, const rt_tensor *index, int axis);
rt_tensor *rt_index_add(const rt_tensor *a, int axis, const rt_tensor *index, const rt_tensor *source);
/* Elements at n index tensors (int64, one shape) along n axes: that shape, then the axes that are left. */
rt_tensor *rt_gather(const rt_tensor *a, int n, const int64_t *axes, rt_tensor *const *index);
/* Lane by lane along an axis: elements at an index (int64), whose shape is the result's and no larger than a's but along
   the axis; and a copy of a in which source, of the index's shape, stands there (the last of several stays) or is added
   in row-major order of the index. */
rt_tensor *rt_gather_along(const rt_tensor *a, int axis, const rt_tensor *index);
rt_tensor *rt_scatter_along(const rt_tensor *a, int axis, const rt_tensor *index, const rt_tensor *source,
                            int accumulate);

/* Functions of whole rows: of the elements along the axes (bit d for dimension d). Operands are float32 or float64, of one
   dtype. What a gradient needs again is given out in *stats, one number a row each: the largest element and the logarithm
   of the sum of e^(x - max); the mean, the variance and 1 / sqrt(variance + eps). */
rt_tensor *rt_softmax(int op, const rt_tensor *x, uint64_t axes);
rt_tensor *rt_softmax_grad(int op, const rt_tensor *g, const rt_tensor *y, uint64_t axes);
rt_tensor *rt_logsumexp(const rt_tensor *x, uint64_t axes, int keepdims);
/* -log softmax(x) at the target, dense int64 of x's shape without the axis; 0 at targets that are `ignored`. */
rt_tensor *rt_cross_entropy(const rt_tensor *x, int axis, const rt_tensor *target, int64_t ignored, rt_tensor **stats);
rt_tensor *rt_cross_entropy_grad(const rt_tensor *g, const rt_tensor *x, int axis, const rt_tensor *target,
                                 int64_t ignored, const rt_tensor *stats);
/* (x - mean) / sqrt(variance + eps) weight + bias; not centered: the mean is taken to be 0. weight and bias, either of
   which may be NULL, broadcast to x. */
rt_tensor *rt_standardize(const rt_tensor *x, const rt_tensor *weight, const rt_tensor *bias, uint64_t axes, double eps,
                          int centered, rt_tensor **stats);
/* Towards x; *sums are those of g z over each row and, where centered, of g (z being the standardised x), with the weight
   in them unless it is one number for each row. */
rt_tensor *rt_standardize_grad(const rt_tensor *g, const rt_tensor *x, const rt_tensor *weight, const rt_tensor *stats,
                               uint64_t axes, int centered, rt_tensor **sums);
/* Towards a weight of the given shape. */
rt_tensor *rt_standardize_grad_weight(const rt_tensor *g, const rt_tensor *x, const rt_tensor *stats, uint64_t axes,
                                      int ndim, const int64_t *shape);

/* Sorting, stable: NaN is the largest, -0 equals +0. Positions are int64. */
rt_tensor *rt_sort(const rt_tensor *a, int axis, int descending);
rt_tensor *rt_argsort(const rt_tensor *a, int axis, int descending);
rt_tensor *rt_topk(const rt_tensor *a, int axis, int64_t k, int descending); /* the first k positions of rt_argsort */
rt_tensor *rt_searchsorted(const rt_tensor *sorted, const rt_tensor *x, int right);
rt_tensor *rt_nonzero(const rt_tensor *a); /* (ndim, count): the index of every element that is not 0, row-major */

/* Writing. rt_own gives a header that nobody else's memory hangs on: t itself, else a fresh row-major copy (copy-on-
   write), for which the caller lets go of t. The others write to such a header. Where another thread took a share of it
   in between they write nothing and return RT_ERR_SHARED: own it again and call again. A share that is taken while a
   call writes waits for the call, so that its value never changes. They write nothing unless they return RT_OK. */
rt_tensor *rt_own(rt_tensor *t);
/* What an index spec selects holds value, or has value, of t's dtype, added to it. */
int rt_assign(rt_tensor *t, int n, const int64_t *spec, const rt_tensor *value, int accumulate);
/* value has the shape that rt_gather gives; of several writes to an element the last stays, or they add up in order. */
int rt_scatter(rt_tensor *t, int n, const int64_t *axes, rt_tensor *const *index, const rt_tensor *value,
               int accumulate);
int rt_binary_inplace(int op, rt_tensor *t, const rt_tensor *b);

/* One step of an optimiser over n parameters of one dtype, all of them or none. t holds n parameters, n gradients of any
   layout, and n each of the state tensors a, b, c, row-major, NULL where the options have none:

     rule      a                 b           c                 numbers
     SGD       momentum buffer                                 lr, momentum, dampening, weight_decay
     ADAM      mean              variance    its maximum       lr / bias1, beta1, beta2, eps, weight_decay, sqrt(bias2),
                                                               factor on the parameter (1, or less where decay is apart)
     RMSPROP   mean square       mean        momentum buffer   lr, alpha, eps, weight_decay, momentum
     ADAGRAD   sum of squares                                  lr, eps, weight_decay */
#define RT_STEP_SGD 0
#define RT_STEP_ADAM 1
#define RT_STEP_RMSPROP 2
#define RT_STEP_ADAGRAD 3
#define RT_N_STEPS 4
#define RT_STEP_MAXIMIZE 1 /* flags */
#define RT_STEP_NESTEROV 2
#define RT_STEP_FIRST 4 /* SGD's first step sets the buffer */
int rt_step(int rule, int n, rt_tensor *const *t, const double *numbers, int flags);
/* rt_own for many, made row-major too: own[i] is t[i] or a copy. Returns how many are copies; -1 where memory was refused
   for one or a layout can't be written, and then there are none. NULLs pass through. */
int rt_own_all(int n, rt_tensor *const *t, rt_tensor **own);
double rt_running_power(double x, int64_t n); /* x multiplied n times, from the left */

/* Random numbers: element i is Philox4x32-10(key = seed, counter = (offset + i, 0)). */
rt_tensor *rt_random_uniform(int dtype, int ndim, const int64_t *shape, uint64_t seed, uint64_t offset, double low,
                             double high);
rt_tensor *rt_random_normal(int dtype, int ndim, const int64_t *shape, uint64_t seed, uint64_t offset, double mean,
                            double std);
/* mean + std z, z the inverse distribution function at low + width u, low >= 0 and low + width <= 1. */
rt_tensor *rt_random_normal_between(int dtype, int ndim, const int64_t *shape, uint64_t seed, uint64_t offset,
                                    double mean, double std, double low, double width);
/* low + a whole number below n, or below 2^64 where n is 0; dtype RT_I64 or RT_U64. Without bias: of 64 bits times n the
   upper word, drawn again with counter (offset + i, r 2^32), r = 1, 2, ..., where the lower word is below 2^64 mod n. */
rt_tensor *rt_random_integers(int dtype, int ndim, const int64_t *shape, uint64_t seed, uint64_t offset, uint64_t low,
                              uint64_t n);
/* x * scale where the random word of an element's position is `least` or more, else 0; kernels/dropout.c. */
rt_tensor *rt_dropout(const rt_tensor *x, uint32_t least, double scale, uint64_t seed, uint64_t offset);
/* The first k of 0 to n - 1 sorted by (bits, number). */
rt_tensor *rt_random_permutation(int64_t n, int64_t k, uint64_t seed, uint64_t offset);
uint64_t rt_random_bits(uint64_t seed, uint64_t counter, uint64_t attempt);

/* DLPack. Export: a managed tensor, of the versioned form or the legacy one, that holds a share of t. The versioned
   form's flags say copied, which the caller claims where nobody else looks at the memory, or read-only. Import: a tensor
   over the memory, which is read-only for us; takes the managed tensor over unless it returns NULL. strict: also refuse
   bools that are neither 0 nor 1. */
void *rt_dlpack_export(rt_tensor *t, int versioned, int copied);
rt_tensor *rt_dlpack_import(void *managed, int versioned, int strict);
void rt_dlpack_delete(void *managed, int versioned); /* as its consumer would */
/* Memory of our own: t itself where it has that, else a copy, for which the caller lets go of t. */
rt_tensor *rt_own_memory(rt_tensor *t);

/* Memory. A negative limit is none. */
void rt_memory_stats(int64_t *out); /* in use, peak, cached, allocations, cache hits, limit, cache limit */
void rt_set_memory_limit(int64_t nbytes);
void rt_set_cache_limit(int64_t nbytes);
void rt_empty_cache(void);
void rt_reset_peak(void);
int64_t rt_refused_bytes(void); /* of the calling thread's last RT_ERR_ALLOC */

/* Telemetry: counters that only grow, summed over all threads. Names are parted by dots. */
int rt_telemetry_size(void);
void rt_telemetry_read(int64_t *out);
void rt_telemetry_name(int i, char *out, int size);

/* The library itself. */
int rt_init(const char *isa, int n_threads); /* isa NULL or "": the best this CPU has */
const char *rt_isa(void);
const char *rt_compiler(void);
int rt_isa_available(const char *isa);
int rt_set_num_threads(int n);
int rt_get_num_threads(void);
/* Elements that make another thread worth while, by what is done with them: powers of two from 2,048 to 2^40. No bit
   depends on them. */
#define RT_WORK_CHEAP 0  /* one pass over memory */
#define RT_WORK_COSTLY 1 /* tens of operations an element */
#define RT_WORK_BATCH 2  /* the nodes of a backward pass that are ready together */
#define RT_N_WORKS 3
int rt_set_grain(int family, int64_t n);
int64_t rt_get_grain(int family);
int rt_default_num_threads(void); /* the CPUs that affinity and control group leave to the process */
int64_t rt_copies_made(void);     /* copies that copy-on-write had to make */

/* The graph (graph/node.h). A header with a node takes part in it: an elementwise call enters its result, the caller of any
   other enters it by rt_record, where this thread records. Nodes are named by address; who holds a header that leads to
   one may use it. */
#define RT_NODE_LEAF -1   /* where gradients end */
#define RT_NODE_CUSTOM -2 /* its gradients are the caller's */
#define RT_SAVES_OUT 0x100000000
int rt_grad_enabled(void);
void rt_set_grad_enabled(int enabled);
/* Holds and lets go of the Python objects of nodes. */
void rt_set_objects(void (*retain)(void *object), void (*release)(void *object));
void rt_set_release_hooks(void (*release)(void *hooks)); /* of a node that ends; NULL: as its other object */
void rt_set_on_record(void (*call)(uintptr_t node));     /* called for each new node; NULL: nothing is */
rt_tensor *rt_detach(rt_tensor *t);
rt_tensor *rt_make_leaf(rt_tensor *t);                      /* a header like t with a leaf of its own */
rt_tensor *rt_with_node(rt_tensor *t, uintptr_t node);      /* a header like t that this node made */
void rt_pass_node_on(rt_tensor *to, const rt_tensor *from); /* from's new memory is to's: it is the same value */
/* Takes over out and gives it, or a header in its place where others hold it, entered as the result of an op. in[i] may be
   NULL. saves: RT_SAVES_OUT and bit i for input i. attributes: a number that stands for what else decides the gradients;
   0: nothing does; -1: it has none. payload: a Python object, or 0. numbers: the spec of a slice. */
rt_tensor *rt_record(int op, rt_tensor *out, int n, rt_tensor *const *in, uint64_t saves, int64_t attributes,
                     uintptr_t payload, int n_numbers, const int64_t *numbers);
/* The bits of saves for an op by its row. */
uint64_t rt_saves_of(int op, int n, rt_tensor *const *in);
/* The same for an op of at most three inputs that saves what its row says. */
rt_tensor *rt_record_few(int op, rt_tensor *out, rt_tensor *x, rt_tensor *y, rt_tensor *z, int n, int64_t attributes,
                         uintptr_t payload);
int rt_node_op(uintptr_t node);
int rt_node_dtype(uintptr_t node);
int64_t rt_node_seq(uintptr_t node);
int rt_node_is_freed(uintptr_t node);
int rt_node_ndim(uintptr_t node);
const int64_t *rt_node_shape(uintptr_t node);
int rt_node_n_edges(uintptr_t node);
uintptr_t rt_node_edge(uintptr_t node, int i);
uint64_t rt_node_saves(uintptr_t node);
rt_tensor *rt_node_saved(uintptr_t node, int i); /* a share; NULL of an input that was none */
/* Lets go of what a node saved, which its caller can make again; from now on Python computes its gradients. */
void rt_node_strip(uintptr_t node);
int rt_node_bcast(uintptr_t node);
/* A Python number among the inputs: its place, and its kind in the second byte; -1: there is none. */
int rt_node_scalar(uintptr_t node, double *parts, int64_t *i);
int64_t rt_node_numbers(uintptr_t node, int64_t *out);
void **rt_node_object(uintptr_t node, int hooks); /* the place of its attributes or gradient, or of its hooks */
uintptr_t rt_node_share(uintptr_t node);
uintptr_t rt_node_share_of_living(uintptr_t node); /* 0 of one that ends, while its hooks are being released */
int64_t rt_live_nodes(void);
void rt_node_release(uintptr_t node);

/* A backward pass (graph/pass.c): from roots with their seeds to the wanted nodes, or, where n_wanted is -1, to every leaf.
   It runs in this library, and stops for nodes whose gradients Python must compute. NULL with the status set; RT_ERR_FREED
   where a node that would run was freed before, which *failed then names. */
#define RT_PASS_RETAIN 1   /* nodes keep what they saved */
#define RT_PASS_CREATE 2   /* the pass is recorded: Python computes every gradient */
#define RT_PASS_PYTHON 4   /* Python computes every gradient */
#define RT_PASS_SERIAL 8   /* nodes run one after the other */
#define RT_PASS_TRACE 16   /* note when and where each node runs */
#define RT_PASS_OBSERVE 32 /* come back before and after each batch */
typedef struct rt_pass rt_pass;
rt_pass *rt_pass_new(int n_roots, const uintptr_t *roots, rt_tensor *const *seeds, int n_wanted,
                     const uintptr_t *wanted, int flags, uintptr_t *failed);
#define RT_PASS_DONE 0
#define RT_PASS_NODE 1   /* Python's turn, with rt_pass_node */
#define RT_PASS_PAUSE 2  /* call again; signals may be looked at meanwhile */
#define RT_PASS_FAILED 3 /* see rt_last_status */
#define RT_PASS_BATCH 4  /* a batch is about to run */
#define RT_PASS_ENDED 5  /* it has run */
#define RT_PASS_HOOKS 6  /* Python's turn at a node that has hooks; ends with rt_pass_go_on or rt_pass_deliver */
int rt_pass_run(rt_pass *p);
uintptr_t rt_pass_node(const rt_pass *p);
rt_tensor *rt_pass_gradient(const rt_pass *p); /* a share of the gradient that reached it; NULL: none did */
int rt_pass_runs(const rt_pass *p);            /* whether gradients towards any input are wanted; else only hooks run */
int rt_pass_wants(const rt_pass *p, int i);    /* whether the one towards input i is */
/* Another gradient in the place of the one that reached it; found: also in what the pass has found there. */
void rt_pass_replace(rt_pass *p, rt_tensor *g, int found);
void rt_pass_go_on(rt_pass *p); /* what comes before the node is done: it runs as one without hooks */
void rt_pass_tape(rt_pass *p);  /* what this thread now calls becomes the node's template */
int rt_pass_deliver(rt_pass *p, int n, rt_tensor *const *gradients);
int rt_pass_n_found(const rt_pass *p);                                  /* candidates */
uintptr_t rt_pass_found(const rt_pass *p, int i, rt_tensor **gradient); /* and a share of its gradient */
rt_tensor *rt_pass_found_at(const rt_pass *p, uintptr_t node);
/* n_threads 0: all. grain: elements a batch must have to be shared out, -1: as measured. shuffle: not 0: batches are
   random parts of what is ready, from this seed; no bit depends on it. */
void rt_pass_set(rt_pass *p, int n_threads, int64_t grain, uint64_t shuffle);
/* nodes, edges, batches, widest batch, accumulations, of them in place, peak bytes of gradients, nodes in Python. */
#define RT_N_PASS_STATS 8
void rt_pass_stats(const rt_pass *p, int64_t *out);
int rt_last_pass_stats(int64_t *out); /* of this thread's last pass, then its nanoseconds; 0: there was none */
int64_t rt_pass_batch(const rt_pass *p,
                      int64_t *n_nodes); /* number of the batch that is at hand, and its nodes without leaves */
/* For each node that ran, from number `first` on: op, start, duration (ns), thread, batch, seq, ndim, shape. Returns how
   many numbers; out may be NULL. */
int64_t rt_pass_spans(const rt_pass *p, int64_t first, int64_t *out);
int64_t rt_pass_n_spans(const rt_pass *p);
void rt_pass_free(rt_pass *p);
int rt_limit_threads(int n); /* in calls of this thread; 0: no limit. Returns the limit before. */

/* Self-test: part i runs one op, or one kernel that is no op, on fixed inputs and hashes the bits it gives.
 */
int rt_digest_parts(void);
const char *rt_digest_name(int part); /* NULL of what has no kernel here: transforms and linear algebra */
uint64_t rt_digest(int part);         /* 0 where memory could not be had */
/* cdef end */

#ifdef __cplusplus
}
#endif
#endif
