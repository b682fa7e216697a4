/* tapegrad/detail/call_cpp.h: the macros of tapegrad/detail/call.h in C++11 and later, by overloads and templates.
 *
 * Not for users.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TAPEGRAD_DETAIL_CALL_CPP_H
#define TAPEGRAD_DETAIL_CALL_CPP_H
#pragma GCC system_header

#include <initializer_list>
#include <tapegrad/detail/call.h>

namespace tgi {

/* ---- a number or a tensor as a tensor ---------------------------------------------------------------------------- */

inline tg_tensor tensor(tg_tensor x) {
    return x;
}
template <class Number> tg_tensor tensor(Number x) {
    return tg_num(static_cast<double>(x));
}

/* ---- the line for the tapes of the arguments: those that are no tensors have none ---------------------------------- */

template <class Other> void at(const char *, int, const Other &) {
}
inline void at(const char *file, int line, tg_tape *const &tape) {
    tg_at(tape, file, line);
}
inline void at(const char *file, int line, const tg_tensor &x) {
    tg_at(x.tape, file, line);
}

/* ---- the call: all arguments have been evaluated before the line is set -------------------------------------------- */

/* Keeps an argument from being deduced: its type is that of the function's parameter, so that NULL may stand for any pointer. */
template <class T> struct type_identity { typedef T type; };

template <class Result, class... Parameter>
Result call(const char *file, int line, Result (*f)(Parameter...), typename type_identity<Parameter>::type... arguments) {
    const int each[] = {0, (at(file, line, arguments), 0)...};
    (void)each;
    return f(arguments...);
}

template <class Result, class First, class... X> Result list_call(const char *file, int line,
                                                                  Result (*f)(First, int, const tg_tensor *),
                                                                  typename type_identity<First>::type first, X... x) {
    const tg_tensor list[] = {tensor(x)...};
    for (const tg_tensor &item : list)
        at(file, line, item);
    return f(first, static_cast<int>(sizeof...(x)), list);
}

template <class Result, class List, class... Rest> Result
list_call_with(const char *file, int line, Result (*f)(List, Rest...), List list, typename type_identity<Rest>::type... rest) {
    for (int i = 0; list.x && i < list.count; i++)
        at(file, line, list.x[i]);
    return f(list, rest...);
}

template <class T, class F> auto array_call(F f, std::initializer_list<T> items) -> decltype(f(0, items.begin())) {
    return f(static_cast<int>(items.size()), items.begin());
}

} // namespace tgi

#define TGI_ARRAY_CALL(f, type, zero, ...) tgi::array_call<type>((f), {__VA_ARGS__})

#define TG_CALL1(f, a) tgi::call(__FILE__, __LINE__, (f), tgi::tensor(a))
#define TG_CALL2(f, a, b) tgi::call(__FILE__, __LINE__, (f), tgi::tensor(a), tgi::tensor(b))
#define TG_CALL3(f, a, b, c) tgi::call(__FILE__, __LINE__, (f), tgi::tensor(a), tgi::tensor(b), tgi::tensor(c))
#define TG_CALL4(f, a, b, c, d) \
    tgi::call(__FILE__, __LINE__, (f), tgi::tensor(a), tgi::tensor(b), tgi::tensor(c), tgi::tensor(d))

#define TG_CALL1_WITH(f, a, ...) tgi::call(__FILE__, __LINE__, (f), tgi::tensor(a), __VA_ARGS__)
#define TG_CALL2_WITH(f, a, b, ...) tgi::call(__FILE__, __LINE__, (f), tgi::tensor(a), tgi::tensor(b), __VA_ARGS__)
#define TG_CALL3_WITH(f, a, b, c, ...) \
    tgi::call(__FILE__, __LINE__, (f), tgi::tensor(a), tgi::tensor(b), tgi::tensor(c), __VA_ARGS__)
#define TG_CALL4_WITH(f, a, b, c, d, ...) \
    tgi::call(__FILE__, __LINE__, (f), tgi::tensor(a), tgi::tensor(b), tgi::tensor(c), tgi::tensor(d), __VA_ARGS__)
#define TG_CALL5_WITH(f, a, b, c, d, e, ...) \
    tgi::call(__FILE__, __LINE__, (f), tgi::tensor(a), tgi::tensor(b), tgi::tensor(c), tgi::tensor(d), tgi::tensor(e), \
              __VA_ARGS__)

#define TG_LIST_CALL(f, first, ...) tgi::list_call(__FILE__, __LINE__, (f), (first), __VA_ARGS__)
#define TG_LIST_CALL_WITH(f, list, ...) tgi::list_call_with(__FILE__, __LINE__, (f), (list), __VA_ARGS__)

#define TG_TAPE_CALL(f, tape, ...) tgi::call(__FILE__, __LINE__, (f), (tape), __VA_ARGS__)
#define TG_TAPE_CALL1(f, tape, x) tgi::call(__FILE__, __LINE__, (f), (tape), tgi::tensor(x))
#define TG_TAPE_CALL1_WITH(f, tape, with, x) tgi::call(__FILE__, __LINE__, (f), (tape), (with), tgi::tensor(x))
#define TG_STEP_CALL(f, tape, x, ...) tgi::call(__FILE__, __LINE__, (f), (tape), tgi::tensor(x), __VA_ARGS__)

#endif
