/* tapegrad/tensor.h: the words every other header uses.
 *
 * Handles, dtypes, shapes, axes and plain numbers. Nothing here does any work: a tensor is a small value that names one
 * recorded result on a tape, and is copied, passed and dropped like an int.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TAPEGRAD_TENSOR_H
#define TAPEGRAD_TENSOR_H
#pragma GCC system_header

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* A tape: the recorded program, and the owner of everything on it. See tapegrad/tape.h. */
typedef struct tg_tape tg_tape;

/* A handle to one value on a tape. Both members are the library's: compare nothing, change nothing. Never freed by the
 * user. A handle that outlives a rewind past it, belongs to another tape, or was zero-initialised is recognised where it
 * is used, and reported as an error. A handle to a tape that was freed cannot be recognised. */
typedef struct tg_tensor {
    tg_tape *tape;
    uint64_t ref;
} tg_tensor;

/* No tensor, where one may be left out, such as a bias; anywhere else it is an error. */
#ifndef __cplusplus
#define TG_NONE ((tg_tensor){NULL, 0})
#else
#define TG_NONE (tg_tensor())
#endif

/* What a call reports. Everything but TG_OK is also kept in the tape, with a sentence that says what went wrong where:
 * see tg_error in tapegrad/tape.h. */
typedef enum tg_status {
    TG_OK = 0,
    TG_ERR_MEMORY,   /* out of memory; nothing that was there before is lost */
    TG_ERR_HANDLE,   /* a tensor or mark that is stale, of another tape, or never was one; no tape */
    TG_ERR_SHAPE,    /* shapes, axes or ranks that do not fit */
    TG_ERR_DTYPE,    /* dtypes that do not fit, or that the op does not take */
    TG_ERR_ARGUMENT, /* any other argument out of its range */
    TG_ERR_NAME,     /* a name that is taken, or not there */
    TG_ERR_VALUE,    /* a value that is not there to read: not kept, or overwritten; a kernel that failed */
    TG_ERR_GRADIENT, /* no derivative there, or tg_gradcheck found one that is wrong */
    TG_ERR_IO        /* a file that cannot be read or written */
} tg_status;

/* ---- dtypes ------------------------------------------------------------------------------------------------------ */

/* What the elements are: float, double, int64_t, and one byte that is 0 or 1. Dtypes never mix silently: tg_cast
 * converts. Only the two floating dtypes carry gradients. */
typedef enum tg_dtype { TG_F32, TG_F64, TG_I64, TG_BOOL, TG_DTYPES } tg_dtype;

/* The name a message would use, "float32" for example; "?" for what is no dtype. */
const char *tg_dtype_name(tg_dtype dtype);

/* Bytes of one element; 0 for what is no dtype. */
size_t tg_dtype_size(tg_dtype dtype);

/* ---- shapes ------------------------------------------------------------------------------------------------------ */

enum { TG_MAX_RANK = 8 };

/* The sizes of a tensor's axes, outermost first; elements lie in row-major order. rank 0 is a single number, a size of
 * 0 is an empty tensor. A shape built from more than TG_MAX_RANK sizes has rank TG_MAX_RANK + 1 and is refused wherever it
 * is used. */
typedef struct tg_shape {
    int     rank;
    int64_t dims[TG_MAX_RANK];
} tg_shape;

/* TG_SHAPE(100, 2) is the shape (100, 2); TG_SHAPE() that of a single number. */
#define TG_SHAPE(...) (tg_shape_from)(TGI_COUNT(int64_t, __VA_ARGS__), TGI_LIST(int64_t, __VA_ARGS__))

/* The same from an array of `rank` sizes. */
tg_shape tg_shape_from(int rank, const int64_t *dims);

/* Number of elements: the product of the sizes. -1 for a shape that is none: a negative size, a rank out of range, more than 2^59
 * elements (sizes of 0 left aside). */
int64_t tg_shape_size(tg_shape shape);

/* Same rank and same sizes. */
bool tg_shape_equal(tg_shape a, tg_shape b);

/* A set of axes of some tensor, as NumPy's axis=(0, -1): negative ones count from the end. */
typedef struct tg_axes {
    int count;
    int axis[TG_MAX_RANK];
} tg_axes;

