/* emit/c_names.c: identifiers: of leaves and named results their names, as far as C allows, of all else the op and a number.
 *
 * In a file each is there once. None ends with an underscore: such names are left to what ops write.
 *
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "emit/program.h"

/* Words of C and C++, and names that the text uses itself: variables of loops and kernels, functions and macros of <math.h>. */
static const char *const reserved[] = {"alignas",     "alignof",
                                       "and",         "and_eq",
                                       "asm",         "auto",
                                       "bitand",      "bitor",
                                       "bool",        "break",
                                       "case",        "catch",
                                       "char",        "class",
                                       "compl",       "const",
                                       "constexpr",   "continue",
                                       "default",     "delete",
                                       "do",          "double",
                                       "else",        "enum",
                                       "explicit",    "export",
                                       "extern",      "false",
                                       "float",       "for",
                                       "friend",      "goto",
                                       "if",          "inline",
                                       "int",         "long",
                                       "main",        "mutable",
                                       "namespace",   "new",
                                       "noexcept",    "not",
                                       "not_eq",      "nullptr",
                                       "operator",    "or",
                                       "or_eq",       "private",
                                       "protected",   "public",
                                       "register",    "restrict",
                                       "return",      "short",
                                       "signed",      "sizeof",
                                       "static",      "struct",
                                       "switch",      "template",
                                       "this",        "throw",
                                       "true",        "try",
                                       "typedef",     "typeid",
                                       "typename",    "union",
                                       "unsigned",    "using",
                                       "virtual",     "void",
                                       "volatile",    "wchar_t",
                                       "while",       "xor",
                                       "xor_eq",      "int64_t",
                                       "uint64_t",    "uint32_t",
                                       "i",           "j",
                                       "k",           "l",
                                       "m",           "n",
                                       "o",           "p",
                                       "state",       "work",
                                       "exp",         "exp2",
                                       "expm1",       "log",
                                       "log2",        "log10",
                                       "log1p",       "sin",
                                       "cos",         "tan",
                                       "asin",        "acos",
                                       "atan",        "sinh",
                                       "cosh",        "tanh",
                                       "asinh",       "acosh",
                                       "atanh",       "erf",
                                       "erfc",        "cbrt",
                                       "sqrt",        "pow",
                                       "atan2",       "hypot",
                                       "fabs",        "floor",
                                       "ceil",        "rint",
                                       "trunc",       "fmod",
                                       "copysign",    "ldexp",
                                       "frexp",       "lgamma",
                                       "tgamma",      "gamma",
                                       "y0",          "y1",
                                       "yn",          "j0",
                                       "j1",          "jn",
                                       "signgam",     "isnan",
                                       "isinf",       "isfinite",
                                       "NAN",         "RESTRICT",
                                       "INFINITY",    "round",
                                       "abs",         "div",
                                       "linux",       "unix",
                                       "ii",          "jj",
                                       "kk",          "ll",
                                       "acc",         "lanes",
                                       "lane",        "block",
                                       "end",         "best",
                                       "pos",         "random_words",
                                       "random_next", "random_normal"};

static bool is_reserved(const char *name) {
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (!strcmp(reserved[i], name)) return true;
    return false;
}

/* Letters, digits, and underscores for all else: none at the end, and no two in a row. */
static void make_identifier(const char *name, char *text, size_t size) {
    size_t length = 0;
    if (!tgi_is_letter(*name)) text[length++] = 'x';
    for (; *name && length + 1 < size; name++) {
        bool plain = (tgi_is_letter(*name) && *name != '_') || tgi_is_digit(*name);
        if (plain)
            text[length++] = *name;
        else if (length && text[length - 1] != '_')
            text[length++] = '_';
    }
    while (length > 1 && text[length - 1] == '_')
        length--;
    text[length] = 0;
}

/* The functions of a file end with a dtype: "fmod_f32". */
static bool is_like_a_helper(const char *name) {
    static const char *const suffixes[] = {"_f32", "_f64", "_i64", "_bool"};
    size_t                   length = strlen(name);
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        size_t its_length = strlen(suffixes[i]);
        if (length > its_length && !strcmp(name + length - its_length, suffixes[i])) return true;
    }
    return false;
}

static bool is_taken(tgi_file *file, const char *name) {
    tgi_taken_name *found = NULL;
    HASH_FIND(hh, file->taken, name, strlen(name), found);
    return found || is_reserved(name) || is_like_a_helper(name);
}

/* The table of names is the only one that is not in the arena alone: uthash has memory of its own. */
static const char *take_name(tgi_file *file, const char *name) {
    tg_tape        *tape = file->tape;
    size_t          length = strlen(name);
    tgi_taken_name *taken = tgi_emit_take(file, 1, sizeof *taken + length + 1);
    if (!taken) return NULL;
    memcpy(taken->text, name, length + 1);
    HASH_ADD_KEYPTR(hh, file->taken, taken->text, length, taken);
    if (!taken->hh.tbl) {
        tgi_out_of_memory(tape, "emit_c");
        return NULL;
    }
    return taken->text;
}

/* The name with a number behind it that nothing has, the first being `first`. */
static const char *take_free_name(tgi_file *file, const char *wanted, const char *first) {
    enum { LONGEST = 80 };
    char text[LONGEST];
    snprintf(text, sizeof text, "%s", first);
    for (unsigned again = 2; is_taken(file, text); again++)
        snprintf(text, sizeof text, "%s_%u", wanted, again);
    return take_name(file, text);
}

const char *tgi_c_name(tgi_file *file, uint32_t index) {
    enum { LONGEST = 48 };
    char            wanted[LONGEST], first[LONGEST + 16];
    const tgi_node *node = tgi_node_at(file->tape, index);
    const char     *name = tgi_name_of(file->tape, node);
    if (file->names[index]) return file->names[index];
    make_identifier(name && *name ? name : node->op->name, wanted, sizeof wanted);
    snprintf(first, sizeof first, "%s", wanted);
    if (!name) snprintf(first, sizeof first, "%s%" PRIu32, wanted, index);
    return file->names[index] = take_free_name(file, wanted, first);
}

const char *tgi_new_c_name(tgi_file *file, const char *text) {
    return take_free_name(file, text, text);
}

const char *tgi_another_c_name(tgi_file *file, uint32_t index) {
    enum { LONGEST = 80 };
    char        text[LONGEST];
    const char *name = tgi_c_name(file, index);
    if (!name) return NULL;
    snprintf(text, sizeof text, "%s_value", name);
    return take_free_name(file, text, text);
}

tg_status tgi_reserve_c_name(tgi_file *file, const char *name) {
    tgi_taken_name *found = NULL;
    HASH_FIND(hh, file->taken, name, strlen(name), found);
    return found || take_name(file, name) ? TG_OK : file->tape->status;
}
