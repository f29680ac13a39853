import type { XmlElement } from '@vedette/libvirt';
import type { SectionDocument } from '@vedette/model';

/**
 * The `config` section: what a VM is, from the definition for its next start (of a transient domain: the running one as
 * libvirt writes it for that purpose).
 *
 * K1. No secret: neither one that libvirt knows as such nor what may hold one (free text handed to QEMU or the guest).
 *     What is left out is left out whole; no digest of it is told either, since a weak password can be found from one.
 *     The kernel's command line stays: every user of the guest can read it.
 * K2. No runtime field: what libvirt or the running VM sets by itself. Ballooning, restarts of the VM or of libvirtd and
 *     migrations change nothing here; see {@link runtimeElements} and {@link runtimeAttributes}, each with its reason.
 *     The addresses of devices stay: they are given once, when the domain is defined, and are what its guest was
 *     installed on.
 * K3. Equal content, equal document: attributes have no order, white space around text and between elements is no
 *     content, and siblings are sorted by name. Siblings of one name keep their order, which may mean something (`boot`).
 */
export function configDocument(domain: XmlElement): SectionDocument {
  return { domain: elementValue(domain, undefined) };
}

/** An element as JSON: its attributes, its text if it has no children, its children. */
function elementValue(element: XmlElement, parent: XmlElement | undefined): SectionDocument {
  const attributes = [...element.attributes].filter(([name]) => !isLeftOutAttribute(element, parent?.name, name));
  const children = element.children
    .filter((child) => !isLeftOutElement(child, element))
    .toSorted((a, b) => (a.name === b.name ? 0 : a.name < b.name ? -1 : 1));
  const text = secretTexts.has(`${parent?.name}/${element.name}`) ? '' : element.text.trim();
  return {
    name: element.name,
    ...(attributes.length === 0 ? {} : { attributes: Object.fromEntries(attributes) }),
    ...(text === '' ? {} : { text }),
    ...(children.length === 0 ? {} : { children: children.map((child) => elementValue(child, element)) }),
  };
}

// ---- K1 ------------------------------------------------------------------------------------------------------

/** In the name of an element or attribute: passwd, passwdValidTo, secret, cookies, ... */
const secretName = /passw|secret|cookie|credential/i;

const secretElements: ReadonlySet<string> = new Set([
  'auth', // of iSCSI, RBD and http disks: who logs in, and by which secret
  'dhCert', // of SEV: the owner's keys
  'session',
  'metadata', // applications write what they like there, at run time too
  'initenv', // of containers: tokens are handed over in it
]);

/** Arguments and environment for QEMU as they are, of any hypervisor's namespace: `-object secret,data=...`. */
const commandline = /(?:^|:)commandline$/;

/** Text handed to the guest: an ignition document, systemd credentials. Their names and files stay. */
const secretTexts: ReadonlySet<string> = new Set(['sysinfo/entry', 'oemStrings/entry']);

/** The part of a URL behind `?`: where signed URLs carry their signature. */
const secretAttributes: ReadonlySet<string> = new Set(['source@query']);

// ---- K2 ------------------------------------------------------------------------------------------------------

type RuntimeElement = (element: XmlElement, parent: XmlElement) => boolean;
type RuntimeAttribute = (element: XmlElement, parentName: string | undefined) => boolean;

const always = (): boolean => true;

const runtimeElements: ReadonlyMap<string, RuntimeElement> = new Map<string, RuntimeElement>([
  // Where the balloon stands. Its upper end, `memory`, stays.
  ['currentMemory', always],
  // Given at start (`net0`); a user's own begins with `ua-` and is a setting.
  ['alias', ({ attributes }) => attributes.get('name')?.startsWith('ua-') !== true],
  // Found by looking into the images.
  ['backingStore', always],
  // A copy that is under way.
  ['mirror', always],
  // The host's security driver makes up its label at start, unless told what to start from.
  ['seclabel', (element, parent) => parent.name === 'domain' && isDynamic(element) && !has(element, 'baselabel')],
  ['label', (_, parent) => parent.name === 'seclabel' && isDynamic(parent)],
  // The label of the images, always made from the label.
  ['imagelabel', always],
  // The default partition, written out at start.
  [
    'resource',
    ({ children }) => children.every(({ name, text }) => name === 'partition' && text.trim() === '/machine'),
  ],
  // libvirt's name for the host's end of a NIC, given at start; libvirt keeps these prefixes for itself.
  ['target', ({ attributes }, parent) => parent.name === 'interface' && isGeneratedDevice(attributes.get('dev'))],
  // The socket of the guest agent and its like in a folder that is named by the number of the run.
  ['source', ({ attributes }) => isOfRun(attributes.get('path'))],
  // What a virtio-mem device has plugged; `requested` stays.
  ['current', (_, parent) => parent.name === 'target'],
]);

