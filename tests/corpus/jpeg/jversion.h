#define JVERSION "corpus"
#define JCOPYRIGHT ""
#define JCOPYRIGHT_SHORT ""
