/* SPDX-License-Identifier: MIT
 *
 * core_prelude.c: what the extension module holds besides the C library: DLPack's capsules and the payloads of graph nodes,
 * which are Python objects. Its calls of the library are those that note themselves on a tape (calls.h).
 *
 * cffi passes no objects, so Python calls these through ctypes by their addresses, with the interpreter's lock held: of
 * two threads that consume one capsule, one gets it.
 */
#include "rtch.h"

#define RT_TAPING
#include "calls.h"

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

/* The C core holds objects without the interpreter's lock, and lets go of them. */
static void retain_object(void *object) {
    const PyGILState_STATE state = PyGILState_Ensure();
    Py_IncRef(object);
    PyGILState_Release(state);
}

static void release_object(void *object) {
    if (!Py_IsInitialized()) return;
    const PyGILState_STATE state = PyGILState_Ensure();
    Py_DecRef(object);
    PyGILState_Release(state);
}

/* The node of these hooks ends. Who looks at `node` next, with the lock held, finds that there is none. */
static void release_hooks(void *hooks) {
    if (!Py_IsInitialized()) return;
    const PyGILState_STATE state = PyGILState_Ensure();
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyObject *none = PyLong_FromLong(0);
    if (!none || PyObject_SetAttrString(hooks, "node", none) < 0) PyErr_WriteUnraisable(hooks);
    PyErr_Restore(type, value, traceback);
    Py_DecRef(none);
    Py_DecRef(hooks);
    PyGILState_Release(state);
}

static void py_hold_objects(void) {
    rt_set_objects(retain_object, release_object);
    rt_set_release_hooks(release_hooks);
}

/* A share of the node that hooks belong to; 0 where it has ended, or is about to. */
static uintptr_t share_hooked(PyObject *hooks) {
    PyObject *number = PyObject_GetAttrString(hooks, "node");
    const uintptr_t node = number ? PyLong_AsSize_t(number) : 0;
    Py_DecRef(number);
    return node && !PyErr_Occurred() ? rt_node_share_of_living(node) : 0;
}

/* A node's object in one of its two places; None where there is none. */
static PyObject *get_object(uintptr_t node, int hooks) {
    PyObject *object = *rt_node_object(node, hooks);
    if (!object) object = Py_None;
    Py_IncRef(object);
    return object;
}

static void set_object(uintptr_t node, int hooks, PyObject *object) {
    void **place = rt_node_object(node, hooks);
    PyObject *const before = *place;
    if (object == Py_None) object = NULL;
    Py_IncRef(object);
    __atomic_store_n(place, object, __ATOMIC_RELEASE);
    Py_DecRef(before);
}

static uintptr_t py_get_object(void) {
    return (uintptr_t)get_object;
}

static uintptr_t py_set_object(void) {
    return (uintptr_t)set_object;
}

static uintptr_t py_share_hooked(void) {
    return (uintptr_t)share_hooked;
}
