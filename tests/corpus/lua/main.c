/* Runs the Lua script on standard input. */
#include "workload.h"
#include <lauxlib.h>
#include <lualib.h>

enum { LONGEST_SCRIPT = 1 << 16 };

static int panic(lua_State *L)
{
    printf("failed: %s\n", lua_tostring(L, -1));
    exit(1);
}

int main(void)
{
    static char script[LONGEST_SCRIPT];
    size_t size = fread(script, 1, sizeof script, stdin);
    lua_State *L = luaL_newstate();
    require(L != NULL, "out of memory");
    lua_atpanic(L, panic);
    luaL_requiref(L, "_G", luaopen_base, 1);
    luaL_requiref(L, LUA_TABLIBNAME, luaopen_table, 1);
    luaL_requiref(L, LUA_STRLIBNAME, luaopen_string, 1);
    luaL_requiref(L, LUA_MATHLIBNAME, luaopen_math, 1);
    require(luaL_loadbufferx(L, script, size, "=stdin", "t") == LUA_OK, "syntax");
    lua_call(L, 0, 0);
    lua_close(L);
}
