import type { DeviceSample } from '@vedette/model';
import type { ReplyHead } from './head.ts';
import { maxReplyBytes } from './limits.ts';

/**
 * `getAllDeviceStats`: the devices of every VM that has some and could be asked, in pages as those of
 * {@link writeCompleteReply}; a VM whose devices alone are too many for a page is left out.
 *
 * @param samples in the order of their VMs' ids, only those after the page asked for
 */
export function writeDeviceStats(
  head: ReplyHead,
  samples: Iterable<readonly [vm: string, sample: DeviceSample]>,
  maxBytes = maxReplyBytes,
): Buffer {
  const { hostUuid, boot, rev, stateRev } = head;
  const start = `${JSON.stringify({ hostUuid, boot, rev, stateRev }).slice(0, -1)},"samples":[`;
  let bytes = start.length + 128; // and `next`
  let last = '';
  const parts: string[] = [];
  for (const [vmId, sample] of samples) {
    const text = JSON.stringify({ vmId, sample });
    const size = Buffer.byteLength(text) + 1;
    if (bytes + size > maxBytes && parts.length > 0) {
      return Buffer.from(`${start}${parts.join(',')}],"next":${JSON.stringify(last)}}`);
    }
    last = vmId;
    if (bytes + size > maxBytes) continue;
    bytes += size;
    parts.push(text);
  }
  return Buffer.from(`${start}${parts.join(',')}]}`);
}
