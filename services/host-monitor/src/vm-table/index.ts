export { HostVMs, type VMGlance } from './host-vms.ts';
export { type TableSize, VMTable } from './vm-table.ts';
