/* Members of the structures that follow are aligned to 4 bytes at most, until poppack.h. Included any number of times. */
#pragma pack(push, 4)
