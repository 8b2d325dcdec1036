#!/usr/bin/env bash
# Builds native/fixtures/exceptions.sys with Debian's clang-19 and lld-19.
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat > "$work/ntoskrnl.def" <<'DEF'
LIBRARY ntoskrnl.exe
EXPORTS
  ExRaiseStatus
  RtlRaiseException
  RtlCaptureContext
  RtlLookupFunctionEntry
  RtlVirtualUnwind
  RtlPcToFileHeader
  RtlCaptureStackBackTrace
  __C_specific_handler
DEF
llvm-dlltool-19 -m i386:x86-64 -d "$work/ntoskrnl.def" -l "$work/ntoskrnl.lib"
clang-19 --target=x86_64-pc-windows-msvc -ffreestanding -fasynchronous-unwind-tables -fno-stack-protector -mno-stack-arg-probe -O1 -Wall -Wextra \
  -Wno-missing-noreturn -c exceptions.c -o "$work/exceptions.obj"
lld-link-19 /nologo /driver /subsystem:native /entry:DriverEntry /nodefaultlib /brepro /out:../fixtures/exceptions.sys \
  "$work/exceptions.obj" "$work/ntoskrnl.lib"
rm -f ../fixtures/exceptions.lib
