import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { probeAddresses } from './probe.ts';

function listen(where: net.ListenOptions): Promise<{ port: number; close: () => Promise<void> }> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.listen(where, () => {
      const address = server.address() as AddressInfo | string;
      const port = typeof address === 'string' ? 0 : address.port;
      resolve({ port, close: () => new Promise((done) => server.close(() => done())) });
    });
  });
}

function tcp(receiver: string, address: string) {
  return { owner: `receiver ${receiver}`, address, transport: 'tcp' as const };
}

describe('probing addresses', () => {
  test('a free address can be bound again afterwards', async () => {
    const { port, close } = await listen({ port: 0, host: '127.0.0.1' });
    await close();
    await probeAddresses([tcp('a', `127.0.0.1:${port}`)]);
    await probeAddresses([tcp('a', `127.0.0.1:${port}`)]);
  });

  test('a port that another socket shares with reusePort is taken', async () => {
    const { port, close } = await listen({ port: 0, host: '127.0.0.1', reusePort: true });
    await assert.rejects(
      probeAddresses([tcp('otlp/edge', `localhost:${port}`)]),
      new RegExp(`cannot listen on localhost:${port} for receiver otlp/edge: process \\d+ \\(`),
    );
    await close();
  });

  test('every address that is taken is named, not only the first', async () => {
    const [one, two] = [
      await listen({ port: 0, host: '127.0.0.1' }),
      await listen({ port: 0, host: '127.0.0.1' }),
    ];
    await assert.rejects(
      probeAddresses([tcp('a', `127.0.0.1:${one.port}`), tcp('b', `127.0.0.1:${two.port}`)]),
      (error: Error) => error.message.split('\n').length === 2,
    );
    await Promise.all([one.close(), two.close()]);
  });

  test('two receivers with one address are told about each other', async () => {
    const { port, close } = await listen({ port: 0, host: '127.0.0.1' });
    await close();
    await assert.rejects(
      probeAddresses([tcp('a', `127.0.0.1:${port}`), tcp('b', `127.0.0.1:${port}`)]),
      /for receiver b: receiver a has the same address/,
    );
  });

  test('an address this machine does not have is said to be none of its own', async () => {
    await assert.rejects(probeAddresses([tcp('a', '192.0.2.1:4317')]), /no such address/);
  });

  test('a unix socket is taken when somebody answers, not when its file was left over', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'probe-'));
    const path = join(folder, 'otlp.sock');
    const probed = { owner: 'receiver a', address: path, transport: 'unix' as const };
    await probeAddresses([probed]);
    const { close } = await listen({ path });
    await assert.rejects(probeAddresses([probed]), /cannot listen on .*otlp\.sock for receiver a/);
    await close();
    await probeAddresses([probed]);
    rmSync(folder, { recursive: true });
  });
});
