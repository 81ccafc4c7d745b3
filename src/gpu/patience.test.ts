/** Waiting makes turns of the event loop last: one pause a turn for all that is awaited, and none after. */
import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { AdapterDescription } from './adapter.ts';
import { Patience } from './patience.ts';

const software = (runtime: AdapterDescription['runtime']) =>
  new Patience({ vendor: '', device: '', description: '', runtime, software: true });

/** Pauses over so many turns of the event loop. */
async function pausesOf(turns: number): Promise<number> {
  const { wait } = Atomics;
  let pauses = 0;
  Atomics.wait = () => {
    pauses++;
    return 'timed-out';
  };
  try {
    for (let i = 0; i < turns; i++) await turn();
  } finally {
    Atomics.wait = wait;
  }
  return pauses;
}

test('turns pause once each while something is awaited, and not before or after', async () => {
  const patience = software('dawn');
  expect(await pausesOf(20)).toBe(0);
  let end = () => {};
  const waits = Array.from({ length: 50 }, () =>
    patience.during(
      new Promise<void>((done) => {
        const before = end;
        end = () => {
          before();
          done();
        };
      }),
    ),
  );
  const pauses = await pausesOf(20);
  expect(pauses).toBeGreaterThanOrEqual(19);
  expect(pauses).toBeLessThanOrEqual(20);
  end();
  await Promise.all(waits);
  await turn();
  expect(await pausesOf(20)).toBe(0);
});

test('one wait right after another goes on pausing once a turn', async () => {
  const patience = software('dawn');
  for (let i = 0; i < 200; i++) await patience.during(Promise.resolve());
  let end = () => {};
  const wait = patience.during(
    new Promise<void>((done) => {
      end = done;
    }),
  );
  expect(await pausesOf(20)).toBeLessThanOrEqual(20);
  end();
  await wait;
});

test('results and errors come through in every runtime; browsers and Deno wait by themselves', async () => {
  for (const runtime of ['dawn', 'deno', 'browser'] as const) {
    const patience = software(runtime);
    expect(await patience.during(Promise.resolve(7))).toBe(7);
    await expect(patience.during(Promise.reject(new Error('no')))).rejects.toThrow('no');
    await turn();
  }
  const work = software('browser').during(new Promise(() => {}));
  expect(await pausesOf(5)).toBe(0);
  expect(work).toBeInstanceOf(Promise);
});
