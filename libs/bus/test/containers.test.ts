import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Deque } from '../src/drivers/memory/deque.ts';
import { type Linked, LinkedList } from '../src/drivers/memory/linked-list.ts';
import { RecentIds } from '../src/drivers/memory/recent-ids.ts';

describe('Deque', () => {
  test('behaves as an array does, whatever is pushed, taken and cleared', () => {
    const action = fc.oneof(
      fc.nat(40),
      fc.constant<'shift' | 'clear'>('shift'),
      fc.constant<'shift' | 'clear'>('clear'),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 100 }), (actions) => {
        const deque = new Deque<{ at: number }>();
        let model: { at: number }[] = [];
        for (const each of actions) {
          if (each === 'shift') expect(deque.shift()).toBe(model.shift());
          else if (each === 'clear') {
            deque.clear();
            model = [];
          } else {
            for (let at = 0; at < each; at++) {
              const item = { at };
              deque.push(item);
              model.push(item);
            }
          }
          expect([...deque]).toEqual(model);
          expect(deque.size).toBe(model.length);
        }
      }),
    );
  });
});

describe('LinkedList', () => {
  class Item implements Linked<Item> {
    previous: Item | undefined;
    next: Item | undefined;
  }

  test('behaves as an array does, whatever is appended and removed from anywhere', () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.nat(), { nil: 'append' as const }), { maxLength: 60 }), (actions) => {
        const list = new LinkedList<Item>();
        const model: Item[] = [];
        for (const each of actions) {
          if (each === 'append' || model.length === 0) {
            const item = new Item();
            list.append(item);
            model.push(item);
          } else {
            const [item] = model.splice(each % model.length, 1);
            if (item !== undefined) list.remove(item);
          }
          expect([...list].map((item) => model.indexOf(item))).toEqual(model.map((_, at) => at));
          expect([list.size, list.first]).toEqual([model.length, model[0]]);
        }
        expect(list.shift()).toBe(model[0]);
      }),
    );
  });

  test('the item just yielded may leave during the iteration', () => {
    const list = new LinkedList<Item>();
    for (let at = 0; at < 4; at++) list.append(new Item());
    for (const item of list) list.remove(item);
    expect(list.size).toBe(0);
  });
});

describe('RecentIds', () => {
  test('recognises at least the latest `size` ids and forgets what is older than twice that', () => {
    const ids = new RecentIds(10);
    for (let at = 0; at < 100; at++) {
      expect(ids.add(`${at}`)).toBe(true);
      for (let back = 0; back < Math.min(10, at); back++) expect(ids.has(`${at - back}`)).toBe(true);
      if (at >= 20) expect(ids.has(`${at - 20}`)).toBe(false);
    }
    expect(ids.add('99')).toBe(false);
    expect(ids.add('91')).toBe(false);
    expect(ids.add('50')).toBe(true);
  });
});
