# The load configuration directory of images with stack cookies and control-flow guard, and the pointers through which
# guarded calls go. The tables behind __guard_fids_table are made by the linker. See "The Load Configuration
# Structure" in the PE format specification; offsets are those of IMAGE_LOAD_CONFIG_DIRECTORY64.

    .section .rdata,"dr"
    .balign 8
    .globl _load_config_used
_load_config_used:
    .long 0xa0                              # 0x00 Size
    .fill 0x54, 1, 0                        # 0x04 nothing that a driver needs
    .quad __security_cookie                 # 0x58 SecurityCookie
    .quad 0, 0                              # 0x60 SEHandlerTable and Count: x86 only
    .quad __guard_check_icall_fptr          # 0x70 GuardCFCheckFunctionPointer
    .quad __guard_dispatch_icall_fptr       # 0x78 GuardCFDispatchFunctionPointer
    .quad __guard_fids_table                # 0x80 GuardCFFunctionTable
    .quad __guard_fids_count                # 0x88 GuardCFFunctionCount
    .long __guard_flags                     # 0x90 GuardFlags
    .fill 12, 1, 0                          # 0x94 CodeIntegrity

# A loader that enforces the guard writes routines of its own here. Until then every target is good.
    .section .00cfg,"dr"
    .balign 8
    .globl __guard_check_icall_fptr
__guard_check_icall_fptr:
    .quad __guard_check_icall_default
    .globl __guard_dispatch_icall_fptr
__guard_dispatch_icall_fptr:
    .quad __guard_dispatch_icall_default

    .text
    .globl __guard_check_icall_default
__guard_check_icall_default:
    retq
    .globl __guard_dispatch_icall_default
__guard_dispatch_icall_default:
    jmpq *%rax
