#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes a small Linux guest that boots from a qcow2 disk: Debian's cloud kernel and busybox, nothing else.
# usage: make-guest.sh OUT.qcow2 [WORKDIR]
# Leaves WORKDIR/vmlinuz and WORKDIR/initrd.img (default: OUT's directory) for guests that boot a kernel directly.
# Nothing is done while OUT is of this script's making. No mounts, no loop devices, no root.
#
# What the guest says on its serial console (ttyS0), a line each:
#   compute-worker-guest: kernel RELEASE
#   compute-worker-guest: boot N            counted in a file on its disk, so the disk persists
#   compute-worker-guest: power button      it obeys the ACPI power button and turns itself off
#   compute-worker-guest: ready             the last line of every boot
#   compute-worker-guest: agent ...         what was asked of its agent: passwords (as a checksum), freezing, thawing
# A kernel argument guest.deaf makes it ignore the power button; guest.words=W makes it say W before it is ready.
set -euo pipefail
export PATH="$PATH:/usr/sbin:/sbin" LC_ALL=C
[ $# -ge 1 ] || { echo "usage: $0 OUT.qcow2 [WORKDIR]" >&2; exit 2; }
mkdir -p "$(dirname "$1")"
out=$(realpath "$1")
keep=$(realpath -m "${2:-$(dirname "$out")}")
mkdir -p "$keep"
stamp=$out.stamp
identity=$(sha256sum <"${BASH_SOURCE[0]}")
current() { [ -s "$out" ] && [ -s "$keep/vmlinuz" ] && [ -s "$keep/initrd.img" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$identity" ]; }
exec 9>"$out.lock"
flock 9
current && exit 0
echo "making the Linux guest ($out) ..." >&2

work=$(mktemp -d "$keep/guest.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
cd "$work"

# The kernel package that the meta package names today, unpacked and not installed.
fetch_kernel() {
    package=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null | awk '/Depends:/ { print $2; exit }')
    [ -n "$package" ] && apt-get -qq -o APT::Sandbox::User=root download "$package" >apt.log 2>&1
}
if ! fetch_kernel; then # no package lists, or lists that are older than the archive
    if [ "$(id -u)" -eq 0 ]; then apt-get -qq update >apt.log 2>&1; else sudo -n apt-get -qq update >apt.log 2>&1; fi || true
    fetch_kernel || { cat apt.log >&2; echo "error: cannot download Debian's linux-image-cloud-amd64" >&2; exit 1; }
fi
release=${package#linux-image-}
mkdir kernel
dpkg -x ./"$package"_*.deb kernel
cp "kernel/boot/vmlinuz-$release" vmlinuz
module_base=$work/kernel
[ -d kernel/usr/lib/modules ] && module_base=$work/kernel/usr
[ -e "$module_base/lib/modules/$release/modules.dep.bin" ] || depmod -b "$module_base" "$release"

# The whole root file system lives in the initramfs.
mkdir -p root/bin root/proc root/sys root/dev root/run root/tmp root/mnt root/modules root/etc/acpi/PWRF
cp /bin/busybox root/bin/busybox
for applet in sh mount umount insmod sleep cat echo printf base64 md5sum uname acpid poweroff reboot sync grep getty setsid sed hostname; do
    ln -s busybox "root/bin/$applet"
done
ln -s bin root/sbin
: >root/modules/order
for module in virtio_pci virtio_blk virtio_scsi virtio_console sd_mod ata_piix ahci vfat nls_cp437 nls_ascii nls_iso8859-1 button evdev; do
    { modprobe -d "$module_base" -S "$release" --show-depends "$module" 2>/dev/null || true; } |
        awk '$1 == "insmod" { print $2 }' # what this kernel lacks or has built in is left out
done | awk '!seen[$0]++' | while IFS= read -r file; do
    cp "$file" root/modules/
    echo "/modules/${file##*/}" >>root/modules/order
done
for module in virtio_blk vfat; do
    [ -e root/modules/$module.ko ] || { echo "error: $package has no module $module" >&2; exit 1; }
done
cat >root/etc/acpi/PWRF/00000080 <<'GUEST'
#!/bin/sh
echo "compute-worker-guest: power button" >/dev/console
grep -q guest.deaf /proc/cmdline && exit 0
sync
poweroff -f
GUEST
# Where the host offers the port of QEMU's guest agent, something answers there as that does, as far as libvirt asks.
cat >root/agent <<'GUEST'
#!/bin/sh
say() { echo "compute-worker-guest: agent $*" >/dev/console; }
member() { echo "$request" | sed -n "s/.*\"$1\": *\"*\([^\",}]*\).*/\1/p"; }
while :; do
    exec 3<>"$1"
    while read -r request <&3; do
        start=
        case $request in
        *guest-sync-delimited*) start='\377' answer=$(member id) ;;
        *guest-sync*) answer=$(member id) ;;
        *guest-set-user-password*)
            say "password of $(member username) $(member password | base64 -d | md5sum)"
            answer='{}' ;;
        *guest-fsfreeze-freeze*) say "froze"; answer=1 ;;
        *guest-fsfreeze-thaw*) say "thawed"; answer=1 ;;
        *) say "was asked $request"; answer='{}' ;;
        esac
        printf "$start%s\n" "{\"return\": $answer}" >&3
    done
    exec 3>&-
    sleep 0.2
