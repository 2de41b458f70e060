/* SPDX-License-Identifier: MIT
 *
 * digest.c: `digest [expected.txt [quick]]` prints the self-test's digest per part, on every instruction set that
 * this CPU has and on 1 to 8 threads, which must all agree; given a file, also with what it says; quick: on 3
 * threads only, for builds that run slowly. Exit status 1 where any differs.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "rtch.h"

static int expected(const char *path, const char *name, uint64_t *value) {
    FILE *f = fopen(path, "r");
    char line[256], found[128];
    int ok = 0;
    if (!f) return 0;
    while (!ok && fgets(line, sizeof(line), f))
        ok = sscanf(line, "%127s %" SCNx64, found, value) == 2 && strcmp(found, name) == 0;
    fclose(f);
    return ok;
}

int main(int argc, char **argv) {
    const char *const isas[] = {"baseline", "avx2", "avx512", "neon"};
    const int threads[] = {1, 2, 3, 8};
    const int quick = argc > 2;
    int bad = 0, configurations = 0;
    for (int part = 0; part < rt_digest_parts(); part++) {
        uint64_t first = 0;
        if (!rt_digest_name(part)) continue;
        for (int i = 0; i < 4; i++) {
            if (!rt_isa_available(isas[i])) continue;
            for (int t = quick ? 2 : 0; t < (quick ? 3 : 4); t++) {
                if (rt_init(isas[i], threads[t]) != RT_OK) return 2;
                const uint64_t h = rt_digest(part);
                if (!first) first = h;
                configurations += part == 0;
                if (h != first || !h) {
                    fprintf(stderr, "digest: %s differs on %s with %d threads\n", rt_digest_name(part), isas[i],
                            threads[t]);
                    bad = 1;
                }
            }
        }
        uint64_t should;
        printf("%-16s %016" PRIx64 "\n", rt_digest_name(part), first);
        if (argc > 1 && (!expected(argv[1], rt_digest_name(part), &should) || should != first)) {
            fprintf(stderr, "digest: %s is not what %s says\n", rt_digest_name(part), argv[1]);
            bad = 1;
        }
    }
    fprintf(stderr, "digest: %d configurations %s\n", configurations, bad ? "differ" : "agree");
    return bad;
}
