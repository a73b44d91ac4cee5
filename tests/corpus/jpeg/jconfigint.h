#define BUILD "corpus"
#define PACKAGE_NAME "mozjpeg"
#define VERSION "corpus"
#define INLINE inline __attribute__((always_inline))
#define HIDDEN
#define THREAD_LOCAL
#define FALLTHROUGH
#define SIZEOF_SIZE_T __SIZEOF_SIZE_T__
#define HAVE_BUILTIN_CTZL 1
