/*
 * The parameter `Rewrite`: pairs of VLAN ids with commas between, `10:20,30:40`; left the id above the filter, right the
 * one on the wire, each a decimal number from 1 to 4094, with blanks around it or not. No id stands twice on one side,
 * and there are at most 16 pairs. See IEEE 802.1Q, clause 9.6, for the range of ids.
 */
#include "vlan.h"

#include "../support/parameters.h"

#define PAIR_LIMIT 16
#define HIGHEST_ID 4094

static BOOLEAN ParseId(PCWSTR *Text, PULONG Id)
{
    return ParseNumber(Text, Id) && *Id >= 1 && *Id <= HIGHEST_ID;
}

BOOLEAN ParseRewrite(PCWSTR Text)
{
    ULONG Pairs;

    for (Pairs = 0; Pairs < PAIR_LIMIT; Pairs++) {
        ULONG Above;
        ULONG Wire;

        if (!ParseId(&Text, &Above) || *Text++ != L':' || !ParseId(&Text, &Wire))
            return FALSE;
        if (Vlan.IdsDown[Above] != 0 || Vlan.IdsUp[Wire] != 0)
            return FALSE;
        Vlan.IdsDown[Above] = (USHORT)Wire;
        Vlan.IdsUp[Wire] = (USHORT)Above;
        if (*Text == 0)
            return TRUE;
        if (*Text++ != L',')
            return FALSE;
    }
    return FALSE;
}
