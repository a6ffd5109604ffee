import { write } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';

/** Writes a text; resolves when it is out, which is what slows a sender down to the reader. */
export type Output = (text: string) => Promise<void>;

const DESCRIPTORS = { stdout: 1, stderr: 2 } as const;
const RETRY_MS = 5;

const writeBytes = promisify(write) as (
  descriptor: number,
  bytes: Uint8Array,
) => Promise<{ bytesWritten: number } | number>;

/** Standard output or error of the process, written from this thread and in order. */
export function standardOutput(name: keyof typeof DESCRIPTORS): Output {
  const descriptor = DESCRIPTORS[name];
  let last: Promise<void> = Promise.resolve();
  return (text) => {
    last = last.catch(() => undefined).then(() => writeAll(descriptor, Buffer.from(text)));
    return last;
  };
}

async function writeAll(descriptor: number, bytes: Buffer): Promise<void> {
  for (let rest = bytes; rest.length > 0; ) {
    try {
      const result = await writeBytes(descriptor, rest);
      rest = rest.subarray(typeof result === 'number' ? result : result.bytesWritten);
    } catch (error) {
      // A pipe that another part of the process made non-blocking says so when it is full.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      await setTimeout(RETRY_MS);
    }
  }
}
