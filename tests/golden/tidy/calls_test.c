// path: tests/system/tools/x.c
// expect: call@5
static int lenient(char *a)
{
	strcpy(a, "x");
	return atoi(a) + time(NULL);
}
