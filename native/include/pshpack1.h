/* Members of the structures that follow are packed, until poppack.h. Included any number of times. */
#pragma pack(push, 1)
