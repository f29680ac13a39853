import { InvalidArgumentError, Option } from 'commander';
import { type FleetSize, parseFleetSize } from '../process/fleet-size.ts';

export function fleetOption(): Option {
  return new Option('--fleet <size>', 'hosts x VMs on each, for instance 250x40').argParser((text): FleetSize => {
    const size = parseFleetSize(text);
    if (size === undefined) throw new InvalidArgumentError('It has to be hosts x VMs on each host, such as 25x40.');
    return size;
  });
}

export function seedOption(): Option {
  return new Option('--seed <number>', 'another number, another fleet').default(1).argParser((text): number => {
    const seed = Number(text);
    if (/^[0-9]{1,10}$/.test(text) && seed < 2 ** 32) return seed;
    throw new InvalidArgumentError('It has to be a whole number below 4294967296.');
  });
}
