import type Type from 'typebox';
import type { EventName, eventSchemas } from './events.ts';
import { subjects } from './subjects.ts';

/** The data of an event, by its name. */
export type EventData<N extends EventName> = Type.Static<(typeof eventSchemas)[N]>['data'];

export interface Channel<N extends EventName> {
  /** The subject with a parameter in braces for every identifier, as the published contracts write it. */
  readonly address: string;
  /** The subject of one event; it follows from the data, so no event can be published where it does not belong. */
  readonly subjectOf: (data: EventData<N>) => string;
  /** Volatile messages are neither stored nor repeated. */
  readonly durable: boolean;
  readonly summary: string;
}

/** Where each event travels. */
export const channels: { readonly [N in EventName]: Channel<N> } = {
  VMStateChanged: {
    address: 'vedette.v1.vm.state.{host}.{vm}',
    subjectOf: ({ host, vm }) => subjects.vmState(host, vm),
    durable: true,
    summary: 'An observer sees a VM in another state.',
  },
  IPChanged: {
    address: 'vedette.v1.vm.ip.{host}.{vm}',
    subjectOf: ({ host, vm }) => subjects.vmAddresses(host, vm),
    durable: true,
    summary: 'An observer sees other addresses of a VM.',
  },
  VMConfigChanged: {
    address: 'vedette.v1.vm.config.{host}.{vm}',
    subjectOf: ({ host, vm }) => subjects.vmConfig(host, vm),
    durable: true,
    summary: 'The definition of a VM changed where it is observed.',
  },
  VMGuestChanged: {
    address: 'vedette.v1.vm.guest.{host}.{vm}',
    subjectOf: ({ host, vm }) => subjects.vmGuest(host, vm),
    durable: true,
    summary: 'What a guest tells of itself changed.',
  },
  VMConditionChanged: {
    address: 'vedette.v1.vm.condition.{host}.{vm}',
    subjectOf: ({ host, vm }) => subjects.vmCondition(host, vm),
    durable: true,
    summary: 'A condition of a VM was raised or cleared.',
  },
  HostSnapshot: {
    address: 'vedette.v1.host.snapshot.{host}',
    subjectOf: ({ host }) => subjects.hostSnapshot(host),
    durable: true,
    summary: 'One part of everything an observer sees.',
  },
  HostStateChanged: {
    address: 'vedette.v1.host.state.{host}',
    subjectOf: ({ host }) => subjects.hostState(host),
    durable: true,
    summary: 'What the monitor of a host says of the host changed.',
  },
  VMStatsSampled: {
    address: 'vedette.v1.stats.vm.{host}',
    subjectOf: ({ host }) => subjects.vmStats(host),
    durable: false,
    summary: 'Every 15 s at most: what was sampled of the VMs of a host.',
  },
  HostStatsSampled: {
    address: 'vedette.v1.stats.host.{host}',
    subjectOf: ({ host }) => subjects.hostStats(host),
    durable: false,
    summary: 'Every 15 s at most: the figures of a host itself.',
  },
  HostCoverage: {
    address: 'vedette.v1.monitor.coverage.{member}',
    subjectOf: ({ member }) => subjects.coverage(member),
    durable: false,
    summary: 'Every 3 s: proof that the hosts of a member are watched.',
  },
  MonitorBlind: {
    address: 'vedette.v1.monitor.blind.{member}',
    subjectOf: ({ member }) => subjects.blind(member),
    durable: true,
    summary: 'A member that runs observers cannot see its hosts, for a reason of its own; or sees them again.',
  },
  MarkCast: {
    address: 'vedette.v1.mark',
    subjectOf: () => subjects.mark(),
    durable: false,
    summary: 'Asks every observer to list at once and to echo the mark.',
  },
  VMChanged: {
    address: 'vedette.v1.fleet.vm.{vm}',
    subjectOf: ({ vm }) => subjects.fleetVm(vm),
    durable: true,
    summary: 'What is true of a VM for the whole fleet changed.',
  },
  HostChanged: {
    address: 'vedette.v1.fleet.host.{host}',
    subjectOf: ({ host }) => subjects.fleetHost(host),
    durable: true,
    summary: 'What is true of a host changed; stands for all its VMs.',
  },
};