done
GUEST
chmod +x root/agent
cat >root/init <<'GUEST'
#!/bin/sh
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
say() { echo "compute-worker-guest: $*" >/dev/console; }
say "kernel $(uname -r)"
while read -r module; do insmod "$module" 2>/dev/null; done </modules/order
tries=0
while [ $tries -lt 20 ]; do
    for disk in /dev/vda1 /dev/sda1; do
        if [ -b $disk ] && mount -t vfat -o sync $disk /mnt 2>/dev/null; then
            boots=$(cat /mnt/boots 2>/dev/null)
            boots=$((${boots:-0} + 1))
            echo $boots >/mnt/boots
            umount /mnt
            say "boot $boots"
            break 2
        fi
    done
    tries=$((tries + 1))
    sleep 0.1
done
acpid -c /etc/acpi -l /run/acpid.log -p /run/acpid.pid
tries=0 # acpid writes its pid when it listens
while [ ! -s /run/acpid.pid ] && [ $tries -lt 100 ]; do
    tries=$((tries + 1))
    sleep 0.05
done
for port in /sys/class/virtio-ports/*; do
    [ "$(cat "$port/name" 2>/dev/null)" = org.qemu.guest_agent.0 ] || continue
    setsid /agent "/dev/${port##*/}" </dev/null >/dev/null 2>&1 &
done
words=$(sed -n 's/.*guest\.words=\([^ ]*\).*/\1/p' /proc/cmdline)
[ -n "$words" ] && say "$words"
say "ready"
while :; do sleep 3600; done
GUEST
chmod +x root/init root/etc/acpi/PWRF/00000080
(cd root && find . | cpio --quiet -o -H newc -R 0:0) | gzip -9n >initrd.img

# One FAT partition at 1 MiB, made by syslinux bootable.
cat >syslinux.cfg <<'BOOT'
DEFAULT guest
PROMPT 0
TIMEOUT 1
LABEL guest
 KERNEL vmlinuz
 INITRD initrd.img
 APPEND console=tty0 console=ttyS0,115200 quiet panic=5
BOOT
truncate -s 63M part.raw
mkfs.vfat -F 16 -n GUEST part.raw >/dev/null
mcopy -i part.raw vmlinuz initrd.img syslinux.cfg ::/
syslinux --install part.raw
truncate -s 64M disk.raw
echo '2048,,e,*' | sfdisk -q disk.raw
dd if=part.raw of=disk.raw bs=1M seek=1 conv=notrunc status=none
dd if=/usr/lib/syslinux/mbr/mbr.bin of=disk.raw bs=440 count=1 conv=notrunc status=none
qemu-img convert -O qcow2 -c disk.raw disk.qcow2
mv vmlinuz initrd.img "$keep/"
mv disk.qcow2 "$out"
printf '%s' "$identity" >"$stamp"
