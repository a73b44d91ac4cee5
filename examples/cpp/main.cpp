// Two modules in a C++ program, one of which uses the memory of the other.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>

#include "reverse.h"
#include "shout.h"

// Owns an instance.
struct Destroy {
    void operator()(reverse *instance) const { reverse_destroy(instance); }
    void operator()(shout *instance) const { shout_destroy(instance); }
};
using Reverse = std::unique_ptr<reverse, Destroy>;
using Shout = std::unique_ptr<shout, Destroy>;

static void check(wasm_aot_status status, const char *message)
{
    if (status != WASM_AOT_OK) throw std::runtime_error(message);
}

int main()
{
    reverse *first = nullptr;
    reverse_status status = reverse_create(nullptr, &first);
    check(status, reverse_error(nullptr, status));
    Reverse reverse(first);

    // The second module imports the first one's memory.
    shout_imports imports = {};
    imports.text.memory = wasm_aot_export_named(reverse.get(), "memory");
    shout *second = nullptr;
    status = shout_create(&imports, &second);
    check(status, shout_error(nullptr, status));
    Shout shout(second);

    const std::string text = "!dlrow ,olleH";
    std::size_t size = 0;
    std::uint8_t *memory = reverse_memory(reverse.get(), &size);
    std::copy(text.begin(), text.end(), memory);
    const auto length = static_cast<std::int32_t>(text.size());

    status = reverse_run(reverse.get(), 0, length);
    check(status, reverse_error(reverse.get(), status));
    status = shout_run(shout.get(), 0, length);
    check(status, shout_error(shout.get(), status));
    std::printf("%.*s\n", static_cast<int>(length), reinterpret_cast<char *>(memory));

    // Beyond the end of memory.
    status = shout_run(shout.get(), static_cast<std::int32_t>(size), 1);
    std::printf("%s\n", shout_error(shout.get(), status));
}
