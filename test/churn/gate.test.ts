import { describe, expect, it } from 'vitest';
import { chanceOf } from './chance.ts';
import { Gate } from './gate.ts';

/** Lets everything run that waits for nothing but promises. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the gate of a host', () => {
  it('lets deeds go on side by side, and a trouble only when none is inside', async () => {
    const gate = new Gate();
    const inside: string[] = [];
    const enter = (name: string, alone: boolean) => void gate.enter({ alone }).then(() => inside.push(name));
    enter('deed 1', false);
    enter('deed 2', false);
    enter('trouble', true);
    enter('deed 3', false); // came after the trouble: it must not starve it
    await settle();
    expect(inside).toEqual(['deed 1', 'deed 2']);
    gate.leave();
    await settle();
    expect(inside).toEqual(['deed 1', 'deed 2']);
    gate.leave();
    await settle();
    expect(inside).toEqual(['deed 1', 'deed 2', 'trouble']);
    gate.leave();
    await settle();
    expect(inside).toEqual(['deed 1', 'deed 2', 'trouble', 'deed 3']);
  });
});

describe('the chance of a seed', () => {
  const drawn = (seed: number, stream: number) => {
    const chance = chanceOf(seed, stream);
    return Array.from({ length: 20 }, () => chance.between(0, 1_000));
  };

  it('repeats exactly, and is another one for another seed and another guest', () => {
    expect(drawn(7, 0)).toEqual(drawn(7, 0));
    expect(drawn(7, 1)).not.toEqual(drawn(7, 0));
    expect(drawn(8, 0)).not.toEqual(drawn(7, 0));
  });

  it('draws by weight', () => {
    const chance = chanceOf(1, 1);
    const often = Array.from({ length: 4_000 }, () =>
      chance.weighted([
        [3, 'a'],
        [1, 'b'],
        [0, 'never'],
      ]),
    );
    expect(often.filter((one) => one === 'a').length / often.length).toBeCloseTo(0.75, 1);
    expect(often).not.toContain('never');
  });
});
