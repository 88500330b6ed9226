/* Loaded into a station (LD_PRELOAD): writes down what it does to the files of its database, and when the disk was asked
 * to keep it, in the order in which it happened. From that the drill builds every state a power cut could leave.
 *
 * One record: kind ('w' written, 't' cut to a length, 's' on the disk), length of the name, offset, length of the data
 * (both 64 bits, this machine's byte order), the name, the data.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;
static int trace = -1;

#define REAL(result, name, ...)                                                                                        \
    static result (*real)(__VA_ARGS__);                                                                                \
    if (!real)                                                                                                         \
    real = (result(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

/* A recording with a hole would make a lost write look like a mistake of the station. */
static void all(const void *bytes, size_t length) {
    REAL(ssize_t, write, int, const void *, size_t);
    const char *at = bytes;
    while (length > 0) {
        ssize_t done = real(trace, at, length);
        if (done <= 0)
            abort();
        at += done;
        length -= (size_t)done;
    }
}

/* The name of a database's file, or nothing for any other. */
static const char *name_of(int file, char *buffer) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, buffer, PATH_MAX - 1);
    if (length <= 0)
        return NULL;
    buffer[length] = 0;
    const char *name = strrchr(buffer, '/');
    if (!name || strncmp(name, "/willcall.db", 12) != 0 || strstr(name, "-shm"))
        return NULL;
    return name + 1;
}

static void note(char kind, int file, uint64_t offset, const void *data, uint64_t length) {
    char buffer[PATH_MAX];
    const char *name = name_of(file, buffer);
    if (!name)
        return;
    if (trace < 0) {
        const char *path = getenv("WILLCALL_DRILL_TRACE");
        trace = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
        if (trace < 0)
            abort();
    }
    unsigned char head[18] = {(unsigned char)kind, (unsigned char)strlen(name)};
    memcpy(head + 2, &offset, 8);
    memcpy(head + 10, &length, 8);
    all(head, sizeof head);
    all(name, strlen(name));
    if (data)
        all(data, length);
}

ssize_t write(int file, const void *data, size_t length) {
    REAL(ssize_t, write, int, const void *, size_t);
    char buffer[PATH_MAX];
    if (file <= 2 || !name_of(file, buffer))
        return real(file, data, length);
    pthread_mutex_lock(&order);
    off_t offset = lseek(file, 0, SEEK_CUR);
    ssize_t done = real(file, data, length);
    if (done > 0)
        note('w', file, (uint64_t)offset, data, (uint64_t)done);
    pthread_mutex_unlock(&order);
    return done;
}

#define WRITES_AT(name, type)                                                                                          \
    ssize_t name(int file, const void *data, size_t length, type offset) {                                             \
        REAL(ssize_t, name, int, const void *, size_t, type);                                                          \
        pthread_mutex_lock(&order);                                                                                    \
        ssize_t done = real(file, data, length, offset);                                                               \
        if (done > 0)                                                                                                  \
            note('w', file, (uint64_t)offset, data, (uint64_t)done);                                                   \
        pthread_mutex_unlock(&order);                                                                                  \
        return done;                                                                                                   \
    }
WRITES_AT(pwrite, off_t)
WRITES_AT(pwrite64, off64_t)

#define CUTS(name, type)                                                                                               \
    int name(int file, type length) {                                                                                  \
        REAL(int, name, int, type);                                                                                    \
        pthread_mutex_lock(&order);                                                                                    \
        int failed = real(file, length);                                                                               \
        if (!failed)                                                                                                   \
            note('t', file, (uint64_t)length, NULL, 0);                                                                \
        pthread_mutex_unlock(&order);                                                                                  \
        return failed;                                                                                                 \
    }
CUTS(ftruncate, off_t)
CUTS(ftruncate64, off64_t)

#define KEEPS(name)                                                                                                    \
    int name(int file) {                                                                                               \
        REAL(int, name, int);                                                                                          \
        pthread_mutex_lock(&order);                                                                                    \
        int failed = real(file);                                                                                       \
        if (!failed)                                                                                                   \
            note('s', file, 0, NULL, 0);                                                                               \
        pthread_mutex_unlock(&order);                                                                                  \
        return failed;                                                                                                 \
    }
KEEPS(fsync)
KEEPS(fdatasync)
