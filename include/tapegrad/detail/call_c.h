/* tapegrad/detail/call_c.h: the macros of tapegrad/detail/call.h in C11, by _Generic and GNU statement expressions.
 *
 * Not for users.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TAPEGRAD_DETAIL_CALL_C_H
#define TAPEGRAD_DETAIL_CALL_C_H
#pragma GCC system_header

#include <tapegrad/detail/call.h>

/* (f)(count, array) of some values of a type. The array begins with `zero`, which is not passed: it may have no other elements. */
#define TGI_ARRAY_CALL(f, type, zero, ...) \
    (f)((int)(sizeof((type[]){zero, __VA_ARGS__}) / sizeof(type)) - 1, (type[]){zero, __VA_ARGS__} + 1)

/* ---- a number or a tensor as a tensor ---------------------------------------------------------------------------- */

static inline tg_tensor tgi_same(tg_tensor x) {
    return x;
}
static inline tg_tensor tgi_signed(long long x) {
    return tg_num((double)x);
}
static inline tg_tensor tgi_unsigned(unsigned long long x) {
    return tg_num((double)x);
}
static inline tg_tensor tgi_long_double(long double x) {
    return tg_num((double)x);
}

/* The argument is bound to a name first: _Generic repeats its operand, and nested calls would double in size at each level. */
#define TGI_TENSOR(x) \
    __extension__({ \
        __auto_type tgi_x = (x); \
        _Generic(tgi_x, tg_tensor \
                 : tgi_same, float \
                 : tg_num, double \
                 : tg_num, long double \
                 : tgi_long_double, unsigned long \
                 : tgi_unsigned, unsigned long long \
                 : tgi_unsigned, default \
                 : tgi_signed)(tgi_x); \
    })

/* The value of a call, as clang does not call it unused where nobody takes it. */
#define TGI_RESULT tgi_result = tgi_result

/* ---- functions of tensors: (f)(a), and (f)(a, b, ...) with other arguments, which may call the library themselves ---- */

#define TG_CALL1(f, a) \
    __extension__({ \
        tg_tensor tgi_a = TGI_TENSOR(a); \
        (void)TG_AT(tgi_a.tape); \
        (f)(tgi_a); \
    })
#define TG_CALL1_WITH(f, a, ...) \
    __extension__({ \
        tg_tensor tgi_a = TGI_TENSOR(a); \
        tg_line   tgi_before = TGI_HOLD(tgi_a.tape); \
        __auto_type tgi_result = (f)(tgi_a, __VA_ARGS__); \
        TGI_RELEASE(tgi_a.tape, tgi_before); \
        TGI_RESULT; \
    })
#define TG_CALL2(f, a, b) \
    __extension__({ \
        tg_tensor tgi_a = TGI_TENSOR(a); \
        tg_tensor tgi_b = TGI_TENSOR(b); \
        (void)TG_AT(tgi_a.tape); \
        (void)TG_AT(tgi_b.tape); \
        (f)(tgi_a, tgi_b); \
    })
#define TG_CALL2_WITH(f, a, b, ...) \
    __extension__({ \
        tg_tensor tgi_a = TGI_TENSOR(a); \
        tg_tensor tgi_b = TGI_TENSOR(b); \
        (void)TG_AT(tgi_b.tape); \
        tg_line tgi_before = TGI_HOLD(tgi_a.tape); \
        __auto_type tgi_result = (f)(tgi_a, tgi_b, __VA_ARGS__); \
        TGI_RELEASE(tgi_a.tape, tgi_before); \
        TGI_RESULT; \
    })
#define TG_CALL3(f, a, b, c) \
    __extension__({ \
        tg_tensor tgi_a = TGI_TENSOR(a); \
        tg_tensor tgi_b = TGI_TENSOR(b); \
        tg_tensor tgi_c = TGI_TENSOR(c); \
        (void)TG_AT(tgi_a.tape); \
        (void)TG_AT(tgi_b.tape); \
        (void)TG_AT(tgi_c.tape); \
        (f)(tgi_a, tgi_b, tgi_c); \
    })
