// path: shared/base/x.c
// expect: nesting@9 nesting@22 nesting@35
static int braces(int a)
{
	for (;;) {
		while (a) {
			switch (a) {
			case 1:
				if (a > 2)
					return 1;
				break;
			}
		}
	}
}

static int no_braces(int a)
{
	for (;;)
		if (a)
			while (a--)
				do
					a++;
				while (a);
	return a;
}

static int macro_loop(int a)
{
	cds_list_for_each_entry(x, y, z) {
		if (a) {
			a++;
		} else {
			if (a > 1) {
				cds_list_for_each_entry(x, y, z) {
					a++;
				}
			}
		}
	}
	return a;
}
