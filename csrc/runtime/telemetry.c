/* SPDX-License-Identifier: MIT
 * telemetry.c: the list of all threads' blocks, the sum over them, and the names of the counters. */
#include "telemetry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "thread.h"

_Thread_local rt_local *rt_self RT_TLS_MODEL;

static rt_mutex lock = RT_MUTEX_INIT; /* guards the list and what ended threads left */
static rt_local *all;
static int64_t ended[RT_N_COUNTS];
static rt_exit_key at_exit;
static int has_key;

/* The end of a thread: its counts go to `ended`, its free blocks back. */
static void RT_EXIT_FN end_local(void *arg) {
    rt_local *l = arg;
    rt_self = NULL;
    rt_alloc_end_thread(&l->lists);
    rt_lock(&lock);
    for (int i = 0; i < RT_N_COUNTS; i++) ended[i] += l->counts[i];
    rt_local **at = &all;
    while (*at != l) at = &(*at)->next;
    *at = l->next;
    rt_unlock(&lock);
    free(l);
}

rt_local *rt_make_local(void) {
    rt_local *l = calloc(1, sizeof(*l));
    if (!l) return NULL;
    rt_lock(&lock);
    if (!has_key) has_key = rt_make_exit_key(&at_exit, end_local) == 0;
    l->next = all;
    all = l;
    const int failed = !has_key || rt_set_exit_value(at_exit, l) != 0;
    if (failed) all = l->next;
    rt_unlock(&lock);
    if (failed) {
        free(l);
        return NULL;
    }
    rt_self = l;
    return l;
}

void rt_each_local(void (*fn)(const rt_local *l, void *ctx), void *ctx) {
    rt_lock(&lock);
    for (const rt_local *l = all; l; l = l->next) fn(l, ctx);
    rt_unlock(&lock);
}

#if !defined(_WIN32)
static void before_fork(void) {
    rt_lock(&lock);
}

static void after_fork(void) { /* in the parent; the child's only thread is the one that holds the lock */
    rt_unlock(&lock);
}
#endif

void rt_telemetry_init(void) {
#if !defined(_WIN32)
    static int registered;
    if (!__atomic_exchange_n(&registered, 1, __ATOMIC_ACQ_REL)) pthread_atfork(before_fork, after_fork, after_fork);
#endif
}

static void add_counts(const rt_local *l, void *ctx) {
    int64_t *out = ctx;
    for (int i = 0; i < RT_N_COUNTS; i++) out[i] += __atomic_load_n(&l->counts[i], __ATOMIC_RELAXED);
}

int rt_telemetry_size(void) {
    return RT_N_COUNTS;
}

void rt_telemetry_read(int64_t *out) {
    rt_lock(&lock);
    memcpy(out, ended, sizeof(ended));
    for (const rt_local *l = all; l; l = l->next) add_counts(l, out);
    rt_unlock(&lock);
}

int64_t rt_copies_made(void) {
    int64_t counts[RT_N_COUNTS];
    rt_telemetry_read(counts);
    return counts[RT_COUNT_COW];
}

#define X(name, NAME) #name,
static const char *const families[] = {RT_FAMILIES(X)};
static const char *const paths[] = {RT_PATHS(X)};
static const char *const layouts[] = {RT_LAYOUTS(X)};
#undef X
#define X(name, NAME) name,
static const char *const events[] = {RT_EVENTS(X)};
#undef X

const char *rt_layout_name(int layout) {
    return layout >= 0 && layout < RT_N_LAYOUTS ? layouts[layout] : "";
}

void rt_telemetry_name(int i, char *out, int size) {
    if (i >= RT_COUNT_EVENTS) {
        snprintf(out, (size_t)size, "%s", events[i - RT_COUNT_EVENTS]);
    } else if (i >= RT_COUNT_PATHS) {
        i -= RT_COUNT_PATHS;
        snprintf(out, (size_t)size, "paths.%s.%s", families[i / RT_N_PATHS], paths[i % RT_N_PATHS]);
    } else {
        snprintf(out, (size_t)size, "operands.%s.%s", families[i / RT_N_LAYOUTS], layouts[i % RT_N_LAYOUTS]);
    }
}
