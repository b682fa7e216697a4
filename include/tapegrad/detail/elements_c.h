/* tapegrad/detail/elements_c.h: what a pointer's elements are, in C11: for functions that copy elements, and take any pointer.
 *
 * Not for users.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TAPEGRAD_DETAIL_ELEMENTS_C_H
#define TAPEGRAD_DETAIL_ELEMENTS_C_H
#pragma GCC system_header

#include <tapegrad/detail/call_c.h>

/* ---- the dtype of a pointer -------------------------------------------------------------------------------------- */

/* TG_DTYPES stands for any: void, and bytes. -1 stands for none. */
#define TGI_EACH_ELEMENT(X) \
    X(float, TG_F32), X(double, TG_F64), X(long, sizeof(long) == sizeof(int64_t) ? (int)TG_I64 : -1), X(long long, TG_I64), \
        X(_Bool, TG_BOOL), X(char, TG_DTYPES), X(signed char, TG_DTYPES), X(unsigned char, TG_DTYPES), X(short, -1), \
        X(unsigned short, -1), X(int, -1), X(unsigned, -1), X(unsigned long, -1), X(unsigned long long, -1), \
        X(long double, -1)

/* In a pointer to an array the length does not count. */
#define TGI_POINTER(T, dtype) T * : dtype, const T * : dtype
#define TGI_ARRAY_POINTER(T, dtype) T(*)[] : dtype, const T(*)[] : dtype

/* By GCC's numbers of the classes of types, which clang has too. */
#define TGI_IS_STRUCT(x) (__builtin_classify_type(x) == 12 || __builtin_classify_type(x) == 13)

/* Of pointers as deep as float (*)[2][3][4], which is what float x[n][2][3][4] is passed as. Structs and unions may be anything,
 * other pointers nothing. `p` is the pointer; `q` is too, unless it is void; so is `r`, where it is one to arrays or pointers, and
 * else one that can be followed as far. */
#define TGI_ELEMENTS(p, q, r) \
    _Generic(p, TGI_EACH_ELEMENT(TGI_POINTER), TGI_POINTER(void, TG_DTYPES), TGI_EACH_ELEMENT(TGI_ARRAY_POINTER), default \
             : _Generic(*(r), TGI_EACH_ELEMENT(TGI_ARRAY_POINTER), default \
                        : _Generic(**(r), TGI_EACH_ELEMENT(TGI_ARRAY_POINTER), default \
                                   : TGI_IS_STRUCT(*(q)) ? (int)TG_DTYPES : -1)))

/* Declares the constant tgi_elements for a pointer, which is not evaluated. */
#define TGI_DECLARE_ELEMENTS(pointer) \
    __typeof__(1 ? (pointer) : (void *)0)                                                    tgi_p = 0; \
    __typeof__(_Generic(tgi_p, TGI_POINTER(void, (char *)0), default : tgi_p))               tgi_q = 0; \
    __typeof__(_Generic(*tgi_q, TGI_EACH_ELEMENT(TGI_NOT_FOLLOWED), default \
                        : __builtin_choose_expr(TGI_IS_STRUCT(*tgi_q), (char ***)0, tgi_q))) tgi_r = 0; \
    (void)tgi_p; \
    (void)tgi_q; \
    (void)tgi_r; \
    enum { tgi_elements = TGI_ELEMENTS(tgi_p, tgi_q, tgi_r) }; \
    _Static_assert(tgi_elements >= 0, "no dtype has elements of the type that the pointer points to")
#define TGI_NOT_FOLLOWED(T, dtype) \
    T: \
    (char ***)0

/* ---- the calls --------------------------------------------------------------------------------------------------- */

/* What a call gives, after its line was released: a name in its place would be a value that is not used. */
static inline tg_status tgi_released_status(tg_tape *tape, tg_line before, tg_status status) {
    TGI_RELEASE(tape, before);
    (void)tape;
    return status;
}
static inline tg_tensor tgi_released_tensor(tg_tape *tape, tg_line before, tg_tensor x) {
    TGI_RELEASE(tape, before);
    (void)tape;
    return x;
}

/* For functions (f)(x, elements, count). The elements may be a compound literal, with commas of its own: here, too, `...` is two
 * expressions, the first of which is chosen. */
