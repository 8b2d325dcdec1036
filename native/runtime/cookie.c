/*
 * What images built with stack cookies need: the cookie, its check, and an entry point that insists on a cookie of the
 * loader's. The names are those that compilers call. See "/GS (Buffer Security Check)" in Microsoft's C++ documentation.
 */
#include <ntddk.h>

/* The value that stands in every image before its loader writes another. */
#define DEFAULT_SECURITY_COOKIE 0x00002B992DDFA232ull

/* The load configuration says where it is. */
UINT_PTR __security_cookie = DEFAULT_SECURITY_COOKIE;

DRIVER_INITIALIZE DriverEntry;
DRIVER_INITIALIZE GsDriverEntry;

/* Called at the end of every function that has a cookie, with the cookie as found on the stack. */
void __security_check_cookie(UINT_PTR StackCookie)
{
    if (StackCookie != __security_cookie)
        __fastfail(FAST_FAIL_STACK_COOKIE_CHECK_FAILURE);
}

/* The entry point of images with cookies. */
NTSTATUS GsDriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    if (__security_cookie == 0 || __security_cookie == DEFAULT_SECURITY_COOKIE)
        __fastfail(FAST_FAIL_GS_COOKIE_INIT);
    return DriverEntry(DriverObject, RegistryPath);
}