/* TG_AXES(0, -1) is the first and the last axis; TG_AXES() is none. */
#define TG_AXES(...) (tg_axes_from)(TGI_COUNT(int, __VA_ARGS__), TGI_LIST(int, __VA_ARGS__))

/* The same from an array of `count` axes; more than TG_MAX_RANK are refused where they are used. */
tg_axes tg_axes_from(int count, const int *axis);

/* ---- plain numbers ----------------------------------------------------------------------------------------------- */

/* A plain number as a tensor of rank 0. It takes the dtype of the tensors it meets: tg_sub(tg_num(1), y). In C and C++
 * the functions of tensors take plain numbers directly, tg_sub(1, y), so only other languages need to call this. A
 * number belongs to no tape: an op of numbers alone has nowhere to be recorded and returns an invalid tensor, and so does
 * one whose dtype cannot hold the number (1.5 beside int64). Integers beyond 2^53 are rounded, and what is too large for
 * float32 becomes infinite beside it. */
tg_tensor tg_num(double number);

/* Says that the next call on this tape comes from that line of the user's source, for its error text and for what it
 * records; returns the tape. The macros of these headers do it for every C and C++ caller; bindings for other languages
 * may. `file` must live as long as the tape. A tape of NULL is ignored. */
tg_tape *tg_at(tg_tape *tape, const char *file, int line);

/* The same for a call whose arguments may themselves call the library: holds the line until tg_release, which is given what tg_hold
 * returned. */
typedef struct tg_line {
    const char *file;
    int         line;
} tg_line;
tg_line tg_hold(tg_tape *tape, const char *file, int line);
void    tg_release(tg_tape *tape, tg_line before);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

/* ---- how a call is wrapped --------------------------------------------------------------------------------------- */

/* Every function of tensors has a macro of the same name that converts plain numbers, evaluates each argument once, tells
 * the tape the line it stands on, and calls the function. To take a function's address, or to call it without the macro,
 * write (tg_exp). The library's own sources define TGI_INSIDE: what is recorded inside belongs to the user's line that
 * called. */

#ifdef TGI_INSIDE
#define TGI_AT(tape) (tape)
#define TGI_HOLD(tape) ((tg_line){0})
#define TGI_RELEASE(tape, before) ((void)(before))
#else
#define TGI_AT(tape) (tg_at)((tape), __FILE__, __LINE__)
#define TGI_HOLD(tape) (tg_hold)((tape), __FILE__, __LINE__)
#define TGI_RELEASE(tape, before) (tg_release)((tape), before)
#endif

#ifndef __cplusplus

#define TGI_COUNT(type, ...) ((int)(sizeof((type[]){0, __VA_ARGS__}) / sizeof(type)) - 1)
#define TGI_LIST(type, ...) ((type[]){0, __VA_ARGS__} + 1)

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

#define TGI_TENSOR(x) \
    __extension__({ \
        __auto_type tgi_x = (x); \
        _Generic(tgi_x, \
            tg_tensor: tgi_same, \
            float: tg_num, \
            double: tg_num, \
            long double: tgi_long_double, \
            unsigned long: tgi_unsigned, \
            unsigned long long: tgi_unsigned, \
            default: tgi_signed)(tgi_x); \
    })

#define TGI_CALL1(f, a) \
    __extension__({ \
        tg_tensor tgi_a = TGI_TENSOR(a); \
        (void)TGI_AT(tgi_a.tape); \
        (f)(tgi_a); \
    })
#define TGI_CALL1_WITH(f, a, ...) \
    __extension__({ \
        tg_tensor   tgi_a = TGI_TENSOR(a); \
        tg_line     tgi_before = TGI_HOLD(tgi_a.tape); \
        __auto_type tgi_result = (f)(tgi_a, __VA_ARGS__); \
        TGI_RELEASE(tgi_a.tape, tgi_before); \
        tgi_result; \
    })
#define TGI_CALL2(f, a, b) \
    __extension__({ \
        tg_tensor tgi_a = TGI_TENSOR(a); \
        tg_tensor tgi_b = TGI_TENSOR(b); \
        (void)TGI_AT(tgi_a.tape); \
        (void)TGI_AT(tgi_b.tape); \
        (f)(tgi_a, tgi_b); \
    })
