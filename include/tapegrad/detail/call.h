/* tapegrad/detail/call.h: how a call of a public function is wrapped.
 *
 * The macros for users, TG_CALL1 and so on, are described in tapegrad/extend.h; how they work is not for users. Every function of
 * tensors has a macro of the same name made of one of them. A preprocessor does not expand a macro inside its own expansion, so the
 * macro can call the function of the same name; the parentheses in (f) keep other macros away.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TAPEGRAD_DETAIL_CALL_H
#define TAPEGRAD_DETAIL_CALL_H
#pragma GCC system_header

#include <tapegrad/tensor.h>

/* The library's own sources define TGI_INSIDE: what is recorded inside belongs to the user's line that called. */
#ifdef TGI_INSIDE
#define TG_AT(tape) (tape)
#define TGI_HOLD(tape) ((void)(tape), (tg_line){0})
#define TGI_RELEASE(tape, before) ((void)(before))
#else
#define TG_AT(tape) (tg_at)((tape), __FILE__, __LINE__)
#define TGI_HOLD(tape) (tg_hold)((tape), __FILE__, __LINE__)
#define TGI_RELEASE(tape, before) (tg_release)((tape), before)
#endif

#ifdef __cplusplus
#include <tapegrad/detail/call_cpp.h>
#include <tapegrad/detail/elements_cpp.h>
#else
#include <tapegrad/detail/call_c.h>
#include <tapegrad/detail/elements_c.h>
#endif

#endif
