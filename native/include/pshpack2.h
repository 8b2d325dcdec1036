/* Members of the structures that follow are aligned to 2 bytes at most, until poppack.h. Included any number of times. */
#pragma pack(push, 2)