#define TGI_ELEMENTS_CALL1(f, name, x, ...) \
    __extension__({ \
        tg_tensor tgi_a = TGI_TENSOR(x); \
        tg_line   tgi_before = TGI_HOLD(tgi_a.tape); \
        TGI_DECLARE_ELEMENTS(__builtin_choose_expr(1, __VA_ARGS__)); \
        if (tgi_elements != TG_DTYPES) (void)(tg_check_elements)(tgi_a, name, (tg_dtype)tgi_elements); \
        tgi_released_status(tgi_a.tape, tgi_before, (f)(tgi_a, __VA_ARGS__)); \
    })

/* The same of two tensors, the result having the dtype of both. */
#define TGI_ELEMENTS_CALL2(f, name, x, y, ...) \
    __extension__({ \
        tg_tensor tgi_a = TGI_TENSOR(x); \
        tg_tensor tgi_b = TGI_TENSOR(y); \
        (void)TG_AT(tgi_b.tape); \
        tg_line tgi_before = TGI_HOLD(tgi_a.tape); \
        TGI_DECLARE_ELEMENTS(__builtin_choose_expr(1, __VA_ARGS__)); \
        if (tgi_elements != TG_DTYPES) (void)(tg_check_elements)(tgi_a, name, (tg_dtype)tgi_elements); \
        tgi_released_status(tgi_a.tape, tgi_before, (f)(tgi_a, tgi_b, __VA_ARGS__)); \
    })

/* A constant expression is an integer whose product with 0, as a pointer, is the null pointer constant, even unevaluated. */
#define TGI_IS_CONSTANT(x) (sizeof(int) == sizeof(*(8 ? ((void *)((long)(x)*0l)) : (int *)8)))

/* What is known of a leaf's call before its elements are evaluated. */
typedef struct tgi_leaf_call {
    tg_tape *tape;
    tg_dtype dtype;
    tg_line  before;
} tgi_leaf_call;

/* Gives a tgi_leaf_call, checked. `...` is the shape and the elements, which are not evaluated. */
#define TGI_LEAF_CALL(name, t, type, ...) \
    __extension__({ \
        tgi_leaf_call tgi_call = {.tape = (t), .dtype = (type)}; \
        tgi_call.before = TGI_HOLD(tgi_call.tape); \
        TGI_DECLARE_ELEMENTS(__builtin_choose_expr(0, __VA_ARGS__)); \
        enum { tgi_known = __builtin_choose_expr(TGI_IS_CONSTANT(type), (int)(type), -1) }; \
        enum { tgi_any = tgi_known < 0 || (int)tgi_known >= TG_DTYPES || (int)tgi_elements == TG_DTYPES }; \
        _Static_assert(tgi_any || (int)tgi_elements == (int)tgi_known, "the elements are not of the dtype's type"); \
        if (tgi_elements != TG_DTYPES) \
            (void)(tg_check_leaf_elements)(tgi_call.tape, name, (tg_dtype)tgi_elements, tgi_call.dtype); \
        tgi_call; \
    })

static inline tg_tensor tgi_record_leaf(tg_tensor (*f)(tg_tape *, tg_dtype, tg_shape, const void *), tgi_leaf_call call,
                                        tg_shape shape, const void *elements) {
    return tgi_released_tensor(call.tape, call.before, f(call.tape, call.dtype, shape, elements));
}
static inline tg_tensor tgi_record_named_leaf(tg_tensor (*f)(tg_tape *, const char *, tg_dtype, tg_shape, const void *),
                                              tgi_leaf_call call, const char *name, tg_shape shape, const void *elements) {
    return tgi_released_tensor(call.tape, call.before, f(call.tape, name, call.dtype, shape, elements));
}

/* For functions (f)(tape, dtype, shape, elements), and (f)(tape, leaf, dtype, shape, elements) where the leaf has a name. The elements
 * are evaluated in the caller's block, so that a compound literal lives as long as that: the leaf may borrow it. */
#define TGI_ELEMENTS_LEAF(f, name, tape, type, ...) \
    tgi_record_leaf((f), TGI_LEAF_CALL(name, tape, type, __VA_ARGS__), __VA_ARGS__)
#define TGI_NAMED_ELEMENTS_LEAF(f, name, tape, leaf, type, ...) \
    tgi_record_named_leaf((f), TGI_LEAF_CALL(name, tape, type, __VA_ARGS__), (leaf), __VA_ARGS__)

#endif
