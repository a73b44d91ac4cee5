/* A memory and a table of the program, which two modules import. */
#include <stdio.h>
#include <string.h>

#include "reader.h"
#include "writer.h"

static int fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, wasm_aot_linked_error(NULL, WASM_AOT_ERROR));
    return 1;
}

int main(void)
{
    wasm_aot_items *items = wasm_aot_items_create();
    wasm_aot_extern memory = wasm_aot_items_memory(items, 1, 3);
    wasm_aot_extern table = wasm_aot_items_table(items, 2, WASM_AOT_NO_MAX);
    writer_imports writer_needs;
    reader_imports reader_needs;
    writer *first;
    reader *second;
    reader_status status;
    int32_t result = 0;
    size_t size;

    writer_needs.host.memory = memory;
    writer_needs.host.table = table;
    reader_needs.host.memory = memory;
    reader_needs.host.table = table;
    if (writer_create(&writer_needs, &first) != WASM_AOT_OK) return fail("writer");
    if (reader_create(&reader_needs, &second) != WASM_AOT_OK) return fail("reader");

    writer_write(first, 8, 12);
    printf("the program reads %d\n", wasm_aot_memory_data(memory, &size)[8]);
    wasm_aot_memory_data(memory, NULL)[8] = 11;
    status = reader_read(second, 8, 1, &result);
    printf("status %u, the square of 11 is %d\n", (unsigned)status, (int)result);
    status = reader_read(second, 8, 0, &result);
    printf("status %u, as there is no function\n", (unsigned)status);

    printf("grown from %d page", (int)wasm_aot_memory_grow(memory, 1));
    reader_pages(second, &result);
    wasm_aot_memory_data(memory, &size);
    printf(" to %d, which are %u bytes\n", (int)result, (unsigned)size);
    printf("too far: %d\n", (int)wasm_aot_memory_grow(memory, 2));
    printf("a table is no memory: %d, %d\n", wasm_aot_memory_data(table, NULL) == NULL,
           (int)wasm_aot_memory_grow(table, 1));
    printf("nor is this: %d\n", wasm_aot_items_memory(items, 3, 1).instance == NULL);

    /* Instances keep what they have imported. */
    wasm_aot_items_destroy(items);
    writer_destroy(first);
    status = reader_read(second, 8, 1, &result);
    printf("status %u, still %d\n", (unsigned)status, (int)result);
    reader_destroy(second);

    /* What is not of the same list does not go together. */
    items = wasm_aot_items_create();
    reader_needs.host.table = wasm_aot_items_table(items, 2, 2);
    reader_needs.host.memory.instance = NULL;
    if (reader_create(&reader_needs, &second) != WASM_AOT_OK) {
        printf("%s\n", reader_error(NULL, WASM_AOT_ERROR));
    }
    wasm_aot_items_destroy(items);
    return 0;
}