#define TGI_CALL2_WITH(f, a, b, ...) \
    __extension__({ \
        tg_tensor tgi_a = TGI_TENSOR(a); \
        tg_tensor tgi_b = TGI_TENSOR(b); \
        (void)TGI_AT(tgi_b.tape); \
        tg_line     tgi_before = TGI_HOLD(tgi_a.tape); \
        __auto_type tgi_result = (f)(tgi_a, tgi_b, __VA_ARGS__); \
        TGI_RELEASE(tgi_a.tape, tgi_before); \
        tgi_result; \
    })
#define TGI_CALL3(f, a, b, c) \
    __extension__({ \
        tg_tensor tgi_a = TGI_TENSOR(a); \
        tg_tensor tgi_b = TGI_TENSOR(b); \
        tg_tensor tgi_c = TGI_TENSOR(c); \
        (void)TGI_AT(tgi_a.tape); \
        (void)TGI_AT(tgi_b.tape); \
        (void)TGI_AT(tgi_c.tape); \
        (f)(tgi_a, tgi_b, tgi_c); \
    })
#define TGI_CALL3_WITH(f, a, b, c, ...) \
    __extension__({ \
        tg_tensor tgi_a = TGI_TENSOR(a); \
        tg_tensor tgi_b = TGI_TENSOR(b); \
        tg_tensor tgi_c = TGI_TENSOR(c); \
        (void)TGI_AT(tgi_b.tape); \
        (void)TGI_AT(tgi_c.tape); \
        tg_line     tgi_before = TGI_HOLD(tgi_a.tape); \
        __auto_type tgi_result = (f)(tgi_a, tgi_b, tgi_c, __VA_ARGS__); \
        TGI_RELEASE(tgi_a.tape, tgi_before); \
        tgi_result; \
    })

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
              TGI_TENSORS1, )(__VA_ARGS__)

/* For functions (f)(first, count, tensors). */
#define TGI_LIST_CALL(f, first, ...) \
    __extension__({ \
        const tg_tensor tgi_list[] = {TGI_TENSORS(__VA_ARGS__)}; \
        const int       tgi_count = (int)(sizeof tgi_list / sizeof *tgi_list); \
        for (int tgi_i = 0; tgi_i < tgi_count; tgi_i++) \
            (void)TGI_AT(tgi_list[tgi_i].tape); \
        (f)((first), tgi_count, tgi_list); \
    })

/* For functions of a tape and plain arguments. */
#define TGI_TAPE_CALL(f, t, ...) \
    __extension__({ \
        tg_tape    *tgi_tape = (t); \
        tg_line     tgi_before = TGI_HOLD(tgi_tape); \
        __auto_type tgi_result = (f)(tgi_tape, __VA_ARGS__); \
        TGI_RELEASE(tgi_tape, tgi_before); \
        tgi_result; \
    })

/* For functions of a tape and one tensor that follows `...`: (f)(tape, ..., x). */
#define TGI_TAPE_CALL1(f, tape, x) \
    __extension__({ \
        tg_tensor tgi_a = TGI_TENSOR(x); \
        (f)(TGI_AT(tape), tgi_a); \
    })
#define TGI_TAPE_CALL1_WITH(f, tape, with, x) \
    __extension__({ \
        tg_tensor tgi_a = TGI_TENSOR(x); \
        (f)(TGI_AT(tape), with, tgi_a); \
    })

#else /* C++11 and later: overloads do what _Generic and statement expressions do in C */

#include <initializer_list>

