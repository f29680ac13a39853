import Type from 'typebox';

/**
 * What is sampled of a VM's devices, in the fields every hypervisor has under some name. Counters grow while the VM
 * runs and begin anew when it is started; what a source does not tell is left out, never zero. Times are seconds, since
 * nanoseconds of a busy VM pass 2^53 within months.
 */
const closed = { additionalProperties: false } as const;
const count = Type.Optional(Type.Number({ minimum: 0 }));
const deviceName = Type.String({ maxLength: 1024 });

export const VcpuSample = Type.Object(
  {
    /** The place of the processor, from 0; those that are off are left out. */
    vcpu: Type.Integer({ minimum: 0 }),
    /** 0 off, 1 running, 2 blocked (virVcpuState). */
    state: Type.Integer({ minimum: 0 }),
    timeS: count,
    /** Waiting for a host processor. */
    waitS: count,
    delayS: count,
  },
  closed,
);
export type VcpuSample = Readonly<Type.Static<typeof VcpuSample>>;

export const MemorySample = Type.Object(
  {
    maximumBytes: count,
    /** What the balloon leaves the guest. */
    currentBytes: count,
    /** As the guest tells, by its balloon driver. */
    availableBytes: count,
    unusedBytes: count,
    usableBytes: count,
    diskCachesBytes: count,
    swapInBytes: count,
    swapOutBytes: count,
    majorFaults: count,
    minorFaults: count,
    /** What the VM takes of its host. */
    rssBytes: count,
  },
  closed,
);
export type MemorySample = Readonly<Type.Static<typeof MemorySample>>;

export const DiskSample = Type.Object(
  {
    /** The guest's end, as `vda`. */
    device: deviceName,
    /** The host's end; empty when there is none (an empty drive). */
    path: deviceName,
    readRequests: count,
    readBytes: count,
    readTimeS: count,
    writeRequests: count,
    writeBytes: count,
    writeTimeS: count,
    flushRequests: count,
    flushTimeS: count,
    capacityBytes: count,
    allocationBytes: count,
    physicalBytes: count,
  },
  closed,
);
export type DiskSample = Readonly<Type.Static<typeof DiskSample>>;

export const InterfaceSample = Type.Object(
  {
    /** The host's end, as `vnet0`. */
    device: deviceName,
    receiveBytes: count,
    receivePackets: count,
    receiveErrors: count,
    receiveDrops: count,
    transmitBytes: count,
    transmitPackets: count,
    transmitErrors: count,
    transmitDrops: count,
  },
  closed,
);
export type InterfaceSample = Readonly<Type.Static<typeof InterfaceSample>>;

/** One VM's devices at one moment. */
export const DeviceSample = Type.Object(
  {
    cpuTimeS: count,
    cpuUserS: count,
    cpuSystemS: count,
    maximumVcpus: count,
    currentVcpus: count,
    vcpus: Type.Array(VcpuSample),
    memory: MemorySample,
    disks: Type.Array(DiskSample),
    interfaces: Type.Array(InterfaceSample),
  },
  closed,
);
export type DeviceSample = Readonly<Type.Static<typeof DeviceSample>>;

/** The host's own figures. */
export const HostSample = Type.Object(
  {
    cpuCount: Type.Number({ minimum: 0 }),
    memoryMiB: Type.Number({ minimum: 0 }),
    memoryFreeMiB: Type.Number({ minimum: 0 }),
    /** Shares of all processors together, 0 to 1, since the sample before; left out in the first. */
    cpuUser: count,
    cpuSystem: count,
    cpuIdle: count,
    cpuIoWait: count,
  },
  closed,
);
export type HostSample = Readonly<Type.Static<typeof HostSample>>;
