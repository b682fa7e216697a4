/* tapegrad/detail/elements_cpp.h: what a pointer's elements are, in C++11 and later: for functions that copy elements, and take any
 * pointer.
 *
 * Not for users.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TAPEGRAD_DETAIL_ELEMENTS_CPP_H
#define TAPEGRAD_DETAIL_ELEMENTS_CPP_H
#pragma GCC system_header

#include <tapegrad/detail/call_cpp.h>
#include <type_traits>

namespace tgi {

/* ---- the dtype of a type: TG_DTYPES stands for any (void, bytes, and structs), -1 for none --------------------------- */

template <class T> struct dtype_of {
    enum {
        value =
            (std::is_class<T>::value || std::is_union<T>::value) && std::is_trivially_copyable<T>::value ? int(TG_DTYPES) : -1
    };
};
template <> struct dtype_of<float> {
    enum { value = TG_F32 };
};
template <> struct dtype_of<double> {
    enum { value = TG_F64 };
};
template <> struct dtype_of<long> {
    enum { value = sizeof(long) == sizeof(int64_t) ? int(TG_I64) : -1 };
};
template <> struct dtype_of<long long> {
    enum { value = TG_I64 };
};
template <> struct dtype_of<bool> {
    enum { value = TG_BOOL };
};
template <> struct dtype_of<void> {
    enum { value = TG_DTYPES };
};
template <> struct dtype_of<char> {
    enum { value = TG_DTYPES };
};
template <> struct dtype_of<signed char> {
    enum { value = TG_DTYPES };
};
template <> struct dtype_of<unsigned char> {
    enum { value = TG_DTYPES };
};

/* A pointer and what its elements are. It is made of any pointer; NULL is one to void. `known` is the dtype that they must be of,
 * or -1. Void is const void, where they are only read. */
template <class Void, int known> struct elements {
    Void    *pointer;
    tg_dtype dtype;

    elements(Void *p) : pointer(p), dtype(TG_DTYPES) {
    }
    template <class T> elements(T *p) : pointer(p) {
        typedef typename std::remove_cv<typename std::remove_all_extents<T>::type>::type element;
        constexpr int                                                                    value = dtype_of<element>::value;
        static_assert(value >= 0, "no dtype has elements of the type that the pointer points to");
        static_assert(value < 0 || value == TG_DTYPES || known < 0 || known >= TG_DTYPES || value == known,
                      "the elements are not of the dtype's type");
        dtype = static_cast<tg_dtype>(value);
    }
};

/* ---- the calls --------------------------------------------------------------------------------------------------- */

inline void check_elements(const char *file, int line, tg_tensor x, const char *name, tg_dtype dtype) {
    if (dtype == TG_DTYPES) return;
    at(file, line, x);
    tg_check_elements(x, name, dtype);
}

template <class Void> tg_status elements_call(const char *file, int line, const char *name,
                                              tg_status (*f)(tg_tensor, Void *, int64_t), tg_tensor x,
                                              typename type_identity<elements<Void, -1>>::type values, int64_t count) {
    check_elements(file, line, x, name, values.dtype);
    return call(file, line, f, x, values.pointer, count);
}

inline tg_status elements_call(const char *file, int line, const char *name,
                               tg_status (*f)(tg_tensor, tg_tensor, void *, int64_t), tg_tensor x, tg_tensor y,
                               elements<void, -1> values, int64_t count) {
    check_elements(file, line, x, name, values.dtype);
    return call(file, line, f, x, y, values.pointer, count);
}

template <int known> void check_leaf(const char *file, int line, tg_tape *tape, const char *name, tg_dtype dtype,
                                     elements<const void, known> values) {
    if (values.dtype == TG_DTYPES) return;
    at(file, line, tape);
    tg_check_leaf_elements(tape, name, values.dtype, dtype);
}

template <int known> tg_tensor elements_leaf(const char *file, int line, const char *name,
                                             tg_tensor (*f)(tg_tape *, tg_dtype, tg_shape, const void *), tg_tape *tape,
                                             tg_dtype dtype, tg_shape shape, elements<const void, known> values) {
    check_leaf(file, line, tape, name, dtype, values);
    return call(file, line, f, tape, dtype, shape, values.pointer);
}

template <int known> tg_tensor elements_leaf(const char *file, int line, const char *name,
                                             tg_tensor (*f)(tg_tape *, const char *, tg_dtype, tg_shape, const void *),
                                             tg_tape *tape, const char *leaf_name, tg_dtype dtype, tg_shape shape,
                                             elements<const void, known> values) {
    check_leaf(file, line, tape, name, dtype, values);
    return call(file, line, f, tape, leaf_name, dtype, shape, values.pointer);
}

} // namespace tgi

#define TGI_ELEMENTS_CALL1(f, name, x, ...) tgi::elements_call(__FILE__, __LINE__, name, (f), tgi::tensor(x), __VA_ARGS__)
#define TGI_ELEMENTS_CALL2(f, name, x, y, ...) \
    tgi::elements_call(__FILE__, __LINE__, name, (f), tgi::tensor(x), tgi::tensor(y), __VA_ARGS__)

/* A dtype that is no constant is not looked at. */
#define TGI_KNOWN(type) (__builtin_constant_p(type) ? static_cast<int>(type) : -1)
#define TGI_ELEMENTS_LEAF(f, name, tape, type, ...) \
    tgi::elements_leaf<TGI_KNOWN(type)>(__FILE__, __LINE__, name, (f), tape, type, __VA_ARGS__)
#define TGI_NAMED_ELEMENTS_LEAF(f, name, tape, leaf, type, ...) \
    tgi::elements_leaf<TGI_KNOWN(type)>(__FILE__, __LINE__, name, (f), tape, leaf, type, __VA_ARGS__)

#endif
