#!/bin/sh
# Installs what the tests against a real libvirtd need, from the machine's own apt sources, and builds the tiny guest
# they boot: .cache/testbed/guest/{vmlinuz,initrd.gz}. Runs as root; running it again does only what is missing.
#
# It installs programs only: no service is enabled or started (libvirt-daemon, not libvirt-daemon-system). The tests
# start their own libvirtd in private namespaces (libs/testbed).
set -eu

fail() { echo "setup-libvirt: $*" >&2; exit 1; }
[ "$(id -u)" = 0 ] || fail 'must run as root (it installs packages); tests that need libvirt are skipped without it'
command -v apt-get >/dev/null || fail 'no apt-get here: install libvirtd, virsh, qemu-system-x86_64, dnsmasq and iptables by hand; tests with full guests are skipped without the guest image'
[ "$(dpkg --print-architecture)" = amd64 ] || fail 'the guest image is built for amd64 only'

root=$(cd "$(dirname "$0")/.." && pwd)
export DEBIAN_FRONTEND=noninteractive

apt() { apt-get -qq -o DPkg::Lock::Timeout=600 -o APT::Sandbox::User=root "$@"; }

updated=
update_lists() { [ -n "$updated" ] || apt update; updated=1; }

is_installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# The programs. Newer releases have the network driver in a package of its own.
install_programs() {
  missing=
  for package in libvirt-daemon libvirt-daemon-driver-qemu libvirt-clients qemu-system-x86 dnsmasq-base iptables \
    iproute2 util-linux cpio xz-utils openssl openssh-client netcat-openbsd; do
    is_installed "$package" || missing="$missing $package"
  done
  [ -n "$missing" ] || return 0
  update_lists
  for package in libvirt-daemon-driver-network; do
    if apt-cache show "$package" >/dev/null 2>&1 && ! is_installed "$package"; then missing="$missing $package"; fi
  done
  echo "setup-libvirt: installing$missing"
  # shellcheck disable=SC2086 # a list of package names
  apt -y --no-install-recommends install $missing >/dev/null
}

# The guest: the distribution's cloud kernel, busybox, the virtio modules and the guest agent in an initramfs of 4 MB.
build_guest() {
  guest="$root/.cache/testbed/guest"
  wanted=$(sha256sum "$0" | cut -d' ' -f1)
  if [ -s "$guest/vmlinuz" ] && [ -s "$guest/initrd.gz" ] && [ "$(cat "$guest/built-by" 2>/dev/null)" = "$wanted" ]; then
    return 0
  fi
  echo 'setup-libvirt: building the guest image'
  update_lists
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  mkdir -p "$guest"
  unpack_packages
  lay_out_tree
  write_guest_scripts
  (cd "$work/tree" && find . | cpio -o -H newc --quiet | gzip -9) >"$work/initrd.gz"
  mv "$work/initrd.gz" "$guest/initrd.gz"
  mv "$work"/unpacked/boot/vmlinuz-* "$guest/vmlinuz"
  chmod 644 "$guest/vmlinuz" "$guest/initrd.gz"
  echo "$wanted" >"$guest/built-by"
}

unpack_packages() {
  kernel=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
  [ -n "$kernel" ] || fail 'apt knows no linux-image-cloud-amd64: the guest kernel is taken from it'
  (cd "$work" && apt download "$kernel" qemu-guest-agent busybox-static >/dev/null) ||
    fail "could not download $kernel, qemu-guest-agent and busybox-static"
  for package in "$work"/*.deb; do dpkg-deb -x "$package" "$work/unpacked"; done
}

lay_out_tree() {
  tree=$work/tree
  for folder in bin sbin mod etc proc sys dev run tmp var usr/share lib/x86_64-linux-gnu lib64; do
    mkdir -p "$tree/$folder"
  done
  ln -s ../run "$tree/var/run"
  cp "$(find "$work/unpacked" -path '*bin/busybox' | head -n 1)" "$tree/bin/busybox"
  cp /etc/os-release "$tree/etc/"
  agent=$work/unpacked/usr/sbin/qemu-ga
  cp "$agent" "$tree/sbin/"
  ! ldd "$agent" | grep 'not found' || fail 'the guest agent needs the libraries named above (QEMU needs them too)'
  ldd "$agent" | sed -n 's/.*=> \(\/[^ ]*\).*/\1/p' | while read -r library; do
    cp -L "$library" "$tree/lib/x86_64-linux-gnu/"
  done
  cp -L /lib64/ld-linux-x86-64.so.2 "$tree/lib64/"
  for module in virtio virtio_ring virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci failover net_failover \
    virtio_net virtio_blk virtio_console virtio_balloon; do
    file=$(find "$work/unpacked/lib/modules" -name "$module.ko" -o -name "$module.ko.xz" | head -n 1)
    case $file in
    *.xz) xz -dc "$file" >"$tree/mod/$module.ko" ;;
    ?*) cp "$file" "$tree/mod/" ;;
    esac
  done
}

