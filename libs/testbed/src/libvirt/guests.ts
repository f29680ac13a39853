import { randomUUID } from 'node:crypto';

/** A guest's definition; {@link xml} is what libvirt is given. */
export interface Guest {
  readonly name: string;
  readonly uuid: string;
  readonly xml: string;
}

export interface BiosGuestOptions {
  readonly uuid?: string;
  /** 32 unless said: less does not start, more costs memory for nothing. */
  readonly memoryMiB?: number;
  /** 1 unless said. */
  readonly vcpus?: number;
  /** More devices, as XML. */
  readonly devices?: string;
}

/**
 * The cheapest real guest: emulated, no disk, no kernel, it stays in its BIOS for ever. 0.2 s to start, 40 MB. It can be
 * suspended, saved, reset (`virsh reset` gives a reboot event), destroyed and killed, but not shut down.
 */
export function biosGuest(name: string, options: BiosGuestOptions = {}): Guest {
  const { uuid = randomUUID(), memoryMiB = 32, vcpus = 1, devices = '' } = options;
  const xml = `<domain type='qemu'>
  <name>${escapeXml(name)}</name>
  <uuid>${uuid}</uuid>
  <memory unit='MiB'>${memoryMiB}</memory>
  <vcpu>${vcpus}</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot><on_crash>destroy</on_crash>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <controller type='usb' model='none'/>
    <memballoon model='none'/>
    ${devices}
  </devices>
</domain>
`;
  return { name, uuid, xml };
}

export interface FullGuestOptions {
  readonly uuid?: string;
  /** 96 unless said; with 64 guests never come up. */
  readonly memoryMiB?: number;
  readonly mac?: string;
}

/**
 * A Linux guest with an address from the default network's DHCP and a guest agent. It boots in some 8 s, costs 225 MB,
 * and can be shut down and rebooted in order through its agent.
 *
 * @param files the kernel, the initramfs, an empty disk, and where its console goes
 */
export function fullGuest(
  name: string,
  files: { readonly kernel: string; readonly initrd: string; readonly disk: string; readonly console: string },
  options: FullGuestOptions = {},
): Guest {
  const { uuid = randomUUID(), memoryMiB = 96, mac } = options;
  const xml = `<domain type='qemu'>
  <name>${escapeXml(name)}</name>
  <uuid>${uuid}</uuid>
  <memory unit='MiB'>${memoryMiB}</memory>
  <vcpu>1</vcpu>
  <os>
    <type arch='x86_64' machine='pc'>hvm</type>
    <kernel>${escapeXml(files.kernel)}</kernel>
    <initrd>${escapeXml(files.initrd)}</initrd>
    <cmdline>console=ttyS0 quiet vmname=${escapeXml(name)} tsc=unstable nokaslr mitigations=off</cmdline>
    <boot dev='hd'/>
  </os>
  <features><acpi/></features>
  <on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot><on_crash>destroy</on_crash>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <controller type='usb' model='none'/>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw'/><source file='${escapeXml(files.disk)}'/><target dev='vda' bus='virtio'/>
    </disk>
    <interface type='network'>
      ${mac === undefined ? '' : `<mac address='${mac}'/>`}
      <source network='default'/><model type='virtio'/><rom enabled='no'/>
    </interface>
    <serial type='file'><source path='${escapeXml(files.console)}'/></serial>
    <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
    <graphics type='vnc' autoport='yes' listen='127.0.0.1'/>
    <video><model type='vga' vram='2048'/></video>
    <memballoon model='virtio'><stats period='2'/></memballoon>
  </devices>
</domain>
`;
  return { name, uuid, xml };
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll("'", '&apos;');
}
