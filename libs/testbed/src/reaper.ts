import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';

/**
 * Kills process groups whose owner, this process, died without ending them (a crashed or killed test run): a shell
 * that is told every group started and ended, and learns of our death by the end of its input.
 */
const script = `
groups=' '
while read -r verb group; do
  case $verb in
    add) groups="$groups$group " ;;
    forget) case $groups in *" $group "*) groups="\${groups%% $group *} \${groups#* $group }" ;; esac ;;
  esac
done
for group in $groups; do kill -s KILL -- "-$group" 2>/dev/null; done
exit 0
`;

let reaper: ChildProcess | undefined;

/** From now on the death of this process ends the process group `groupId`. */
export function reapLater(groupId: number): void {
  tell(`add ${groupId}`);
}

/** The group has ended; its number may be somebody else's from now on. */
export function reapNoMore(groupId: number): void {
  tell(`forget ${groupId}`);
}

function tell(line: string): void {
  reaper ??= startReaper();
  reaper.stdin?.write(`${line}\n`);
}

function startReaper(): ChildProcess {
  const child = spawn('/bin/sh', ['-c', script], { detached: true, stdio: ['pipe', 'ignore', 'ignore'], cwd: '/' });
  // A reaper that cannot start or was killed leaves only the safety net missing: the next group starts a new one.
  child.on('error', () => forgetReaper(child));
  child.on('exit', () => forgetReaper(child));
  child.stdin.on('error', () => forgetReaper(child));
  child.unref();
  (child.stdin as Socket).unref();
  return child;
}

function forgetReaper(child: ChildProcess): void {
  if (reaper === child) reaper = undefined;
}