namespace tgi {

template <class T, int N = TG_MAX_RANK + 2> struct list {
    int count;
    T   item[N];
    list(std::initializer_list<T> items) : count(0), item() {
        for (T i : items)
            if (count < N) item[count++] = i;
    }
};

inline tg_tensor tensor(tg_tensor x) {
    return x;
}
template <class Number> tg_tensor tensor(Number x) {
    return tg_num(static_cast<double>(x));
}

template <class F, class... Rest> auto call1(const char *file, int line, F f, tg_tensor a, Rest... rest) -> decltype(f(a, rest...)) {
    tg_at(a.tape, file, line);
    return f(a, rest...);
}
template <class F> auto call2(const char *file, int line, F f, tg_tensor a, tg_tensor b) -> decltype(f(a, b)) {
    tg_at(a.tape, file, line);
    tg_at(b.tape, file, line);
    return f(a, b);
}
template <class F, class... Rest>
auto call2_with(const char *file, int line, F f, tg_tensor a, tg_tensor b, Rest... rest) -> decltype(f(a, b, rest...)) {
    tg_at(a.tape, file, line);
    tg_at(b.tape, file, line);
    return f(a, b, rest...);
}
template <class F, class First, class... X> tg_tensor list_call(const char *file, int line, F f, First first, X... x) {
    const tg_tensor list[] = {tensor(x)...};
    for (const tg_tensor &item : list)
        tg_at(item.tape, file, line);
    return f(first, static_cast<int>(sizeof...(x)), list);
}
template <class F> tg_tensor call3(const char *file, int line, F f, tg_tensor a, tg_tensor b, tg_tensor c) {
    tg_at(a.tape, file, line);
    tg_at(b.tape, file, line);
    tg_at(c.tape, file, line);
    return f(a, b, c);
}
template <class F, class... Rest>
tg_tensor call3_with(const char *file, int line, F f, tg_tensor a, tg_tensor b, tg_tensor c, Rest... rest) {
    tg_at(a.tape, file, line);
    tg_at(b.tape, file, line);
    tg_at(c.tape, file, line);
    return f(a, b, c, rest...);
}
template <class F, class... Rest> auto tape_call(const char *file, int line, F f, tg_tape *tape, Rest... rest) -> decltype(f(tape, rest...)) {
    return f(tg_at(tape, file, line), rest...);
}

} // namespace tgi

#undef TG_SHAPE
#undef TG_AXES
inline tg_shape tgi_shape(std::initializer_list<int64_t> dims) {
    tgi::list<int64_t> l(dims);
    return (tg_shape_from)(l.count, l.item);
}
inline tg_axes tgi_axes(std::initializer_list<int> axes) {
    tgi::list<int> l(axes);
    return (tg_axes_from)(l.count, l.item);
}
#define TG_SHAPE(...) (tgi_shape)({__VA_ARGS__})
#define TG_AXES(...) (tgi_axes)({__VA_ARGS__})

#define TGI_CALL1(f, a) tgi::call1(__FILE__, __LINE__, (f), tgi::tensor(a))
#define TGI_CALL1_WITH(f, a, ...) tgi::call1(__FILE__, __LINE__, (f), tgi::tensor(a), __VA_ARGS__)
#define TGI_TAPE_CALL(f, tape, ...) tgi::tape_call(__FILE__, __LINE__, (f), (tape), __VA_ARGS__)
#define TGI_CALL2(f, a, b) tgi::call2(__FILE__, __LINE__, (f), tgi::tensor(a), tgi::tensor(b))
#define TGI_CALL2_WITH(f, a, b, ...) tgi::call2_with(__FILE__, __LINE__, (f), tgi::tensor(a), tgi::tensor(b), __VA_ARGS__)
#define TGI_LIST_CALL(f, first, ...) tgi::list_call(__FILE__, __LINE__, (f), (first), __VA_ARGS__)
#define TGI_CALL3(f, a, b, c) tgi::call3(__FILE__, __LINE__, (f), tgi::tensor(a), tgi::tensor(b), tgi::tensor(c))
#define TGI_CALL3_WITH(f, a, b, c, ...) \
    tgi::call3_with(__FILE__, __LINE__, (f), tgi::tensor(a), tgi::tensor(b), tgi::tensor(c), __VA_ARGS__)
#define TGI_TAPE_CALL1(f, tape, x) tgi::tape_call(__FILE__, __LINE__, (f), (tape), tgi::tensor(x))
#define TGI_TAPE_CALL1_WITH(f, tape, with, x) tgi::tape_call(__FILE__, __LINE__, (f), (tape), (with), tgi::tensor(x))

#endif
#endif
