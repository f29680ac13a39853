import { Argument, Command } from 'commander';
import { loadSettings, type WatchedHost } from '../config/load.ts';
import type { CommandContext } from '../context.ts';
import { countText } from '../output/counts.ts';
import { printable } from '../output/printable.ts';
import { examples } from './options.ts';

export function validateCommand(context: CommandContext): Command {
  const command = new Command('validate')
    .summary('check a configuration file')
    .description(
      'Checks a configuration file as `up` would, together with its hosts files and the environment, and starts\nnothing. Every fault is listed with its key, file and line, and what is allowed there. Exit code 2 if there\nis any; else the hosts are counted, and the first of each group named.',
    )
    .addArgument(new Argument('<file>', 'the configuration file'))
    .action((file: string) => validate(context, file));
  return examples(command, [['vedette validate vedette.yaml', 'before a restart']]);
}

async function validate({ stdout, env, cwd, clock }: CommandContext, file: string): Promise<void> {
  const { urlCheck } = await import('../config/check-url.ts');
  const { hosts, groups, storePath, socketPath } = await loadSettings({
    ...{ file, env, cwd, flags: {} },
    checkUrl: urlCheck(clock),
  });
  const count = hosts.length > 0 ? countText(hosts.length, 'host') : noHosts(groups.size);
  stdout.write(`${file} is valid: ${count}, store ${storePath}, API socket ${socketPath}\n`);
  for (const name of groups.keys()) stdout.write(groupLine(`group ${name}`, ofGroup(hosts, name)));
  const others = ofGroup(hosts, undefined);
  if (groups.size > 0 && others.length > 0) stdout.write(groupLine('no group', others));
}

function noHosts(groups: number): string {
  return groups > 0 ? 'no hosts yet (vedette hosts add)' : "no hosts (this machine's libvirt)";
}

function ofGroup(hosts: readonly WatchedHost[], name: string | undefined): readonly WatchedHost[] {
  return hosts.filter(({ group }) => group === name);
}

/** Hosts named of each group, at most; with the URL of the first. */
const shownHosts = 3;

function groupLine(title: string, hosts: readonly WatchedHost[]): string {
  const [first] = hosts;
  if (first === undefined) return `  ${title}: no hosts\n`;
  const names = hosts.slice(0, shownHosts).map(({ name }) => printable(name));
  const more = hosts.length > names.length ? ', ...' : '';
  const what = `${countText(hosts.length, 'host')}, realm ${printable(first.realm)}`;
  return `  ${title}: ${what}: ${names.join(', ')}${more}; ${printable(first.url)}\n`;
}