write_guest_scripts() {
  cat >"$tree/etc/udhcpc.sh" <<'SCRIPT'
#!/bin/sh
[ "$1" = bound ] || [ "$1" = renew ] || exit 0
ip addr flush dev "$interface"
ip addr add "$ip/${mask:-24}" dev "$interface"
[ -z "${router:-}" ] || ip route add default via "$router"
SCRIPT
  # What the guest agent runs for guest-shutdown: /sbin/shutdown -h -P|-H|-r +0 MESSAGE.
  cat >"$tree/sbin/shutdown" <<'SCRIPT'
#!/bin/sh
case " $* " in
*' -r '*) reboot -f ;;
*) poweroff -f ;;
esac
SCRIPT
  cat >"$tree/init" <<'SCRIPT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs devtmpfs /dev
for round in 1 2 3; do for module in /mod/*.ko; do insmod "$module" 2>/dev/null; done; done
hostname "$(sed -n 's/.*vmname=\([^ ]*\).*/\1/p' /proc/cmdline)"
ip link set lo up
if ip link set eth0 up 2>/dev/null; then
  udhcpc -i eth0 -n -q -t 10 -T 1 -x "hostname:$(hostname)" -s /etc/udhcpc.sh
fi
mkdir -p /dev/virtio-ports
for port in /sys/class/virtio-ports/*; do
  name=$(cat "$port/name"); [ -z "$name" ] || ln -s "../$(basename "$port")" "/dev/virtio-ports/$name"
done
# The second serial port takes commands from the test, one a line behind a word of the test's choice, which marks where
# the answer begins and ends. It does so before the agent answers, so that who waits for that need not wait for this.
if stty -F /dev/ttyS1 raw -echo 2>/dev/null; then
  exec 3<>/dev/ttyS1
  while read -r token line <&3; do
    echo "begin-$token" >&3
    sh -c "$line" </dev/null >&3 2>&1
    echo "end-$token $?" >&3
  done &
  exec 3>&-
fi
agent=/dev/virtio-ports/org.qemu.guest_agent.0
[ ! -e $agent ] || qemu-ga -d -m virtio-serial -p $agent -t /run -f /run/qga.pid
echo 'vedette guest is up'
while :; do sleep 3600; done
SCRIPT
  chmod +x "$tree/init" "$tree/etc/udhcpc.sh" "$tree/sbin/shutdown"
}

# A server for ssh connections of the tests. Its package would enable a service: only the program is taken from it, and
# the library that comes with no other package here.
unpack_ssh_server() {
  [ ! -x /usr/sbin/sshd ] || return 0
  server="$root/.cache/testbed/ssh"
  [ ! -x "$server/sshd" ] || return 0
  echo 'setup-libvirt: unpacking an ssh server'
  update_lists
  unpacked=$(mktemp -d)
  (cd "$unpacked" && apt download openssh-server libwrap0 >/dev/null) ||
    fail 'could not download openssh-server and libwrap0'
  for package in "$unpacked"/*.deb; do dpkg-deb -x "$package" "$unpacked/tree"; done
  mkdir -p "$server/lib"
  find "$unpacked/tree" -name 'libwrap.so.0*' -exec cp -P {} "$server/lib/" \;
  cp "$unpacked/tree/usr/sbin/sshd" "$server/sshd"
  rm -rf "$unpacked"
  ! LD_LIBRARY_PATH="$server/lib" ldd "$server/sshd" | grep 'not found' ||
    fail 'the ssh server needs the libraries named above'
}

# The exporter that ours is compared with. It is unpacked and not installed: its package enables and starts a service,
# adds a user and wants an init system. All its program needs is libvirt0, which libvirt-clients brings.
unpack_exporter() {
  exporter="$root/.cache/testbed/exporter/prometheus-libvirt-exporter"
  [ ! -x "$exporter" ] || return 0
  update_lists
  if ! apt-cache show prometheus-libvirt-exporter >/dev/null 2>&1; then
    echo 'setup-libvirt: apt knows no prometheus-libvirt-exporter; the comparison with it is skipped'
    return 0
  fi
  unpacked=$(mktemp -d)
  (cd "$unpacked" && apt download prometheus-libvirt-exporter >/dev/null && dpkg-deb -x ./*.deb .) ||
    fail 'could not download prometheus-libvirt-exporter'
  mkdir -p "$(dirname "$exporter")"
  mv "$unpacked/usr/bin/prometheus-libvirt-exporter" "$exporter"
  rm -rf "$unpacked"
}

install_programs
build_guest
unpack_exporter
unpack_ssh_server
