/* tapegrad/detail/call.h: how a call of a public function is wrapped.
 *
 * Not for users: nothing here may be relied on, but for the macros TGI_CALL1 to TGI_CALL5_WITH, by which a function of your own can
 * be wrapped as the library's are (docs/extending.md shows it).
 *
 * Every function of tensors has a macro of the same name. It evaluates each argument once, converts plain numbers to tensors, tells
 * the tapes of the tensors the line that it stands on, and calls the function. A preprocessor does not expand a macro inside its
 * own expansion, so the macro can call the function of the same name; the parentheses in (f) keep other macros away.
 *
 *     TGI_CALL1(f, a) to TGI_CALL3                 f(a), f(a, b), f(a, b, c): functions of tensors alone
 *     TGI_CALL1_WITH(f, a, ...) to TGI_CALL5_WITH  the same with other arguments after the tensors
 *     TGI_LIST_CALL(f, first, ...)                 f(first, count, array of the tensors)
 *     TGI_LIST_CALL_WITH(f, list, ...)             f(list, ...) of a tg_list
 *     TGI_TAPE_CALL(f, tape, ...)                  f(tape, ...) of plain arguments
 *     TGI_TAPE_CALL1(f, tape, x)                   f(tape, x) of a tensor
 *     TGI_TAPE_CALL1_WITH(f, tape, with, x)        f(tape, with, x) of a plain argument and a tensor
 *     TGI_ARRAY_CALL(f, type, zero, ...)           f(count, array of the values)
 *
 * SPDX-License-Identifier: MIT */
#ifndef TAPEGRAD_DETAIL_CALL_H
#define TAPEGRAD_DETAIL_CALL_H
#pragma GCC system_header

#include <tapegrad/tensor.h>

/* The library's own sources define TGI_INSIDE: what is recorded inside belongs to the user's line that called. */
#ifdef TGI_INSIDE
#define TGI_AT(tape) (tape)
#define TGI_HOLD(tape) ((tg_line){0})
#define TGI_RELEASE(tape, before) ((void)(before))
#else
#define TGI_AT(tape) (tg_at)((tape), __FILE__, __LINE__)
#define TGI_HOLD(tape) (tg_hold)((tape), __FILE__, __LINE__)
#define TGI_RELEASE(tape, before) (tg_release)((tape), before)
#endif

#ifdef __cplusplus
#include <tapegrad/detail/call_cpp.h>
#else
#include <tapegrad/detail/call_c.h>
#endif

#endif
