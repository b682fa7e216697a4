/* io/json.c: texts of JSON, which Jansson reads: it has exact 64-bit integers, refuses names that come twice, and limits how deep objects
 * may nest.
 *
 * Jansson 2.14 does not always say that there is no memory. It calls a text that it has no room for wrong ("invalid token"), says nothing
 * where it has no room for a value, and leaves out a byte that its buffer cannot grow for: then it goes on with another name. But who
 * allocates in vain leaves a note in errno. It is looked for before every byte, and no byte is given after it: the next number that is
 * read would clear it.
 *
 * That is too late where the byte left out is the quote that ends a string: the string is then copied up to the next quote that happens to
 * be somewhere in memory. So the buffer is made long enough before the first string. An entry is given that the text does not have,
 * whose name is longer than any string in it, and is taken out again. The buffer begins with 16 bytes and doubles; the quote of that name
 * is never the byte that it grows for.
 *
 * SPDX-License-Identifier: MIT */
#include "io/json.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

typedef struct source {
    const char *at, *stop;
    const char *entry;       /* where the entry goes */
    const char *tail;        /* of the entry */
    size_t      name, given; /* the length of its name; how much of it was given */
    bool        failed;
} source;

static size_t entry_length(const source *s) {
    return 1 + s->name + strlen(s->tail);
}

static char byte_of_entry(const source *s, size_t i) {
    return i == 0 ? '"' : i <= s->name ? '~' : s->tail[i - 1 - s->name];
}

/* Gives a byte; 0 says that there is none. */
static size_t next_byte(void *to, size_t room, void *from) {
    source *s = from;
    (void)room;
    s->failed |= errno == ENOMEM;
    if (s->failed || s->at == s->stop) return 0;
    *(char *)to = s->at == s->entry && s->given < entry_length(s) ? byte_of_entry(s, s->given++) : *s->at++;
    return 1;
}

static const char *after_space(const char *at, const char *stop) {
    while (at < stop && strchr(" \t\r\n", *at) && *at)
        at++;
    return at;
}

/* The bytes of the longest string, as they stand in the text. */
static size_t longest_string(const char *at, const char *stop) {
    size_t longest = 0;
    while (at < stop) {
        if (*at++ != '"') continue;
        const char *begin = at;
        while (at < stop && *at != '"')
            at += *at == '\\' && at + 1 < stop ? 2 : 1;
        if ((size_t)(at - begin) > longest) longest = (size_t)(at - begin);
        if (at < stop) at++;
    }
    return longest;
}

static source source_of(const char *text, size_t length) {
    source s = {.at = text, .stop = text + length};
    s.entry = after_space(text, s.stop) + 1;
    const char *next = after_space(s.entry, s.stop);
    s.tail = next < s.stop && *next == '}' ? "\":0" : "\":0,";
    size_t longest = longest_string(s.entry, s.stop);
    for (s.name = 16; s.name < longest; s.name *= 2)
        ;
    s.name += 8;
    return s;
}

static void take_out_entry(json_t *json, const source *s) {
    const char *name;
    json_t     *value;
    void       *next;
    json_object_foreach_safe(json, next, name, value) if (strlen(name) == s->name) json_object_del(json, name);
}

/* Where the error is in the text, without the entry. */
static void correct_position(const char *text, const source *s, json_error_t *error) {
    int entry = (int)(s->entry - text), length = (int)entry_length(s);
    if (error->position > entry) error->position -= error->position - entry < length ? error->position - entry : length;
}

json_t *tgi_parse_json(const char *text, size_t length, json_error_t *error, tgi_failure *failure) {
    const char *first = after_space(text, text + length);
    *error = (json_error_t){.position = (int)(first - text)};
    if (first == text + length || *first != '{') {
        snprintf(error->text, sizeof error->text, "no object of JSON");
        return NULL;
    }
    source s = source_of(text, length);
    errno = 0;
    json_t *json = json_load_callback(next_byte, &s, JSON_REJECT_DUPLICATES, error);
    if (!s.failed && errno != ENOMEM && (json || *error->text)) {
        if (json)
            take_out_entry(json, &s);
        else
            correct_position(text, &s, error);
        return json;
    }
    json_decref(json);
    tgi_failed_memory(failure);
    return NULL;
}
