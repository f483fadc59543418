// What the measurements wait with.

const patienceMs = 10_000;

/** Whether `promise` resolves before patience ends. */
export async function inTime(promise, ms = patienceMs) {
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** `await using` for Node.js 20: makes resources, one after the other, and takes them away in reverse. */
export async function using(makers, work) {
  const made = [];
  try {
    for (const make of makers) made.push(await make());
    return await work(...made);
  } finally {
    for (const resource of made.reverse()) await resource[Symbol.asyncDispose]();
  }
}

/** What `open` resolves to, as soon as nothing is in its way that is still in flight. */
export async function whenFree(open) {
  for (;;) {
    try {
      return await open();
    } catch (error) {
      if (error.code !== 'ERR_DEVICE_BUSY') throw error;
    }
  }
}
