/* io/failure.c: the text of a failure, and how it gets into a tape.
 *
 * SPDX-License-Identifier: MIT */
#include "io/failure.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Of a long path or name the end counts, and the reason must fit behind it. */
enum { LONGEST_NAME = 160 };

static void append(tgi_failure *failure, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void append_arguments(tgi_failure *failure, const char *format, va_list arguments) {
    size_t length = strlen(failure->text);
    vsnprintf(failure->text + length, sizeof failure->text - length, format, arguments);
}
static void append(tgi_failure *failure, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    append_arguments(failure, format, arguments);
    va_end(arguments);
}

static void append_name(tgi_failure *failure, const char *name) {
    size_t length = strlen(name);
    if (length > LONGEST_NAME)
        append(failure, "...%s: ", name + length - LONGEST_NAME);
    else
        append(failure, "%s: ", name);
}

tg_status tgi_failed(tgi_failure *failure, tg_status status, const char *format, ...) {
    if (failure->status) return failure->status;
    failure->status = status;
    failure->text[0] = 0;
    if (failure->path) append_name(failure, failure->path);
    if (failure->member) append_name(failure, failure->member);
    va_list arguments;
    va_start(arguments, format);
    append_arguments(failure, format, arguments);
    va_end(arguments);
    return status;
}

tg_status tgi_failed_memory(tgi_failure *failure) {
    return tgi_failed(failure, TG_ERR_MEMORY, "out of memory");
}

tg_status tgi_failed_system(tgi_failure *failure, const char *what) {
    int number = errno;
    return tgi_failed(failure, number == ENOMEM ? TG_ERR_MEMORY : TG_ERR_IO, "%s: %s", what, strerror(number));
}

tg_tensor tgi_end_tensor(tg_scope scope, const tgi_failure *failure, tg_tensor result) {
    tgi_end_status(scope, failure);
    return tg_error_status(scope.tape) ? tg_invalid(scope.tape) : result;
}

tg_status tgi_end_status(tg_scope scope, const tgi_failure *failure) {
    if (failure->status) tg_fail(scope.tape, failure->status, scope.name, "%s", failure->text);
    return tg_end_scope(scope);
}
