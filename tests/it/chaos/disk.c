/* Preloaded into the program under test: makes the database's files fail or be slow, and the wall
 * clock wrong, as a mapped control file says. Nothing else is touched. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

struct control {
    volatile int32_t write_errno; /* 0: none */
    volatile int32_t delay_us;    /* before every write and sync */
    volatile int64_t clock_offset_s;
};

static struct control none;
static struct control *control = &none;

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("CHAOS_CONTROL");
    int fd = path ? open(path, O_RDWR) : -1;
    if (fd < 0)
        return;
    void *map = mmap(NULL, sizeof(struct control), PROT_READ, MAP_SHARED, fd, 0);
    if (map != MAP_FAILED)
        control = map;
    close(fd);
}

static int is_of_database(int fd)
{
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = 0;
    return strstr(path, "meshcore.db") != NULL;
}

/* Returns the errno with which the call is to fail, or 0. */
static int fault(int fd)
{
    if (!control->write_errno && !control->delay_us)
        return 0;
    if (!is_of_database(fd))
        return 0;
    if (control->delay_us)
        usleep(control->delay_us);
    return control->write_errno;
}

#define WRAP(type, name, parameters, arguments)         \
    type name parameters                                \
    {                                                   \
        static type(*real) parameters;                  \
        if (!real)                                      \
            real = dlsym(RTLD_NEXT, #name);             \
        int code = fault(fd);                           \
        if (code) {                                     \
            errno = code;                               \
            return -1;                                  \
        }                                               \
        return real arguments;                          \
    }

WRAP(ssize_t, write, (int fd, const void *bytes, size_t count), (fd, bytes, count))
WRAP(ssize_t, pwrite, (int fd, const void *bytes, size_t count, off_t at), (fd, bytes, count, at))
WRAP(ssize_t, pwrite64, (int fd, const void *bytes, size_t count, off64_t at), (fd, bytes, count, at))
WRAP(int, ftruncate, (int fd, off_t size), (fd, size))
WRAP(int, ftruncate64, (int fd, off64_t size), (fd, size))
WRAP(int, fsync, (int fd), (fd))
WRAP(int, fdatasync, (int fd), (fd))

int clock_gettime(clockid_t id, struct timespec *time)
{
    static int (*real)(clockid_t, struct timespec *);
    if (!real)
        real = dlsym(RTLD_NEXT, "clock_gettime");
    int code = real(id, time);
    if (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)
        time->tv_sec += control->clock_offset_s;
    return code;
}
