import { find, findAll, parseDomainXml, parseHostCapabilities, parseXml, type XmlElement } from '@vedette/libvirt';
import fc from 'fast-check';
import { expect, it } from 'vitest';

const refused = expect.objectContaining({ code: 'VDT_LIBVIRT_XML' });
const name = fc.stringMatching(/^[a-z_][a-z0-9_.-]{0,8}$/);
// Every character XML can carry in text; a carriage return would be normalised by other readers, so libvirt escapes it.
const text = fc.string({ unit: 'grapheme', maxLength: 12 });

const { tree } = fc.letrec<{ tree: XmlElement }>((tie) => ({
  tree: fc.record({
    name,
    attributes: fc.dictionary(name, text, { maxKeys: 3 }).map((attributes) => new Map(Object.entries(attributes))),
    children: fc.oneof({ maxDepth: 4 }, fc.constant([]), fc.array(tie('tree'), { maxLength: 3 })),
    text,
  }),
}));

function escaped(value: string): string {
  return value.replace(/[&<>"']/g, (character) => `&#${character.codePointAt(0)};`);
}

function written({ name, attributes, children, text }: XmlElement): string {
  const list = [...attributes].map(([key, value]) => ` ${key}='${escaped(value)}'`).join('');
  if (children.length === 0 && text === '') return `<${name}${list}/>`;
  return `<${name}${list}>${escaped(text)}${children.map(written).join('')}</${name} >`;
}

it('what is written is read as it was', () => {
  fc.assert(
    fc.property(tree, (element) => {
      expect(parseXml(`<?xml version='1.0'?>\n<!-- a < b -->${written(element)}\n`)).toEqual(element);
    }),
  );
});

it('entities, CDATA, comments and processing instructions inside an element are read or skipped', () => {
  const element = parseXml('<a b="&lt;&quot;&apos;">x&amp;&#65;&#x1F600;<!-- no --><?no?><![CDATA[<&y>]]></a>');
  expect(element).toMatchObject({ name: 'a', text: 'x&A\u{1F600}<&y>', attributes: new Map([['b', `<"'`]]) });
});

it.each([
  ['nothing', ''],
  ['only text', 'x'],
  ['an element not closed', '<a><b></b>'],
  ['a tag not closed', '<a'],
  ['tags that cross', '<a><b></a></b>'],
  ['an end without a start', '</a>'],
  ['two roots', '<a/><b/>'],
  ['text after the root', '<a/>x'],
  ['CDATA after the root', '<a/><![CDATA[x]]>'],
  ['an attribute twice', '<a b="1" b="2"/>'],
  ['an attribute without quotes', '<a b=1/>'],
  ['an attribute without a value', '<a b/>'],
  ['attributes without a space between', '<a b="1"c="2"/>'],
  ['a bare ampersand', '<a>x & y</a>'],
  ['an unknown entity', '<a>&nbsp;</a>'],
  ['a character that does not exist', '<a>&#x110000;</a>'],
  ['half a surrogate pair', '<a>&#xD800;</a>'],
  ['a comment not closed', '<a><!-- </a>'],
  ['a document type', '<!DOCTYPE a><a/>'],
  ['declared entities', '<!DOCTYPE a [<!ENTITY x "y"><!ENTITY z "&x;&x;">]><a>&z;</a>'],
  ['an external entity', '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'],
])('D1: %s is refused', (_, document) => {
  expect(() => parseXml(document)).toThrow(refused);
});

it('D1: the place of a fault is told', () => {
  expect(() => parseXml('<a>\n  <b c=1/>\n</a>')).toThrow(expect.objectContaining({ path: '2:8' }));
});

it('D1: documents too large, too deep or of too many elements are refused', () => {
  expect(() => parseXml(`<a>${'x'.repeat(4 * 1024 * 1024)}</a>`)).toThrow(refused);
  expect(() => parseXml('<a>'.repeat(65) + '</a>'.repeat(65))).toThrow('nested too deeply');
  expect(() => parseXml(`<a>${'<b/>'.repeat(100_000)}</a>`)).toThrow('too many elements');
  expect(() => parseXml('<a><b/></a>', { maxDepth: 1 })).not.toThrow();
});

it('D1: any text is read or refused', () => {
  const pieces = fc.constantFrom(
    '<',
    '>',
    '/',
    'a',
    '="',
    "'",
    '&',
    ';',
    '!',
    '--',
    '<![CDATA[',
    ']]>',
    '?',
    ' ',
    '\n',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(pieces).map((all) => all.join('')),
      ),
      (document) => {
        try {
          parseXml(document);
        } catch (error) {
          expect(error).toMatchObject({ code: 'VDT_LIBVIRT_XML' });
        }
      },
    ),
    { numRuns: 1_000 },
  );
});

it('elements are found by the names on the way to them', () => {
  const root = parseXml('<a><b><c n="1"/></b><b><c n="2"/><d/></b></a>');
  expect(findAll(root, 'b', 'c').map(({ attributes }) => attributes.get('n'))).toEqual(['1', '2']);
  expect(find(root, 'b', 'd')?.name).toBe('d');
  expect(find(root, 'b', 'x', 'y')).toBeUndefined();
});

const minimal = (inside = ''): string =>
  `<domain type='kvm'><name>n</name><uuid>0F0E0D0C-0b0a-0908-0706-050403020100</uuid><memory>1024</memory>
   <os><type>hvm</type></os>${inside}</domain>`;