#define TG_CALL4(f, a, b, c, d) \
    __extension__({ \
        tg_tensor tgi_a = TGI_TENSOR(a); \
        tg_tensor tgi_b = TGI_TENSOR(b); \
        tg_tensor tgi_c = TGI_TENSOR(c); \
        tg_tensor tgi_d = TGI_TENSOR(d); \
        (void)TG_AT(tgi_a.tape); \
        (void)TG_AT(tgi_b.tape); \
        (void)TG_AT(tgi_c.tape); \
        (void)TG_AT(tgi_d.tape); \
        (f)(tgi_a, tgi_b, tgi_c, tgi_d); \
    })
#define TG_CALL3_WITH(f, a, b, c, ...) \
    __extension__({ \
        tg_tensor tgi_a = TGI_TENSOR(a); \
        tg_tensor tgi_b = TGI_TENSOR(b); \
        tg_tensor tgi_c = TGI_TENSOR(c); \
        (void)TG_AT(tgi_b.tape); \
        (void)TG_AT(tgi_c.tape); \
        tg_line tgi_before = TGI_HOLD(tgi_a.tape); \
        __auto_type tgi_result = (f)(tgi_a, tgi_b, tgi_c, __VA_ARGS__); \
        TGI_RELEASE(tgi_a.tape, tgi_before); \
        TGI_RESULT; \
    })

#define TG_CALL4_WITH(f, a, b, c, d, ...) \
    __extension__({ \
        tg_tensor tgi_a = TGI_TENSOR(a); \
        tg_tensor tgi_b = TGI_TENSOR(b); \
        tg_tensor tgi_c = TGI_TENSOR(c); \
        tg_tensor tgi_d = TGI_TENSOR(d); \
        (void)TG_AT(tgi_b.tape); \
        (void)TG_AT(tgi_c.tape); \
        (void)TG_AT(tgi_d.tape); \
        tg_line tgi_before = TGI_HOLD(tgi_a.tape); \
        __auto_type tgi_result = (f)(tgi_a, tgi_b, tgi_c, tgi_d, __VA_ARGS__); \
        TGI_RELEASE(tgi_a.tape, tgi_before); \
        TGI_RESULT; \
    })
#define TG_CALL5_WITH(f, a, b, c, d, e, ...) \
    __extension__({ \
        tg_tensor tgi_a = TGI_TENSOR(a); \
        tg_tensor tgi_b = TGI_TENSOR(b); \
        tg_tensor tgi_c = TGI_TENSOR(c); \
        tg_tensor tgi_d = TGI_TENSOR(d); \
        tg_tensor tgi_e = TGI_TENSOR(e); \
        (void)TG_AT(tgi_b.tape); \
        (void)TG_AT(tgi_c.tape); \
        (void)TG_AT(tgi_d.tape); \
        (void)TG_AT(tgi_e.tape); \
        tg_line tgi_before = TGI_HOLD(tgi_a.tape); \
        __auto_type tgi_result = (f)(tgi_a, tgi_b, tgi_c, tgi_d, tgi_e, __VA_ARGS__); \
        TGI_RELEASE(tgi_a.tape, tgi_before); \
        TGI_RESULT; \
    })

/* ---- functions of several tensors -------------------------------------------------------------------------------- */

