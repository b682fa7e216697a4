/* io/system.h: files, locales, terminals, programs and bytes as far as C leaves them to the system, which is POSIX or Windows. What fails
 * sets errno.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_IO_SYSTEM_H
#define TGI_IO_SYSTEM_H

#include <fcntl.h>
#include <locale.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __APPLE__
#include <xlocale.h>
#endif

/* How numbers are in memory; and the bytes of one in the other order, in `to`, which is returned. */
enum { TGI_BIG_ENDIAN = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ };
const uint8_t *tgi_swap(uint8_t to[8], const uint8_t *from, size_t width);

/* Opens it for bytes, not for text; no program that this one starts inherits it. A pipe that nobody writes is not waited for. */
int tgi_open_file(const char *path, int flags);

/* Opens it in the same way to add bytes to its end, and makes it or, where `empty`, empties it before. A pipe that nobody reads is waited
 * for. */
int tgi_open_to_append(const char *path, bool empty);

/* A file without a name to write and read, which is gone when it is closed. */
FILE *tgi_open_nameless(void);

/* The bytes of an open file, of which there is at least one; NULL where they cannot be mapped. */
void *tgi_map_file(int fd, size_t size);
void  tgi_unmap_file(void *bytes, size_t size);

/* Has the system begin to read what of this memory is a file's and is not in memory. */
void tgi_will_need(const void *bytes, size_t size);

/* The directory of a path, with its last slash; 0 for the present one. */
size_t tgi_directory_length(const char *path);

/* Where a link leads, without a 0 at the end; its length, or -1 where there is no link. On Windows none is followed. */
ssize_t tgi_read_link(const char *path, char *to, size_t size);

/* 0, or -1: sets the permissions, on Windows only as far as the system does so by itself; brings a file and a directory to the disk;
 * gives a file the name of another, which it replaces in one step. */
int tgi_set_permissions(int fd, mode_t permissions);
int tgi_sync_file(int fd);
int tgi_sync_directory(const char *path);
int tgi_replace_file(const char *from, const char *to);

/* The columns of the terminal that the file is; 0 where it is none, or does not say. */
int tgi_terminal_width(FILE *file);

/* Runs a program that is looked for in PATH, with one option, and with these files as its standard input, output and error; waits for it.
 * 0, and whether it ended well; or what errno would say of why it could not be started. */
int tgi_run_program(const char *name, const char *option, FILE *const files[3], bool *good);

/* From the one to the other, in this thread, numbers are those of C, whatever the user's locale is. False without memory. */
#ifdef _WIN32
typedef struct tgi_c_locale {
    int  per_thread;
    char users[128];
} tgi_c_locale;
#else
typedef struct tgi_c_locale {
    locale_t ours, users;
} tgi_c_locale;
#endif
bool tgi_enter_c_locale(tgi_c_locale *locale);
void tgi_leave_c_locale(const tgi_c_locale *locale);

#endif
