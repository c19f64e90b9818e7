// path: media/x.c
// expect: call@7 call@8 call@9 call@10 call@11 call@12 volatile@5 call@13
// my_strcpy(), x.time() and x->rand() are somebody else's.
#include <string.h>
static volatile int flag;
static void bad(char *a, const char *b, struct x *x) {
	strcpy(a, b);
	sprintf(a, "%s", b);
	int n = atoi(a);
	system(a);
	n += time(NULL);
	clock_gettime(0, NULL);
	n += x->time(1) + rand();
	my_strcpy(a, b);
	static volatile sig_atomic_t stop;
	asm volatile("" ::: "memory");
}
