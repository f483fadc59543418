#!/bin/bash
# Makes test/format/signatures/images.json.gz: the sectors of image files by which their data is recognised. The tools of Debian 12
# write the images, blkid of util-linux says what it takes them for. The tests need neither; run this to add an image.
#
#   apt-get install jfsutils reiserfsprogs udftools nilfs-tools bcache-tools thin-provisioning-tools cryptsetup-bin gdisk fdisk \
#     parted qemu-utils e2fsprogs xfsprogs btrfs-progs dosfstools exfatprogs ntfs-3g f2fs-tools ocfs2-tools gfs2-utils lvm2 \
#     squashfs-tools erofs-utils apfsprogs hfsutils genisoimage mdadm
#   test/format/signatures/make.sh
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir folder && echo content >folder/file
exec 3>recipes

# NAME SIZE COMMAND...: an empty image, which the command fills. A size of 0: the command makes the file, and it is padded.
image() {
  local name=$1 size=$2
  shift 2
  printf '%s\t%s\n' "$name" "$*" >&3
  [ "$size" = 0 ] || truncate -s "$size" "$name"
  "$@" >log 2>&1 </dev/null || { cat log; echo "failed: $*" >&2; exit 1; }
  [ "$size" != 0 ] || truncate -s 1M "$name"
}
shell() { sh -c "$1"; }

image ext2 16M mkfs.ext2 -q -F ext2
image ext4 16M mkfs.ext4 -q -F ext4
image ext-journal 16M mke2fs -q -F -O journal_dev ext-journal
image xfs 320M mkfs.xfs -q -f xfs
image btrfs 128M mkfs.btrfs -q -f btrfs
image f2fs 64M mkfs.f2fs -q -f f2fs
image jfs 32M mkfs.jfs -q jfs
image reiserfs 64M mkreiserfs -q -ff reiserfs
image udf 16M mkudffs --media-type=hd udf
image udf-dvd 16M mkudffs --media-type=dvd --blocksize=2048 udf-dvd
image nilfs2 160M mkfs.nilfs2 -f nilfs2
image hfs 8M hformat hfs
image apfs 1G mkapfs apfs
image ntfs 16M mkntfs -q -F -f ntfs
image exfat 16M mkfs.exfat exfat
image fat12 2M mkfs.fat -F 12 fat12
image fat16 16M mkfs.fat -F 16 fat16
image fat32 64M mkfs.fat -F 32 fat32
image ocfs2-1k 64M shell 'yes | mkfs.ocfs2 -q -F -M local -b 1K ocfs2-1k'
image ocfs2-4k 64M shell 'yes | mkfs.ocfs2 -q -F -M local -b 4K ocfs2-4k'
image gfs2 256M mkfs.gfs2 -q -O -p lock_nolock -j 1 "$work/gfs2"
image minix 4M mkfs.minix minix
image squashfs 0 mksquashfs folder squashfs -quiet
image erofs 0 mkfs.erofs erofs folder
image iso9660 0 genisoimage -quiet -o iso9660 folder
image cramfs 0 mkfs.cramfs folder cramfs
image luks1 16M shell 'echo key | cryptsetup luksFormat -q --type luks1 --pbkdf-force-iterations 1000 luks1 -'
image luks2 32M shell 'echo key | cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 luks2 -'
image bcache-backing 16M make-bcache -B bcache-backing
image bcache-cache 64M make-bcache -C bcache-cache
image swap 16M mkswap swap
image swap-8k 16M mkswap -p 8192 swap-8k
image swap-16k 16M mkswap -p 16384 swap-16k
image swap-64k 16M mkswap -p 65536 swap-64k
image qcow2 0 qemu-img create -q -f qcow2 qcow2 16M
image vmdk 0 qemu-img create -q -f vmdk vmdk 16M
image vhdx 0 qemu-img create -q -f vhdx vhdx 16M
image vdi 0 qemu-img create -q -f vdi vdi 16M
image vhd 0 shell 'qemu-img create -q -f vpc vhd 16M'
image gpt 16M sgdisk -n 1:2048:4096 gpt
image mbr 16M shell 'printf "label: dos\n,4M\n" | sfdisk -q mbr'
image sun 64M shell 'printf "label: sun\n" | sfdisk -q sun'
image sgi 64M shell 'printf "label: sgi\n" | sfdisk -q sgi'
image mac 64M parted -s mac mklabel mac
image bsd 64M parted -s bsd mklabel bsd
image amiga 64M parted -s amiga mklabel amiga

thin='<superblock uuid="" time="0" transaction="1" flags="0" version="2" data_block_size="128" nr_data_blocks="1024"></superblock>'
cache='<superblock uuid="" block_size="128" nr_cache_blocks="16" policy="smq" hint_width="4"><mappings></mappings><hints></hints></superblock>'
era='<superblock uuid="" block_size="128" nr_blocks="16" current_era="1"><era_array></era_array></superblock>'
image thin 8M shell "echo '$thin' >xml && thin_restore -i xml -o thin"
image dm-cache 8M shell "echo '$cache' >xml && cache_restore -i xml -o dm-cache"
image dm-era 8M shell "echo '$era' >xml && era_restore -i xml -o dm-era"

# LVM takes no file: a loop device, as root.
on_loop() { local loop; loop=$(losetup -f --show "$1"); shift; "$@" "$loop"; losetup -d "$loop"; }
image lvm2 16M on_loop lvm2 pvcreate --driverloaded n -y --config 'devices{use_devicesfile=0}'

# What no tool makes here, without the device mapper, the md driver or another system: made after the published structures.
node "$here/crafted.mjs" >&3
# What is left where the start of the device was overwritten.
rest() { cp "$1" "$2"; dd if=/dev/zero of="$2" bs="$3" count=1 conv=notrunc status=none; printf '%s\t%s\n' "$2" "the same as $1, its first $3 zeroed" >&3; }
rest luks2 luks2-second 16K
rest gpt gpt-second 16K
rest nilfs2 nilfs2-second 16K
rest btrfs btrfs-mirror 1M
rest ntfs ntfs-last 16K
rest zfs zfs-end 1M
exec 3>&-
node "$here/collect.mjs" "$work" "$here/images.json.gz"
