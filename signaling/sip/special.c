#include "sip/special.h"

uint64_t special_mask_tail(const char *p, size_t len)
{
	char block[SPECIAL_BLOCK];
	memset(block, ' ', sizeof(block));
	memcpy(block, p, len);
	return special_mask(block) | (uint64_t)1 << len;
}
