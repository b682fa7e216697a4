/* emit/c_formula.c: formulas of elementwise ops as C for one dtype.
 *
 * A formula is C but for three things. The names of its operands stand for what is read. A function of <math.h> has an f behind its name
 * for float32. And a name that is in the table of helpers is a function that the C file gets when it is used for the first time, or
 * another name. Integers, which wrap around on a tape, have formulas of their own where C leaves overflow open.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "emit/helpers.h"
#include "emit/program.h"

/* ---- what stands in place of a formula --------------------------------------------------------------------------- */

enum { FLOATS = 1 << TG_F32 | 1 << TG_F64, WHOLE = 1 << TG_I64 | 1 << TG_BOOL };

static const struct {
    unsigned    dtypes;
    const char *formula, *instead;
} replacements[] = {
    {1 << TG_I64, "-x", "(int64_t)(0 - (uint64_t)x)"},
    {1 << TG_I64, "x > 0 ? x : 0 - x", "x > 0 ? x : (int64_t)(0 - (uint64_t)x)"},
    {1 << TG_I64, "x * x", "(int64_t)((uint64_t)x * (uint64_t)x)"},
    {1 << TG_I64, "a + b", "(int64_t)((uint64_t)a + (uint64_t)b)"},
    {1 << TG_I64, "a - b", "(int64_t)((uint64_t)a - (uint64_t)b)"},
    {1 << TG_I64, "a * b", "(int64_t)((uint64_t)a * (uint64_t)b)"},
    {WHOLE, "a < b || a != a ? a : b", "a < b ? a : b"},
    {WHOLE, "a > b || a != a ? a : b", "a > b ? a : b"},
    {WHOLE, "x != x", "false"},
    {WHOLE, "x == x && x - x != 0", "false"},
    {WHOLE, "x - x == 0", "true"},
    {1 << TG_BOOL, "a < b", "!a && b"},
    {1 << TG_BOOL, "a <= b", "!a || b"},
    {1 << TG_BOOL, "a > b", "a && !b"},
    {1 << TG_BOOL, "a >= b", "a || !b"},
    {FLOATS, "((void)a, b * (1 - b))", "b * (1 - b)"},
};

static const char *formula_for(const char *formula, tg_dtype dtype) {
    for (size_t i = 0; i < sizeof replacements / sizeof *replacements; i++)
        if (replacements[i].dtypes >> dtype & 1 && !strcmp(formula, replacements[i].formula)) return replacements[i].instead;
    return formula;
}

/* ---- functions --------------------------------------------------------------------------------------------------- */

static bool is_word(const char *text, size_t length, const char *word) {
    return strlen(word) == length && !memcmp(text, word, length);
}

static bool is_math(const char *name, size_t length) {
    static const char *const functions[] = {"exp",   "exp2",  "expm1", "log",   "log2",   "log10",   "log1p", "sin",
                                            "cos",   "tan",   "asin",  "acos",  "atan",   "sinh",    "cosh",  "tanh",
                                            "asinh", "acosh", "atanh", "erf",   "erfc",   "cbrt",    "sqrt",  "pow",
                                            "atan2", "hypot", "fabs",  "floor", "ceil",   "rint",    "fmax",  "trunc",
                                            "fmod",  "ldexp", "fmin",  "round", "lgamma", "copysign"};
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (is_word(name, length, functions[i])) return true;
    return false;
}

static void put_math(tgi_writer *w, const char *name, size_t length, tg_dtype dtype) {
    tgi_put_bytes(w, name, length);
    if (dtype == TG_F32) tgi_put_string(w, "f");
}

enum { TABLES = 3 };
static const tgi_helper *const helpers[TABLES] = {tgi_helpers, tgi_matrix_helpers, tgi_orthogonal_helpers};
static const tgi_helper *const own_functions[TABLES] = {tgi_own_math, tgi_own_special};
static const tgi_helper *const fast_functions[TABLES] = {tgi_fast_math};

/* The helper of that name for a dtype, or else for float64; NULL when there is none. */
static const tgi_helper *find_helper(const tgi_helper *const tables[TABLES], const char *name, size_t length, tg_dtype dtype,
                                     tg_dtype *its_dtype) {
    const tgi_helper *in_double = NULL;
    for (int i = 0; i < TABLES && tables[i]; i++)
        for (const tgi_helper *h = tables[i]; h->name; h++) {
            if (!is_word(name, length, h->name)) continue;
            *its_dtype = dtype;
            if (h->dtypes >> dtype & 1) return h;
            if (h->dtypes >> TG_F64 & 1) in_double = h;
        }
    *its_dtype = TG_F64;
    return in_double;
}

