// main.c - muga: the command line of operators.
#include "cli.h"

int main(int argc, char **argv)
{
	return cli_run(argc, argv);
}
