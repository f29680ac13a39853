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
  /** A disk image (raw, only read) to boot from; see {@link restlessBootSector}. */
  readonly bootDisk?: string;
}

/**
 * The cheapest real guest: emulated, no disk, no kernel, it stays in its BIOS for ever. 0.2 s to start, 40 MB. It can be
 * suspended, saved, reset (`virsh reset` gives a reboot event), destroyed and killed, but not shut down.
 */
export function biosGuest(name: string, options: BiosGuestOptions = {}): Guest {
  const { uuid = randomUUID(), memoryMiB = 32, vcpus = 1, devices = '', bootDisk } = options;
  const disk =
    bootDisk === undefined
      ? ''
      : `<disk type='file' device='disk'>
      <driver name='qemu' type='raw'/><source file='${escapeXml(bootDisk)}'/><target dev='vda' bus='virtio'/>
      <readonly/><shareable/>
    </disk>`;
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
    ${disk}
    ${devices}
  </devices>
</domain>
`;
  return { name, uuid, xml };
}

/**
 * A program for a BIOS-only guest that writes to 1,024 of its pages at every tick of the PC's clock (18 times a second)
 * and sleeps in between: 4 MiB that are always changed, for little processor time. Where less than some 13 MiB/s are
 * allowed, its live migration does not end, so a test can hold a guest in the middle of it.
 */
export function restlessBootSector(): Buffer {
  const program = [
    0xfa, //                                        cli
    ...[0x31, 0xc0, 0x8e, 0xd8], //                 xor ax, ax; mov ds, ax
    ...[0x0f, 0x01, 0x16, 0x3c, 0x7c], //           lgdt [gdtr]
    ...[0x0f, 0x20, 0xc0, 0x66, 0x89, 0xc2], //     mov eax, cr0; mov edx, eax
    ...[0x0c, 0x01, 0x0f, 0x22, 0xc0], //           or al, 1; mov cr0, eax     protected mode, to let es reach 4 GiB
    ...[0xbb, 0x08, 0x00, 0x8e, 0xc3], //           mov bx, 8; mov es, bx
    ...[0x0f, 0x22, 0xc2, 0xfb], //                 mov cr0, edx; sti          and back
    0xf4, //                                  tick: hlt
    ...[0x66, 0xbf, 0x00, 0x00, 0x20, 0x00], //     mov edi, 2 MiB
    ...[0x26, 0x67, 0x66, 0xff, 0x07], //     page: inc dword [es:edi]
    ...[0x66, 0x81, 0xc7, 0x00, 0x10, 0, 0], //     add edi, 4 KiB
    ...[0x66, 0x81, 0xff, 0x00, 0x00, 0x60, 0], //  cmp edi, 6 MiB
    ...[0x72, 0xeb, 0xeb, 0xe2], //                 jb page; jmp tick
    ...[0x0f, 0x00, 0x42, 0x7c, 0, 0], //     gdtr: 16 bytes at gdt
    ...[0, 0, 0, 0, 0, 0, 0, 0], //           gdt:  no segment
    ...[0xff, 0xff, 0, 0, 0, 0x92, 0x8f, 0], //     data, from 0, 4 GiB
  ];
  const sector = Buffer.alloc(512);
  sector.set(program);
  sector.set([0x55, 0xaa], 510);
  return sector;
}

export interface FullGuestOptions {
  readonly uuid?: string;
  /** 96 unless said; with 64 guests never come up. */
  readonly memoryMiB?: number;
  readonly mac?: string;
  /** False: it has no channel for its guest agent, so no agent either. */
  readonly agent?: boolean;
}

/**
 * A Linux guest with an address from the default network's DHCP and a guest agent. It boots in some 8 s, costs 225 MB,
 * and can be shut down and rebooted in order through its agent.
 *
 * @param files the kernel, the initramfs, an empty disk, where its console goes, and the socket that takes commands for it
 */
export function fullGuest(
  name: string,
  files: {
    readonly kernel: string;
    readonly initrd: string;
    readonly disk: string;
    readonly console: string;
    readonly commands: string;
  },
  options: FullGuestOptions = {},
): Guest {
  const { uuid = randomUUID(), memoryMiB = 96, mac, agent = true } = options;
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
    <serial type='unix'><source mode='bind' path='${escapeXml(files.commands)}'/></serial>
    ${agent ? "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>" : ''}
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
