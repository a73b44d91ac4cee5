#include "workload.h"
#include <oniguruma.h>

enum { SIZE = 1 << 20 };

static const char *patterns[] = {
    "[a-z]+ow\\b",
    "(?i)THE|and|mt|GOSAW",
    "\\b(\\w)(\\w)\\w*\\2\\1\\b",
    "(?<=t)h(?!s)[aeiou]{1,2}",
    "^(?:\\S+ ){3}(\\S+).*$",
    "\\b(?<w>\\w{3,})\\b(?=[^\\n]*\\b\\k<w>\\b)",
    "(?:a|e|i|o|u){3}|\\p{Greek}+",
    "([a-m]*)+[n-z]{5}",
};

static void search(const char *pattern, const OnigUChar *text, const OnigUChar *end)
{
    regex_t *regex;
    OnigErrorInfo error;
    const OnigUChar *source = (const OnigUChar *)pattern;
    require(onig_new(&regex, source, source + strlen(pattern), ONIG_OPTION_DEFAULT,
                     ONIG_ENCODING_UTF8, ONIG_SYNTAX_RUBY, &error) == ONIG_NORMAL, pattern);
    OnigRegion *region = onig_region_new();
    unsigned matches = 0, characters = 0;
    uint64_t sum = 0;
    for (const OnigUChar *at = text; at < end;) {
        int found = onig_search(regex, text, end, at, end, region, ONIG_OPTION_NONE);
        require(found >= 0 || found == ONIG_MISMATCH, "search");
        if (found < 0)
            break;
        matches++;
        characters += region->end[0] - region->beg[0];
        for (int i = 0; i < region->num_regs; i++)
            sum = sum * 31 + region->beg[i] * 7 + region->end[i];
        at = text + (region->end[0] > found ? region->end[0] : found + 1);
    }
    printf("%-48s %7u matches, %8u bytes, sum %016llx\n", pattern, matches, characters,
           (unsigned long long)sum);
    onig_region_free(region, 1);
    onig_free(regex);
}

int main(void)
{
    static OnigUChar text[SIZE];
    OnigEncoding encodings[] = {ONIG_ENCODING_UTF8};
    onig_initialize(encodings, 1);
    fill_text((char *)text, SIZE, 6);
    for (int i = 0; i < SIZE - 2; i += 997)
        memcpy(text + i, i % 2 ? "\xce\xb1" : "\xc3\xa9", 2);
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
        search(patterns[i], text, text + SIZE);
    onig_end();
}
