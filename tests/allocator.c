/* tests/allocator.c: what stands between the library and the allocator.
 *
 * SPDX-License-Identifier: MIT */
#include "allocator.h"

#include <errno.h>

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *memory, size_t bytes);
void  __real_free(void *memory);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *memory, size_t bytes);
void  __wrap_free(void *memory);

bool   watching;
long   calls, live, until_failure;
size_t failing_bytes, latest_bytes;

void watch(void) {
    live = 0;
    watching = true;
}

/* As the C library's own, it says so in errno. */
static bool fails(void) {
    calls += watching;
    if (until_failure <= 0 || --until_failure > 0) return false;
    errno = ENOMEM;
    return true;
}

static void *counted(void *memory) {
    live += memory && watching;
    return memory;
}

void *__wrap_malloc(size_t bytes) {
    latest_bytes = bytes;
    if (fails() || (failing_bytes && bytes == failing_bytes)) return NULL;
    return counted(__real_malloc(bytes));
}

void *__wrap_calloc(size_t count, size_t bytes) {
    return fails() ? NULL : counted(__real_calloc(count, bytes));
}

void *__wrap_realloc(void *memory, size_t bytes) {
    if (fails()) return NULL;
    void *grown = __real_realloc(memory, bytes);
    live += !memory && grown && watching;
    return grown;
}

void __wrap_free(void *memory) {
    calls += watching;
    live -= memory && watching;
    __real_free(memory);
}
