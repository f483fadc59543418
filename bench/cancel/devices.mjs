// Room: bench. The devices that hang (test/stuck), all of them handled alike.
const sizeBytes = 8 * 1024 * 1024;
/** A frozen file system is thawed after this time by itself, whatever becomes of us. */
const frozenMs = 10_000;

/**
 * Each: `fixture`, what it is called there; `make`; `stall` and `release` of what was made. Where the device can tell, `hanging` waits
 * until it holds so many writes, and `holds` tells how many it does. `keepsProcesses`: a write blocks a thread, also where io_uring
 * does it, so that its process may not leave.
 */
export function hangingDevices({ stuckLoop, stuckFile, throttledLoop, frozenFile }) {
  const onFuse = {
    stall: (disk) => disk.stall('write'),
    async release(disk) {
      await disk.pass();
      await disk.release();
    },
    hanging: (disk, count) => disk.held(count, 'write'),
    holds: async (disk) => Number((await disk.status()).held),
  };
  return [
    {
      name: 'loop',
      title: 'loop over FUSE',
      fixture: 'stuckLoop',
      make: () => stuckLoop({ sizeBytes }),
      ...onFuse,
    },
    {
      name: 'file',
      title: 'file on FUSE',
      fixture: 'stuckFile',
      make: () => stuckFile({ sizeBytes }),
      ...onFuse,
    },
    {
      name: 'throttled',
      title: 'throttled loop',
      fixture: 'throttledLoop',
      make: () => throttledLoop({ sizeBytes }),
      stall: (disk) => disk.stall(),
      release: (disk) => disk.release(),
    },
    {
      name: 'frozen',
      title: 'frozen ext4',
      fixture: 'frozenFile',
      make: () => frozenFile({ sizeBytes }),
      stall: (disk) => disk.freeze(frozenMs),
      release: (disk) => disk.thaw(),
      keepsProcesses: true,
    },
  ];
}
