/* Lua includes this header even where LUAI_THROW and LUAI_TRY need nothing of it. */
