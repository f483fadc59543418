// A device that is held for a moment longer than its holder knows: who has the next turn waits for it.
import { expect, test } from 'vitest';

const { heldDevice } = await import(new URL('../../bench/frame/held-device.mjs', import.meta.url).href);

const opens = (...codes: readonly string[]) => {
  const left = [...codes];
  const open = async (path: string, options: object) => {
    const code = left.shift();
    if (code !== undefined) throw Object.assign(new Error(code), { code });
    return { path, options };
  };
  return { open, left };
};

test('a device that is busy is tried again until it is free', async () => {
  const { open, left } = opens('ERR_DEVICE_BUSY', 'ERR_DEVICE_BUSY', 'ERR_DEVICE_BUSY');
  const options = { mode: 'write' };
  expect(await heldDevice('/dev/spare', options, { open })).toEqual({ path: '/dev/spare', options });
  expect(left).toEqual([]);
});

test('any other error is told at once', async () => {
  const { open, left } = opens('ERR_DEVICE_BUSY', 'ERR_ACCESS', 'ERR_IO');
  await expect(heldDevice('/dev/spare', {}, { open })).rejects.toMatchObject({ code: 'ERR_ACCESS' });
  expect(left).toEqual(['ERR_IO']);
});

test('one that stays busy is given up', async () => {
  const open = async () => {
    throw Object.assign(new Error('busy'), { code: 'ERR_DEVICE_BUSY' });
  };
  const opened = heldDevice('/dev/spare', {}, { open, patienceMs: 0 });
  await expect(opened).rejects.toMatchObject({ code: 'ERR_DEVICE_BUSY' });
});
