import { describe, expect, test } from 'vitest';
import { type Explanation, explain } from '../../lib/store/examine/explain.js';
import { drawnNow, examineSlots } from '../support/disk.js';
import { drawDisk } from '../support/draw.js';

const explained = (disk: string): Explanation => explain(examineSlots(drawDisk(disk)));

/** Everything that a slot can hold. */
const words = '7 7f 7t 7r 7+ 8+ 0z 0 6 9h 9# 9i 7y 7j x m v s g - . !'.split(' ');

test('what is told is what the elections did, on every disk of two copies', () => {
  for (const first of words) {
    for (const second of words) {
      const disk = `${first} ${second} . . .`;
      const report = examineSlots(drawDisk(disk));
      const { driver, ours, partings, sameTable } = explain(report);
      const failed = driver.copies.map(({ rules }) => rules.find(({ holds }) => !holds)?.rule ?? null);
      const damage = ours.copies.map(({ rules }) => rules.find(({ holds }) => !holds)?.rule ?? null);
      const { elections } = report;
      expect({ disk, failed, damage, winners: [driver.winner, ours.winner] }).toEqual({
        disk,
        failed: report.copies.map(({ driverRejects }) => driverRejects),
        damage: report.copies.map(({ slot }) =>
          slot.state === 'damaged' ? slot.damage.fault : slot.state === 'absent' ? 'absent' : null,
        ),
        winners: [elections.driver?.copy ?? null, elections.ours?.copy ?? null],
      });
      //  Every rule before the last one holds, and a parting is told exactly where the winners differ.
      for (const { rules } of [...driver.copies, ...ours.copies]) {
        expect(rules.slice(0, -1).every(({ holds }) => holds)).toBe(true);
      }
      expect(partings.length > 0).toBe(driver.winner !== ours.winner);
      expect(sameTable === null).toBe(driver.winner === null || ours.winner === null);
      expect(elections.agree).toBe(driver.winner === ours.winner || sameTable === true);
    }
  }
});

describe('who falls out at which step', () => {
  const order = (election: Explanation['driver']) =>
    election.order.map(({ step, best, out }) => `${step} ${best}: ${out.join(' ') || '-'}`);

  test('the sequence, then the timestamp, then the lowest number', () => {
    const { driver, ours } = explained('6 7 7t 7t -');
    const date = drawnNow - 92n;
    expect(order(driver)).toEqual(['start 0: -', 'sequence 7: 0', `timestamp ${date}: 1`, 'number 2: 3']);
    expect(order(ours)).toEqual(order(driver).slice(1));
  });

  test('a copy with 0 and 0 at the start, with the driver alone', () => {
    const { driver, ours, partings, sameTable } = explained('0z 0z - - -');
    expect(order(driver)).toEqual([
      'start 0: 0 1',
      'sequence null: -',
      'timestamp null: -',
      'number null: -',
    ]);
    expect({ winner: ours.winner, partings, sameTable }).toEqual({
      winner: 0,
      partings: [{ by: 'driver', copy: 0, at: 'start' }],
      sameTable: null,
    });
  });

  test('each winner is out with the other, where the driver takes what is foreign to us', () => {
    expect(explained('7+ 9i 6 6 6')).toMatchObject({
      driver: { winner: 1, accepted: [1, 2, 3, 4] },
      ours: { winner: 0, accepted: [0, 2, 3, 4] },
      partings: [
        { by: 'driver', copy: 0, at: 'future' },
        { by: 'ours', copy: 1, at: 'foreign' },
      ],
      sameTable: false,
    });
  });
});

test('a rule comes with what was found and what it may be', () => {
  const { driver, ours } = explained('7+ 9# v ! .');
  const last = (election: Explanation['driver']) => election.copies.map(({ rules }) => rules.at(-1));
  expect(last(driver)).toEqual([
    { rule: 'future', holds: false, found: drawnNow + 86_401n, limit: drawnNow + 86_400n },
    { rule: 'count', holds: false, found: 2049, limit: 2048 },
    { rule: 'version', holds: false, found: 5, limit: 4 },
    { rule: 'unreadable', holds: false, errno: 'EIO' },
    { rule: 'absent', holds: false },
  ]);
  expect(last(ours)[0]).toEqual({ rule: 'health', holds: true, found: 100, limit: 100 });
});
