/* Parses the C source on standard input: repeated to a large file, then again
 * after small edits, reusing the old tree. */
#include "workload.h"
#include <tree_sitter/api.h>

enum { LONGEST = 1 << 16, COPIES = 400, EDITS = 300, KINDS = 1024 };

const TSLanguage *tree_sitter_c(void);

/* Visits every node in order; counts them by kind and sums up their places. */
static uint64_t walk(TSTree *tree, unsigned counts[KINDS])
{
    uint64_t sum = 0;
    TSTreeCursor cursor = ts_tree_cursor_new(ts_tree_root_node(tree));
    for (;;) {
        TSNode node = ts_tree_cursor_current_node(&cursor);
        TSPoint place = ts_node_start_point(node);
        counts[ts_node_symbol(node) % KINDS]++;
        sum = sum * 31 + place.row * 131 + place.column + ts_node_end_byte(node);
        if (ts_tree_cursor_goto_first_child(&cursor))
            continue;
        while (!ts_tree_cursor_goto_next_sibling(&cursor))
            if (!ts_tree_cursor_goto_parent(&cursor)) {
                ts_tree_cursor_delete(&cursor);
                return sum;
            }
    }
}

static void report(TSTree *tree)
{
    unsigned counts[KINDS] = {0}, kinds = 0, nodes = 0, most = 0;
    uint64_t sum = walk(tree, counts);
    for (int kind = 0; kind < KINDS; kind++) {
        kinds += counts[kind] != 0;
        nodes += counts[kind];
        if (counts[kind] > counts[most])
            most = kind;
    }
    printf("%u nodes of %u kinds, most often '%s', %s, sum %016llx\n", nodes, kinds,
           ts_language_symbol_name(tree_sitter_c(), most),
           ts_node_has_error(ts_tree_root_node(tree)) ? "with errors" : "no errors",
           (unsigned long long)sum);
}

int main(void)
{
    static char unit[LONGEST];
    size_t size = fread(unit, 1, sizeof unit, stdin), total = size * COPIES;
    char *text = allocate(total);
    for (int i = 0; i < COPIES; i++)
        memcpy(text + i * size, unit, size);

    TSParser *parser = ts_parser_new();
    require(ts_parser_set_language(parser, tree_sitter_c()), "language version");
    TSTree *tree = ts_parser_parse_string(parser, NULL, text, total);
    report(tree);

    uint64_t random = 9;
    for (int i = 0; i < EDITS; i++) {
        uint32_t at = next_random(&random) % total;
        text[at] = " ;x(}"[next_random(&random) % 5];
        TSInputEdit edit = {.start_byte = at, .old_end_byte = at + 1, .new_end_byte = at + 1};
        ts_tree_edit(tree, &edit);
        TSTree *next = ts_parser_parse_string(parser, tree, text, total);
        ts_tree_delete(tree);
        tree = next;
    }
    report(tree);
    ts_tree_delete(tree);
    ts_parser_delete(parser);
}
