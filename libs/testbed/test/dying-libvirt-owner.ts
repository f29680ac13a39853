/** A test run that crashes with a guest running: it says where its libvirt was, and is killed. */
import { writeFileSync } from 'node:fs';
import { startLibvirt } from '@vedette/testbed/libvirt';

const libvirt = await startLibvirt();
await libvirt.startBiosGuest('orphan');
writeFileSync(process.argv[2] ?? '', `${libvirt.rootDir}\n${libvirt.baseDir}`);
process.kill(process.pid, 'SIGKILL');
