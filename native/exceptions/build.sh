#!/usr/bin/env bash
# Builds exceptions.sys and guarded.sys with Debian's clang-19 and lld-19, into native/fixtures or the given folder.
set -euo pipefail
out=$(realpath "${1:-$(dirname "$0")/../fixtures}")
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat > "$work/ntoskrnl.def" <<'DEF'
LIBRARY ntoskrnl.exe
EXPORTS
  ExRaiseStatus
  RtlRaiseException
  RtlUnwind
  _local_unwind
  __chkstk
  RtlCaptureContext
  RtlLookupFunctionEntry
  RtlVirtualUnwind
  RtlPcToFileHeader
  RtlCaptureStackBackTrace
  __C_specific_handler
DEF
llvm-dlltool-19 -m i386:x86-64 -d "$work/ntoskrnl.def" -l "$work/ntoskrnl.lib"
clang-19 --target=x86_64-pc-windows-msvc -ffreestanding -fasynchronous-unwind-tables -fno-stack-protector -O1 -Wall -Wextra \
  -Wno-missing-noreturn -c exceptions.c -o "$work/exceptions.obj"
lld-link-19 /nologo /driver /subsystem:native /entry:DriverEntry /nodefaultlib /brepro "/out:$out/exceptions.sys" \
  "$work/exceptions.obj" "$work/ntoskrnl.lib"
rm -f "$out/exceptions.lib"

llvm-dlltool-19 -m i386:x86-64 -D ntoskrnl.exe -d ../lib/ntoskrnl.def -l "$work/kernel.lib"
clang-19 --driver-mode=cl --target=x86_64-pc-windows-msvc /c /nologo -Xclang -fasync-exceptions /GS- /Zl /X /kernel /O2 /W4 /WX /std:c17 \
  -fms-compatibility-version=19.40 /I ../include "/Fo$work/guarded.obj" -- guarded.c
lld-link-19 /nologo /driver /machine:x64 /subsystem:native,10.0 /nodefaultlib /entry:DriverEntry /dynamicbase /release \
  /Brepro "/out:$out/guarded.sys" "$work/guarded.obj" "$work/kernel.lib"
