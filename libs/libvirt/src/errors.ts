import { defineErrors } from '@vedette/runtime';

defineErrors({
  VDT_LIBVIRT_ADDRESS: {
    summary: 'a libvirt address cannot be used',
    action: 'use a URI such as qemu:///system, qemu+tls://HOST/system or qemu+ssh://USER@HOST/system',
    retryable: false,
  },
  VDT_LIBVIRT_UNREACHABLE: {
    summary: 'no libvirtd answers at the address',
    action: 'check that libvirtd (or virtqemud) runs, that it listens there, and that nothing on the way blocks it',
    retryable: true,
  },
  VDT_LIBVIRT_PERMISSION: {
    summary: 'the socket of libvirtd may not be opened by this user',
    action: 'run as a member of the group that owns the socket (on Debian: libvirt), or connect read-only',
    retryable: false,
  },
  VDT_LIBVIRT_AUTH: {
    summary: 'libvirtd did not admit this user',
    action:
      'run as root or as a member of the libvirt group with polkit running, connect read-only, or set auth_unix_rw in libvirtd.conf',
    retryable: false,
  },
  VDT_LIBVIRT_HOST_IDENTITY: {
    summary: 'the host does not prove to be the one that is meant: its certificate or host key was refused',
    action: 'find out why; never work around it: somebody may be in between. See docs/libvirt-connections.md',
    retryable: false,
  },
  VDT_LIBVIRT_CREDENTIALS: {
    summary: 'a certificate or key of ours cannot be used',
    action: 'check that the file named is there, is readable by this user and holds what it should',
    retryable: false,
  },
  VDT_LIBVIRT_HELPER: {
    summary: 'a program that the ssh transport needs is missing',
    action:
      'install the OpenSSH client here, and virt-ssh-helper (it comes with libvirtd) or an nc with unix sockets on the host',
    retryable: false,
  },
  VDT_LIBVIRT_CLOSED: {
    summary: 'the connection to libvirtd is closed',
    action: 'nothing: it is opened again; look at the log of libvirtd if this repeats',
    retryable: true,
  },
  VDT_LIBVIRT_PROTOCOL: {
    summary: 'what came from the socket is not the protocol of libvirt',
    action: 'check that the address is that of a libvirtd',
    retryable: false,
  },
  VDT_LIBVIRT_BUSY: {
    summary: 'libvirtd or this client is too busy for the call',
    action: 'nothing: it is tried again; look for a hung QEMU or guest agent if this repeats',
    retryable: true,
  },
  VDT_LIBVIRT_DENIED: {
    summary: 'libvirtd forbids the call on this connection',
    action: 'connect read-write, or go without what the call would tell',
    retryable: false,
  },
  VDT_LIBVIRT_NO_DOMAIN: {
    summary: 'libvirtd knows no such domain',
    action: 'list the domains again',
    retryable: false,
  },
  VDT_LIBVIRT_STATE: {
    summary: 'the domain is not in a state that allows the call',
    action: 'read the state of the domain again',
    retryable: false,
  },
  VDT_LIBVIRT_AGENT: {
    summary: 'the guest agent does not answer',
    action: 'check that qemu-guest-agent runs in the guest',
    retryable: true,
  },
  VDT_LIBVIRT_UNSUPPORTED: {
    summary: 'this libvirtd, driver or domain does not support the call',
    action: 'nothing: what the call would tell is not available there',
    retryable: false,
  },
  VDT_LIBVIRT_REFUSED: {
    summary: 'libvirtd answered with an error',
    action: 'read its message; it is in the log of libvirtd too',
    retryable: false,
  },
  VDT_LIBVIRT_XML: {
    summary: 'an XML document of libvirt was refused',
    action: 'report the document: libvirtd itself wrote it',
    retryable: false,
  },
});
