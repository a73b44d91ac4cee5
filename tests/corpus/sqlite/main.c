/* Reads SQL from standard input, runs it on an in-memory database and prints
 * each row. Before that it fills a table through prepared statements. */
#include "workload.h"
#include <sqlite3.h>

enum { ROWS = 120000, LONGEST_SCRIPT = 1 << 16 };

static int no_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
    return SQLITE_CANTOPEN;
}

static int no_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
    return SQLITE_OK;
}

static int no_access(sqlite3_vfs *vfs, const char *name, int flags, int *out)
{
    *out = 0;
    return SQLITE_OK;
}

static int same_name(sqlite3_vfs *vfs, const char *name, int size, char *out)
{
    sqlite3_snprintf(size, out, "%s", name);
    return SQLITE_OK;
}

static int fixed_randomness(sqlite3_vfs *vfs, int size, char *out)
{
    memset(out, 7, size);
    return size;
}

static int fixed_time(sqlite3_vfs *vfs, double *julian_day)
{
    *julian_day = 2460000.5;
    return SQLITE_OK;
}

int sqlite3_os_init(void)
{
    static sqlite3_vfs vfs = {
        .iVersion = 1,
        .szOsFile = sizeof(sqlite3_file),
        .mxPathname = 256,
        .zName = "none",
        .xOpen = no_file,
        .xDelete = no_delete,
        .xAccess = no_access,
        .xFullPathname = same_name,
        .xRandomness = fixed_randomness,
        .xCurrentTime = fixed_time,
    };
    return sqlite3_vfs_register(&vfs, 1);
}

int sqlite3_os_end(void)
{
    return SQLITE_OK;
}

static void check(sqlite3 *db, int code)
{
    require(code == SQLITE_OK, sqlite3_errmsg(db));
}

static int print_row(void *unused, int count, char **values, char **names)
{
    for (int i = 0; i < count; i++)
        printf("%s%s", i ? "|" : "", values[i] ? values[i] : "null");
    putchar('\n');
    return 0;
}

static void fill(sqlite3 *db)
{
    char line[200];
    uint64_t random = 7;
    sqlite3_stmt *insert;
    check(db, sqlite3_exec(db,
        "create table item(id integer primary key, kind int, price real, name text);"
        "create virtual table note using fts5(body); begin", NULL, NULL, NULL));
    check(db, sqlite3_prepare_v2(db, "insert into item values(?,?,?,?)", -1, &insert, NULL));
    for (int i = 0; i < ROWS; i++) {
        fill_text(line, 32, i);
        sqlite3_bind_int(insert, 1, i);
        sqlite3_bind_int(insert, 2, next_random(&random) % 100);
        sqlite3_bind_double(insert, 3, (double)(next_random(&random) % 100000) / 64);
        sqlite3_bind_text(insert, 4, line, 8 + next_random(&random) % 24, SQLITE_STATIC);
        require(sqlite3_step(insert) == SQLITE_DONE, "insert");
        sqlite3_reset(insert);
    }
    sqlite3_finalize(insert);
    check(db, sqlite3_prepare_v2(db, "insert into note values(?)", -1, &insert, NULL));
    for (int i = 0; i < ROWS / 40; i++) {
        fill_text(line, sizeof line, i);
        sqlite3_bind_text(insert, 1, line, sizeof line, SQLITE_STATIC);
        require(sqlite3_step(insert) == SQLITE_DONE, "insert");
        sqlite3_reset(insert);
    }
    sqlite3_finalize(insert);
    check(db, sqlite3_exec(db, "commit", NULL, NULL, NULL));
}

int main(void)
{
    static char script[LONGEST_SCRIPT];
    require(fread(script, 1, sizeof script - 1, stdin) > 0, "no SQL on standard input");
    sqlite3 *db;
    require(sqlite3_open(":memory:", &db) == SQLITE_OK, "open");
    fill(db);
    check(db, sqlite3_exec(db, script, print_row, NULL, NULL));
    check(db, sqlite3_close(db));
}
