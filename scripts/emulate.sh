#!/bin/bash
# Runs a Linux program on an emulated processor that has AVX-512, AVX512-BF16 and AMX (Bochs's model of Sapphire
# Rapids), prints what it prints, and exits with its status: scripts/emulate.sh PROGRAM [ARGUMENT…]
#
# The program runs as the only process of a small Linux system. It gets the variables TENFOLD_*, PROPTEST_*, RUST_* and
# ACCESSES_ONLY, and the shared libraries it is linked to. For correctness alone: it is some hundred times slower.
#
# Needed: Debian's packages isolinux, syslinux-common, xorriso, busybox-static, bochsbios and vgabios; and
#   BOCHS   Bochs 3.0 with scripts/bochs_amx.patch (patch -p1), built with
#           ./configure --enable-x86-64 --enable-all-optimizations --enable-avx --enable-evex --enable-amx --with-nogui
#           (default: bochs)
#   KERNEL  a Linux kernel; 6.12 of Debian's linux-image-cloud-amd64 is known to work (default: the newest in /boot)
set -eu

fail() {
    echo "emulate: $*" >&2
    exit 125
}

[ $# -ge 1 ] || fail "no program was given. Hint: scripts/emulate.sh PROGRAM [ARGUMENT…]"
program=$(realpath "$1")
shift
[ -x "$program" ] || fail "not a program; got $program"
bochs=$(command -v "${BOCHS:-bochs}") || fail "Bochs was not found; got BOCHS=${BOCHS:-}. Hint: see the head of this script"
kernel=${KERNEL:-$(find /boot -name 'vmlinuz-*' | sort -V | tail -n 1)}
[ -r "$kernel" ] || fail "no kernel; got KERNEL=$kernel. Hint: see the head of this script"
isolinux=/usr/lib/ISOLINUX/isolinux.bin
loader=/usr/lib/syslinux/modules/bios/ldlinux.c32
bios=/usr/share/bochs/BIOS-bochs-latest
screen=/usr/share/vgabios/vgabios.bin
for file in "$isolinux" "$loader" "$bios" "$screen" /bin/busybox; do
    [ -r "$file" ] || fail "$file is missing. Hint: see the head of this script"
done
command -v xorriso >/dev/null || fail "xorriso is missing. Hint: see the head of this script"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{disc,root/{bin,dev,proc,tmp}}

# --- The system: a shell, the program, its libraries, and a script that runs it.
cp /bin/busybox "$work/root/bin/busybox"
cp "$program" "$work/root/program"
{ ldd "$program" || true; } | grep -o '/[^ ]*' | sort -u | while read -r library; do
    mkdir -p "$work/root$(dirname "$library")"
    cp -L "$library" "$work/root$library"
done
{
    echo '#!/bin/busybox sh'
    echo '/bin/busybox mount -t devtmpfs none /dev; /bin/busybox mount -t proc none /proc'
    echo 'exec </dev/null >/dev/ttyS0 2>&1'
    echo '/bin/busybox stty -opost </dev/ttyS0'
    env -0 | while IFS= read -r -d '' variable; do
        case $variable in TENFOLD_* | PROPTEST_* | RUST_* | ACCESSES_ONLY=?*) printf 'export %q\n' "$variable" ;; esac
    done
    echo 'cd /tmp; echo "emulate: begins"'
    printf '/program'
    [ $# -eq 0 ] || printf ' %q' "$@"
    echo
    echo 'echo "emulate: status $?"; /bin/busybox sleep 1; /bin/busybox reboot -f'
} >"$work/root/init"
chmod +x "$work/root/init"
(cd "$work/root" && find . | busybox cpio -o -H newc 2>/dev/null | gzip -1) >"$work/disc/initrd"

# --- A disc that boots it.
cp "$isolinux" "$loader" "$work/disc"
cp "$kernel" "$work/disc/linux"
cat >"$work/disc/isolinux.cfg" <<END
default linux
label linux
    kernel linux
    append initrd=initrd console=ttyS0 quiet acpi=off panic=-1 reboot=t mitigations=off nokaslr tsc=reliable no_timer_check random.trust_cpu=on cryptomgr.notests=1
END
xorriso -as mkisofs -quiet -o "$work/disc.iso" -b isolinux.bin -c boot.cat -no-emul-boot -boot-load-size 4 \
    -boot-info-table "$work/disc" 2>"$work/xorriso.log" || fail "no disc could be made: $(cat "$work/xorriso.log")"

# --- The machine, without what only kernels use (5-level paging does not go with its SMM); a reboot ends it. What it writes to its serial port comes out here, from the program's first line to its last.
mkfifo "$work/serial"
# Open on both ends: Bochs opens it at the first byte, or never.
exec 3<>"$work/serial"
cat >"$work/bochsrc" <<END
display_library: nogui
romimage: file=$bios
vgaromimage: file=$screen
cpu: model=sapphire_rapids, ips=100000000, reset_on_triple_fault=0, exclude_features="la57,smep,smap,cet,pks,pku,uintr,pcid,waitpkg"
clock: sync=none
memory: guest=1024, host=1024
ata0-master: type=cdrom, path="$work/disc.iso", status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=$work/serial
log: $work/bochs.log
panic: action=fatal
END
busybox awk -v status="$work/status" -v all="$work/serial.log" '
    { sub(/\r$/, ""); print >all }
    match($0, /emulate: status [0-9]+$/) {
        print substr($0, RSTART + 16) >status
        running = 0
        if (RSTART > 1) print substr($0, 1, RSTART - 1)
    }
    running { print; fflush() }
    /emulate: begins$/ { running = 1 }
' <"$work/serial" 3>&- &
"$bochs" -q -f "$work/bochsrc" >"$work/screen.log" 2>&1 </dev/null 3>&- || true
exec 3>&-
wait
status=$(cat "$work/status" 2>/dev/null) || fail "the program did not end: $(tail -n 20 "$work/serial.log") $(grep PANIC "$work/bochs.log")"
exit "$status"
