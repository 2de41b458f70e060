/* SPDX-License-Identifier: MIT
 *
 * core_prelude.c: what the extension module holds besides the C library: DLPack's capsules, which are Python objects.
 * cffi passes no objects, so Python calls these through ctypes by their addresses, with the interpreter's lock held: of
 * two threads that consume one capsule, one gets it.
 */
#include "rtch.h"

static const char *const capsule_names[2] = {"dltensor", "dltensor_versioned"};
static const char *const used_names[2] = {"used_dltensor", "used_dltensor_versioned"};

/* A capsule that nobody consumed gives its tensor back. */
static void end_capsule(PyObject *capsule) {
    for (int versioned = 0; versioned < 2; versioned++)
        if (PyCapsule_IsValid(capsule, capsule_names[versioned]))
            rt_dlpack_delete(PyCapsule_GetPointer(capsule, capsule_names[versioned]), versioned);
}

/* A capsule that owns a managed tensor; NULL with Python's error set. */
static PyObject *make_capsule(void *managed, int versioned) {
    PyObject *capsule = PyCapsule_New(managed, capsule_names[versioned], end_capsule);
    if (!capsule) rt_dlpack_delete(managed, versioned);
    return capsule;
}

/* The tensor over a capsule's memory, which it takes from the capsule; NULL with the status set. */
static rt_tensor *take_capsule(PyObject *capsule, int strict) {
    for (int versioned = 0; versioned < 2; versioned++)
        if (PyCapsule_IsValid(capsule, capsule_names[versioned])) {
            void *managed = PyCapsule_GetPointer(capsule, capsule_names[versioned]);
            rt_tensor *t = rt_dlpack_import(managed, versioned, strict);
            if (t) PyCapsule_SetName(capsule, used_names[versioned]);
            return t;
        }
    return rt_dlpack_import(NULL, 0, strict); /* no capsule, or one that was consumed: refused */
}

static uintptr_t py_make_capsule(void) {
    return (uintptr_t)make_capsule;
}

static uintptr_t py_take_capsule(void) {
    return (uintptr_t)take_capsule;
}
