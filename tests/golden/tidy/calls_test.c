// path: tests/system/tools/x.c
// expect: call@6
static int lenient(char *a)
{
	strcpy(a, "x");
	sprintf(a, "x");
	return atoi(a) + time(NULL);
}
