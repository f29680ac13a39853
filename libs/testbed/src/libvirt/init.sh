#!/bin/bash
# Process 1 of a private libvirt's namespaces: lays the folder given as $1 over the places libvirt uses, says
# "ready <its process id as seen from outside>", and then only reaps. When it is killed the kernel ends every process of
# the namespaces and takes their mounts and network devices away.
set -euo pipefail
base=$1

read -r outer_pid _ </proc/self/stat
mount -t proc proc /proc
# Without cgroups (they would be shared with the machine), and showing the network devices of this namespace.
umount --lazy /sys
mount -t sysfs sysfs /sys
# A whole private /run: no system bus, so libvirtd never talks to the machine's systemd or firewalld.
mount --bind "$base/run" /run
for place in etc:/etc/libvirt lib:/var/lib/libvirt cache:/var/cache/libvirt log:/var/log/libvirt; do
  mkdir -p "${place#*:}"
  mount --bind "$base/${place%%:*}" "${place#*:}"
done
# A /dev/kvm that exists but cannot run guests makes libvirtd probe QEMU again, 5 s, at every definition.
if [ -e /dev/kvm ]; then
  : >"$base/no-kvm"
  mount --bind "$base/no-kvm" /dev/kvm
  mount -o remount,bind,ro /dev/kvm
fi
# Debian's libvirtd insists on the user that guests run as by default, which only the package of its service makes; an
# ssh server on a user of its own; and it lets nobody in whose password is locked, though he has a key.
for file in passwd group shadow; do cp "/etc/$file" "$base/$file"; done
chmod 600 "$base/shadow"
if ! getent passwd libvirt-qemu >/dev/null; then
  echo 'libvirt-qemu:x:64055:64055::/nonexistent:/usr/sbin/nologin' >>"$base/passwd"
  echo 'libvirt-qemu:x:64055:' >>"$base/group"
fi
if ! getent passwd sshd >/dev/null; then
  echo 'sshd:x:64056:65534::/run/sshd:/usr/sbin/nologin' >>"$base/passwd"
fi
sed -i 's/^root:[^:]*:/root:*:/' "$base/shadow"
# bash reads the .bashrc of whoever runs the tests when an ssh server starts it.
sed -i '/^root:/s|:[^:]*$|:/bin/sh|' "$base/passwd"
for file in passwd group shadow; do mount --bind "$base/$file" "/etc/$file"; done
ip link set lo up

echo "ready $outer_pid"
sleep infinity &
wait
