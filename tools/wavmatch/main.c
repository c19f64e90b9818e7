// main.c - wavmatch: see run.c.
#include "wavmatch/run.h"

int main(int argc, char **argv)
{
	return wavmatch_run(argc, argv);
}