it('a definition with everything is read', () => {
  const xml = `<domain type='kvm' id='7'><name>web &amp; mail</name><uuid>0f0e0d0c-0b0a-0908-0706-050403020100</uuid>
    <memory unit='GiB'>4</memory><currentMemory unit='KiB'>1</currentMemory><vcpu placement='static' current='2'>4</vcpu>
    <os><type arch='x86_64' machine='q35'>hvm</type><boot dev='cdrom'/><boot dev='hd'/></os><features><acpi/></features>
    <devices>
      <disk type='file' device='cdrom'><source file='/iso/a.iso'/><target dev='sda' bus='sata'/></disk>
      <disk type='network' device='disk'><source protocol='rbd' name='pool/image'/><target dev='vda' bus='virtio'/></disk>
      <disk type='file' device='cdrom'><target dev='sdb' bus='sata'/></disk>
      <interface type='bridge'><mac address='52:54:00:AA:bb:cc'/><source bridge='br0'/><target dev='vnet3'/><model type='virtio'/><link state='down'/></interface>
      <interface type='direct'><source dev='eth1' mode='bridge'/><link state='up'/></interface>
      <watchdog model='i6300esb' action='poweroff'/><watchdog model='itco'/>
      <memballoon model='virtio'><stats period='5'/></memballoon>
      <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0' state='connected'/></channel>
      <graphics type='spice' port='5901' tlsPort='5902'><listen type='address' address='0.0.0.0'/></graphics>
      <graphics type='vnc' port='-1' autoport='yes' listen='127.0.0.1' passwd='hunter2'/>
    </devices></domain>`;
  expect(parseDomainXml(xml)).toEqual({
    name: 'web & mail',
    uuid: '0f0e0d0c-0b0a-0908-0706-050403020100',
    type: 'kvm',
    vcpus: { current: 2, maximum: 4 },
    memoryKiB: 4 * 1024 * 1024,
    currentMemoryKiB: 1,
    os: { type: 'hvm', arch: 'x86_64', machine: 'q35', boot: ['cdrom', 'hd'] },
    acpi: true,
    interfaces: [
      { mac: '52:54:00:aa:bb:cc', type: 'bridge', source: 'br0', target: 'vnet3', model: 'virtio', linkUp: false },
      { mac: undefined, type: 'direct', source: 'eth1', target: undefined, model: undefined, linkUp: true },
    ],
    graphics: [
      { type: 'spice', port: 5901, tlsPort: 5902, listen: '0.0.0.0' },
      { type: 'vnc', port: undefined, tlsPort: undefined, listen: '127.0.0.1' },
    ],
    disks: [
      { device: 'cdrom', source: '/iso/a.iso', target: 'sda', bus: 'sata' },
      { device: 'disk', source: 'pool/image', target: 'vda', bus: 'virtio' },
      { device: 'cdrom', source: undefined, target: 'sdb', bus: 'sata' },
    ],
    hasAgentChannel: true,
    watchdogs: [
      { model: 'i6300esb', action: 'poweroff' },
      { model: 'itco', action: 'reset' },
    ],
    balloon: { model: 'virtio', statsPeriodS: 5 },
  });
});

it('a definition with the least has one processor and no devices', () => {
  expect(parseDomainXml(minimal())).toMatchObject({
    uuid: '0f0e0d0c-0b0a-0908-0706-050403020100',
    vcpus: { current: 1, maximum: 1 },
    memoryKiB: 1024,
    currentMemoryKiB: 1024,
    os: { arch: undefined, boot: [] },
    acpi: false,
    interfaces: [],
    hasAgentChannel: false,
    watchdogs: [],
    balloon: undefined,
  });
});

it.each([
  ["<memballoon model='none'/>", undefined],
  ["<memballoon model='virtio'/>", { model: 'virtio', statsPeriodS: 0 }],
])('%s: a balloon that is none, and one whose guest is never asked, are told apart', (device, balloon) => {
  expect(parseDomainXml(minimal(`<devices>${device}</devices>`)).balloon).toEqual(balloon);
});

it('the boot order of devices stands for the missing list of kinds', () => {
  const devices = `<devices><interface type='network'><boot order='2'/></interface>
    <disk device='cdrom'><boot order='3'/></disk><disk><boot order='1'/></disk></devices>`;
  expect(parseDomainXml(minimal(devices)).os.boot).toEqual(['hd', 'network', 'cdrom']);
});

it.each([
  ['another document', '<network/>'],
  ['no name', minimal().replace('<name>n</name>', '')],
  ['memory that is no number', minimal().replace('1024', '1e9')],
  ['memory in an unknown unit', minimal().replace('<memory>', "<memory unit='pages'>")],
  ['a port that is no number', minimal("<devices><graphics type='vnc' port='x'/></devices>")],
])('D1: a definition with %s is refused', (_, xml) => {
  expect(() => parseDomainXml(xml)).toThrow(refused);
});

it('capabilities tell the host and whether it can run KVM guests', () => {
  const kvm = "<guest><arch name='x86_64'><domain type='qemu'/><domain type='kvm'/></arch></guest>";
  const host = '<host><uuid>AA-1</uuid><cpu><arch>x86_64</arch><model>EPYC</model><vendor>AMD</vendor></cpu></host>';
  expect(parseHostCapabilities(`<capabilities>${host}${kvm}</capabilities>`)).toEqual({
    hostUuid: 'aa-1',
    arch: 'x86_64',
    cpuModel: 'EPYC',
    cpuVendor: 'AMD',
    kvm: true,
  });
  expect(parseHostCapabilities('<capabilities/>')).toMatchObject({ hostUuid: undefined, kvm: false });
  expect(() => parseHostCapabilities('<domain/>')).toThrow(refused);
});