#define TGI_TENSORS1(a) TGI_TENSOR(a)
#define TGI_TENSORS2(a, ...) TGI_TENSOR(a), TGI_TENSORS1(__VA_ARGS__)
#define TGI_TENSORS3(a, ...) TGI_TENSOR(a), TGI_TENSORS2(__VA_ARGS__)
#define TGI_TENSORS4(a, ...) TGI_TENSOR(a), TGI_TENSORS3(__VA_ARGS__)
#define TGI_TENSORS5(a, ...) TGI_TENSOR(a), TGI_TENSORS4(__VA_ARGS__)
#define TGI_TENSORS6(a, ...) TGI_TENSOR(a), TGI_TENSORS5(__VA_ARGS__)
#define TGI_TENSORS7(a, ...) TGI_TENSOR(a), TGI_TENSORS6(__VA_ARGS__)
#define TGI_TENSORS8(a, ...) TGI_TENSOR(a), TGI_TENSORS7(__VA_ARGS__)
#define TGI_NINTH(a, b, c, d, e, f, g, h, i, ...) i
#define TGI_TENSORS(...) \
    TGI_NINTH(__VA_ARGS__, TGI_TENSORS8, TGI_TENSORS7, TGI_TENSORS6, TGI_TENSORS5, TGI_TENSORS4, TGI_TENSORS3, TGI_TENSORS2, \
              TGI_TENSORS1, ) \
    (__VA_ARGS__)

/* For functions (f)(first, count, tensors). */
#define TG_LIST_CALL(f, first, ...) \
    __extension__({ \
        const tg_tensor tgi_list[] = {TGI_TENSORS(__VA_ARGS__)}; \
        const int       tgi_count = (int)(sizeof tgi_list / sizeof *tgi_list); \
        for (int tgi_i = 0; tgi_i < tgi_count; tgi_i++) \
            (void)TG_AT(tgi_list[tgi_i].tape); \
        (f)((first), tgi_count, tgi_list); \
    })

/* For functions (f)(list, ...) of a tg_list. */
#define TG_LIST_CALL_WITH(f, list, ...) \
    __extension__({ \
        const tg_list tgi_list = (list); \
        for (int tgi_i = 1; tgi_list.x && tgi_i < tgi_list.count; tgi_i++) \
            (void)TG_AT(tgi_list.x[tgi_i].tape); \
        tg_tape *tgi_tape = tgi_list.x && tgi_list.count > 0 ? tgi_list.x->tape : NULL; \
        tg_line  tgi_before = TGI_HOLD(tgi_tape); \
        __auto_type tgi_result = (f)(tgi_list, __VA_ARGS__); \
        TGI_RELEASE(tgi_tape, tgi_before); \
        TGI_RESULT; \
    })

/* ---- functions of a tape ----------------------------------------------------------------------------------------- */

/* For functions of a tape and plain arguments. */
#define TG_TAPE_CALL(f, t, ...) \
    __extension__({ \
        tg_tape *tgi_tape = (t); \
        tg_line  tgi_before = TGI_HOLD(tgi_tape); \
        __auto_type tgi_result = (f)(tgi_tape, __VA_ARGS__); \
        TGI_RELEASE(tgi_tape, tgi_before); \
        TGI_RESULT; \
    })

/* For functions of a tape and one tensor that follows `...`: (f)(tape, ..., x). */
#define TG_TAPE_CALL1(f, tape, x) \
    __extension__({ \
        tg_tensor tgi_a = TGI_TENSOR(x); \
        (f)(TG_AT(tape), tgi_a); \
    })
#define TG_TAPE_CALL1_WITH(f, tape, with, x) \
    __extension__({ \
        tg_tensor tgi_a = TGI_TENSOR(x); \
        (f)(TG_AT(tape), with, tgi_a); \
    })

/* For functions (f)(tape, x, ...) of a tape, one tensor and other arguments, which may call the library themselves. */
#define TG_STEP_CALL(f, t, x, ...) \
    __extension__({ \
        tg_tensor tgi_a = TGI_TENSOR(x); \
        tg_tape  *tgi_tape = (t); \
        tg_line   tgi_before = TGI_HOLD(tgi_tape); \
        __auto_type tgi_result = (f)(tgi_tape, tgi_a, __VA_ARGS__); \
        TGI_RELEASE(tgi_tape, tgi_before); \
        TGI_RESULT; \
    })

#endif