const runtimeAttributes: ReadonlyMap<string, RuntimeAttribute> = new Map<string, RuntimeAttribute>([
  // The number of the run. Everywhere else an id is the identity of a part.
  ['domain@id', always],
  // libvirt's number of an image in this run.
  ['source@index', always],
  // The port of the switch and the bridge behind a network, given at start.
  ['source@portid', always],
  ['source@bridge', ({ attributes }) => attributes.has('network')],
  // Ports that libvirt chooses at start.
  ['graphics@port', ({ attributes }) => attributes.get('autoport') === 'yes'],
  ['graphics@tlsPort', ({ attributes }) => attributes.get('autoport') === 'yes'],
  ['graphics@websocket', ({ attributes }) => attributes.get('autoport') === 'yes'],
  // Says once more what the first <listen> says; not every version writes it.
  ['graphics@listen', (element) => has(element, 'listen')],
  // The address that a network has where the VM runs, and a socket in the folder of the run.
  ['listen@address', ({ attributes }) => attributes.get('type') === 'network'],
  ['listen@socket', ({ attributes }) => isOfRun(attributes.get('socket'))],
  // The pseudo-terminal of this run.
  ['source@path', ({ attributes }) => attributes.get('path')?.startsWith('/dev/pts/') === true],
  ['console@tty', always],
  ['serial@tty', always],
  // Whether the guest has opened its end of a channel.
  ['target@state', (_, parentName) => parentName === 'channel'],
  // The guest sets its clock: where the definition says `variable`, the difference is kept for it.
  ['clock@adjustment', ({ attributes }) => attributes.get('offset') === 'variable'],
  // Where automatic placement and numbering have put a VM on its present host.
  ['cid@address', ({ attributes }) => attributes.get('auto') === 'yes'],
  ['memory@nodeset', ({ attributes }) => attributes.get('placement') === 'auto'],
  ['vcpu@cpuset', ({ attributes }) => attributes.get('placement') === 'auto'],
  // Where QEMU has put a memory device.
  ['address@base', ({ attributes }) => attributes.get('type') === 'dimm'],
]);

function isLeftOutElement(element: XmlElement, parent: XmlElement): boolean {
  const { name } = element;
  if (secretElements.has(name) || secretName.test(name) || commandline.test(name)) return true;
  return runtimeElements.get(name)?.(element, parent) === true;
}

function isLeftOutAttribute(element: XmlElement, parentName: string | undefined, name: string): boolean {
  // Declared where something of the namespace is used, which may be what is left out.
  if (name === 'xmlns' || name.startsWith('xmlns:')) return true;
  const place = `${element.name}@${name}`;
  if (secretName.test(name) || secretAttributes.has(place)) return true;
  return runtimeAttributes.get(place)?.(element, parentName) === true;
}

function isDynamic({ attributes }: XmlElement): boolean {
  return attributes.get('type') === 'dynamic';
}

function has(element: XmlElement, child: string): boolean {
  return element.children.some(({ name }) => name === child);
}

function isGeneratedDevice(name: string | undefined): boolean {
  return name !== undefined && /^(?:vnet|macvtap|macvlan)\d+$/.test(name);
}

/** `/var/lib/libvirt/qemu/channel/target/domain-2-full/org.qemu.guest_agent.0`, `.../domain-2-full/vnc.sock`. */
function isOfRun(path: string | undefined): boolean {
  return path !== undefined && /\/domain-\d+-[^/]*\//.test(path);
}
