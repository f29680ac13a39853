import { parseAgentUrl } from '@vedette/fetcher/agent';
import { libvirtDriver } from '@vedette/fetcher/libvirt';
import { type Clock, VedetteError } from '@vedette/runtime';
import { type CheckUrl, checkScheme } from './hosts.ts';

/** Has the fetchers look at the URLs of hosts, which they do without reaching for one. */
export function urlCheck(clock: Clock): CheckUrl {
  const driver = libvirtDriver({ clock });
  return (url) => {
    const fault = checkScheme(url);
    if (fault !== undefined) return fault;
    try {
      if (url.startsWith('agent:')) parseAgentUrl(url);
      else void driver.open({ id: 'checked', url }).close(); // it has opened nothing
      return undefined;
    } catch (error) {
      if (VedetteError.is(error, 'VDT_FETCHER_URL')) return error.message;
      throw error;
    }
  };
}