/* "TGI_FMOD" is "fmod_f32" in C. */
static void put_helper_name(tgi_writer *w, const char *name, tg_dtype dtype) {
    static const char *const suffixes[TG_DTYPES] = {[TG_F32] = "f32", [TG_F64] = "f64", [TG_I64] = "i64", [TG_BOOL] = "bool"};
    if (!strncmp(name, "tgi_", 4)) name += 4;
    if (!strncmp(name, "uniform_", 8) || !strcmp(name, "normal_f64")) { /* which have their dtype in their names */
        tgi_put_string(w, name);
        return;
    }
    for (; *name; name++) {
        char c = *name >= 'A' && *name <= 'Z' ? (char)(*name - 'A' + 'a') : *name;
        tgi_put_bytes(w, &c, 1);
    }
    tgi_put(w, "_%s", suffixes[dtype]);
}

/* Whether it is to be written: it is not there yet, and will be now. */
static bool is_new(tgi_file *file, const tgi_helper *h, tg_dtype dtype) {
    for (const tgi_written_helper *w = file->written; w; w = w->next)
        if (w->helper == h && w->dtype == dtype) return false;
    tgi_written_helper *written = tgi_emit_take(file, 1, sizeof *written);
    if (!written) return false;
    *written = (tgi_written_helper){h, dtype, file->written};
    file->written = written;
    return true;
}

/* The text of a helper, behind those that it calls itself. No helper calls one that calls it. */
static void add_helper(tgi_file *file, const tgi_helper *h, tg_dtype dtype) {
    tgi_writer text = {.memory = &file->tape->memory};
    if (!is_new(file, h, dtype)) return;
    for (const char *c = h->text; *c;) {
        const char *comment = strncmp(c, "/*", 2) ? NULL : strstr(c, "*/");
        size_t      length = comment ? (size_t)(comment - c) : tgi_identifier_length(c);
        if (comment)
            tgi_put_bytes(&text, c, length);
        else if (!length)
            tgi_put_bytes(&text, c++, 1);
        else if (is_word(c, length, "T"))
            tgi_put_string(&text, tgi_c_type(dtype));
        else if (is_word(c, length, h->name))
            put_helper_name(&text, h->name, dtype);
        else if (!tgi_put_function(file, &text, c, length, dtype))
            tgi_put_bytes(&text, c, length);
        c += length;
    }
    file->helpers.failed |= text.failed;
    if (text.text) tgi_put_lines(&file->helpers, text.text);
    tgi_put_string(&file->helpers, "\n");
    tgi_writer_free(&text);
}

bool tgi_put_function(tgi_file *file, tgi_writer *w, const char *name, size_t length, tg_dtype dtype) {
    tg_dtype          its_dtype;
    const tgi_helper *h = find_helper(helpers, name, length, dtype, &its_dtype);
    if (h && tgi_identifier_length(h->text) == strlen(h->text)) { /* another name */
        name = h->text;
        length = strlen(name);
        h = NULL;
    }
    if (!h && file->hosted) h = find_helper(fast_functions, name, length, dtype, &its_dtype);
    if (!h && file->options.no_libm) h = find_helper(own_functions, name, length, dtype, &its_dtype);
    if (!h && !is_math(name, length)) return false;
    if (!h)
        put_math(w, name, length, dtype);
    else {
        add_helper(file, h, its_dtype);
        put_helper_name(w, h->name, its_dtype);
    }
    return true;
}

/* ---- formulas ---------------------------------------------------------------------------------------------------- */

/* Which operand the word is; -1 for none. `names` ends with a colon. */
static int operand_named(const char *names, const char *word, size_t length) {
    for (int k = 0;; k++) {
        names += strspn(names, ", ");
        size_t its_length = tgi_identifier_length(names);
        if (!its_length) return -1;
        if (its_length == length && !memcmp(names, word, length)) return k;
        names += its_length;
    }
}

bool tgi_formula_uses(const char *formula, int operand) {
    const char *colon = strchr(formula, ':'), *text = colon ? formula_for(colon + 1 + strspn(colon + 1, " "), TG_F64) : "";
    while (*text) {
        size_t length = tgi_identifier_length(text);
        if (length && operand_named(formula, text, length) == operand) return true;
        text += length ? length : 1;
    }
    return false;
}

bool tgi_put_formula(tgi_file *file, tgi_writer *w, const char *formula, tg_dtype dtype, int count,
                     const char *const *operands) {
    const char *colon = strchr(formula, ':');
    if (!colon) return false;
    const char *text = formula_for(colon + 1 + strspn(colon + 1, " "), dtype);
    while (*text) {
        size_t length = tgi_identifier_length(text), digits = strspn(text, "0123456789.");
        if (!length) { /* a number's exponent and suffix are no words */
            length = digits ? strspn(text, "0123456789.abcdefxp") : 1;
            tgi_put_bytes(w, text, length);
            text += length;
            continue;
        }
        int k = operand_named(formula, text, length);
        if (k >= count) return false;
        if (k >= 0)
            tgi_put_string(w, operands[k]);
        else if (is_word(text, length, "T"))
            tgi_put_string(w, tgi_c_type(dtype));
        else if (!tgi_put_function(file, w, text, length, dtype))
            tgi_put_bytes(w, text, length);
        text += length;
    }
    return true;
}
