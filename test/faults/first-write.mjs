// The first write of a process, with each of its allocations failing once. argv: the folder of the compiled library, and a file.
const [library, path] = process.argv.slice(2);
const { openDevice } = await import(`${library}/device/native-device.js`);
const { native, nativeUsage } = await import(`${library}/device/native.js`);

const { faults } = native().addon;
const device = await openDevice(path, { mode: 'write', direct: 'prefer' });
const codes = [];
for (let nth = 1, failed = true; failed; nth++) {
  faults.arm('new', nth, 12);
  const writing = device.write(0n, new Uint8Array(4096).fill(nth));
  failed = faults.disarm();
  codes.push(
    await writing.then(
      () => 'success',
      ({ code }) => code,
    ),
  );
}
const usage = nativeUsage();
await device.close();
process.send({ codes, usage });
