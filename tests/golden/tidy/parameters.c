// path: shared/base/x.c
// expect: parameters@4
static int five(int a, int b, int c, int d, int e);
static int six(int a, int b, int c, int d,
	int (*e)(int, int, int, int, int, int), int f)
{
	return five(a, b, c, d, f) + e(1, 2, 3, 4, 5, 6);
}
