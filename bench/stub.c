/* A session that costs next to nothing: it reads its prompt, waits, writes its record, and notes when it was alive.

   stub TIMES: lives 50 ms and appends "start end\n" to TIMES, in nanoseconds of CLOCK_MONOTONIC; where others choose
   the arguments, BENCH_TIMES names that file. Under the harness it also writes the record of its one item, whose id is
   the number of the batch. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

static long long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int main(int argc, char **argv) {
    long long start = now();
    const char *path = getenv("BENCH_TIMES");
    if (!path) path = argc > 1 ? argv[1] : "times";
    char text[65536];
    while (!isatty(0) && read(0, text, sizeof text) > 0) {}
    struct timespec rest = {0, 50 * 1000000L};
    nanosleep(&rest, NULL);
    char *output = getenv("HARNESS_OUTPUT"), *batch = getenv("HARNESS_BATCH");
    if (output && batch) {
        FILE *file = fopen(output, "w");
        if (!file) return 3;
        fprintf(file, "{\"id\": \"%s\"}", batch);
        fclose(file);
    }
    int times = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    int length = snprintf(text, sizeof text, "%lld %lld\n", start, now());
    if (times < 0 || write(times, text, length) != length) return 4;
    return 0;
}
