/* header_c11.c - the public header by itself, as strict C11. */
#include "butterfly.h"

int main(void)
{
    const bfly_int n = 1;
    double x = 2, y = 0;
    int rc = bfly_dmul(BFLY_NO_TRANS, BFLY_INCREASING, BFLY_UNTIED, n, 1, 1, 0, &x, 1, 1, 0, &y, 1, 1);
    return rc != 0 || y < 2 || y > 2;
}
