import { sectionNames } from '@vedette/fetcher';
import {
  ConditionsValue,
  canonicalAddresses,
  canonicalJson,
  checkSchema,
  DeviceSample,
  HostSample,
} from '@vedette/model';
import { expect, it } from 'vitest';
import { LONG, type Subject } from './subject.ts';
import { fetchSection } from './under-test.ts';

/** What sections, description and statistics say. */
export function sections(subject: Subject): void {
  it.each(sectionNames)(
    '%s: the hash in the row is that of the content, before and after reopening',
    async (section) => {
      await using first = subject.open();
      await using second = subject.open();
      const fetched = [];
      for (const fetcher of [first, second]) {
        const { rows } = await subject.on.settle(fetcher.runtimeStats(LONG));
        const vms = rows.map(({ vm }) => vm);
        const sections = await subject.on.settle(fetchSection(fetcher, section, vms, LONG));
        for (const { vm, hashes } of rows) {
          const { observed, hash, content } = sections.get(vm) ?? { observed: 'unavailable', hash: '' };
          expect(hash, `${section} of ${vm}`).toBe(hashes[section] ?? '');
          expect(observed === 'ok', 'content, hash and `ok` go together').toBe(hash !== '');
          expect(content !== undefined).toBe(observed === 'ok');
        }
        fetched.push(Object.fromEntries(sections));
      }
      expect(canonicalJson(fetched[1])).toBe(canonicalJson(fetched[0]));
    },
  );

  it.each(sectionNames)('%s: equal hashes mean equal content', async (section) => {
    await using fetcher = subject.open();
    const vms = [...(await subject.on.truth()).keys()];
    await subject.on.settle(fetcher.runtimeStats(LONG));
    const sections = [...(await subject.on.settle(fetchSection(fetcher, section, vms, LONG))).values()];
    const byHash = new Map<string, string>();
    for (const { hash, content } of sections) {
      if (content === undefined) continue;
      const text = canonicalJson(content);
      expect(byHash.get(hash) ?? text).toBe(text);
      byHash.set(hash, text);
    }
    expect(new Set(byHash.values()).size).toBe(byHash.size);
  });

  it.each(sectionNames)('%s of an unknown VM is unavailable, and spoils nothing', async (section) => {
    await using fetcher = subject.open();
    const { rows } = await subject.on.settle(fetcher.runtimeStats(LONG));
    const known = rows[0]?.vm ?? '';
    const unknown = '00000000-dead-4bad-8bad-000000000000';
    const both = await subject.on.settle(fetchSection(fetcher, section, [unknown, known], LONG));
    expect(both.get(unknown)?.observed ?? 'unavailable').not.toBe('ok');
    const alone = await subject.on.settle(fetchSection(fetcher, section, [known], LONG));
    expect(both.get(known)).toEqual(alone.get(known));
  });

  it('addresses are canonical', async () => {
    await using fetcher = subject.open();
    await subject.on.settle(fetcher.runtimeStats(LONG));
    const sections = await subject.on.settle(fetcher.guestDetails([...(await subject.on.truth()).keys()], LONG));
    for (const { content } of sections.values()) {
      if (content !== undefined) expect(canonicalAddresses(content.addresses)).toEqual(content.addresses);
    }
  });

  it('status: every VM that is listed has its conditions, sorted, each once', async () => {
    await using fetcher = subject.open();
    const { rows } = await subject.on.settle(fetcher.runtimeStats(LONG));
    const vms = rows.map(({ vm }) => vm);
    const sections = await subject.on.settle(fetcher.status(vms, LONG));
    expect(sections.size).toBe(vms.length);
    for (const [vm, { observed, content }] of sections) {
      if (observed === 'unsupported') continue;
      const conditions = content?.conditions;
      expect(checkSchema(ConditionsValue, conditions), vm).toMatchObject({ ok: true });
      expect(conditions).toEqual([...new Set(conditions)].sort());
    }
  });

  it('samples are those of the model: of devices for VMs that are listed, and of the host', async () => {
    await using fetcher = subject.open();
    const { rows } = await subject.on.settle(fetcher.runtimeStats(LONG));
    const devices = await subject.on.settle(fetcher.deviceStats(LONG));
    expect(devices.size, 'at least one VM runs').toBeGreaterThan(0);
    const vms = rows.map(({ vm }) => vm);
    for (const [vm, sample] of devices) {
      expect(vms).toContain(vm);
      expect(checkSchema(DeviceSample, sample), vm).toMatchObject({ ok: true });
    }
    for (let readings = 0; readings < 2; readings++) {
      // oxlint-disable-next-line no-await-in-loop -- the second has shares of the time since the first
      const sample = await subject.on.settle(fetcher.hostStats(LONG));
      expect(checkSchema(HostSample, sample)).toMatchObject({ ok: true });
      // oxlint-disable-next-line no-await-in-loop -- as above
      await subject.on.pass(50);
    }
  });

  it('the description and the hardware are those of the host that is listed', async () => {
    await using fetcher = subject.open();
    const listing = await subject.on.settle(fetcher.runtimeStats(LONG));
    const description = await subject.on.settle(fetcher.describe(LONG));
    expect(description).toMatchObject({ hostUuid: listing.hostUuid, boot: listing.boot, unfit: '' });
    expect(description.hostname).not.toBe('');
    const { cpuCount, memoryMiB, memoryFreeMiB } = await subject.on.settle(fetcher.hostStats(LONG));
    expect(cpuCount).toBeGreaterThan(0);
    expect(memoryMiB).toBeGreaterThan(0);
    expect(memoryFreeMiB).toBeLessThanOrEqual(memoryMiB);
  });
}
