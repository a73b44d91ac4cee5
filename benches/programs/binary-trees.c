// integer: trees are allocated, walked and freed
#include "kernel.h"

struct tree { struct tree *left, *right; };

static struct tree *grow(int depth)
{
    struct tree *tree = malloc(sizeof *tree);
    tree->left = depth > 0 ? grow(depth - 1) : 0;
    tree->right = depth > 0 ? grow(depth - 1) : 0;
    return tree;
}

static int count(const struct tree *tree)
{
    return tree ? 1 + count(tree->left) + count(tree->right) : 0;
}

static void cut(struct tree *tree)
{
    if (tree) {
        cut(tree->left);
        cut(tree->right);
        free(tree);
    }
}

int main(int argc, char **argv)
{
    uint64_t sum = 0;
    struct tree *kept = grow(14);
    for (int n = rounds(argc, argv, 60); n > 0; n--)
        for (int depth = 4; depth <= 14; depth += 2)
            for (int i = 0; i < 1 << (14 - depth); i++) {
                struct tree *tree = grow(depth);
                sum = mix(sum, count(tree));
                cut(tree);
            }
    expect(count(kept) == (2 << 14) - 1, "the tree that was kept");
    print_sum(sum);
}
