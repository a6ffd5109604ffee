import net from 'node:net';
import { splitHostPort } from '../../net/listen/listener.ts';
import { findPortHolder } from './port-holder.ts';

/** An address that a component will bind in every shard. */
export interface ProbedAddress {
  /** Kind and id of the component, for the message: `receiver otlp`. */
  readonly owner: string;
  readonly address: string;
  readonly transport: 'tcp' | 'unix';
}

/**
 * Binds every address once, alone, and lets go again: with `reusePort` the shards would share a
 * port with another program of the same user and never know. Rejects with one sentence per
 * address that is not free.
 */
export async function probeAddresses(addresses: readonly ProbedAddress[]): Promise<void> {
  const held: net.Server[] = [];
  const taken: string[] = [];
  try {
    for (const probed of addresses) {
      try {
        // All are held until the end, so that two components with one address meet here.
        held.push(...(await bindAlone(probed)));
      } catch (error) {
        const others = addresses.filter((other) => other.address === probed.address);
        taken.push(await sentence(probed, others, error as NodeJS.ErrnoException));
      }
    }
  } finally {
    await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))));
  }
  if (taken.length > 0) throw new Error(taken.join('\n'));
}

async function bindAlone({ address, transport }: ProbedAddress): Promise<net.Server[]> {
  if (transport === 'unix') return probeSocket(address);
  const { host, port } = splitHostPort(address);
  if (host !== 'localhost') return [await listen({ host: host === '' ? '::' : host, port })];
  const servers = [await listen({ host: '127.0.0.1', port })];
  try {
    servers.push(await listen({ host: '::1', port, ipv6Only: true }));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') {
      servers[0]?.close();
      throw error;
    }
  }
  return servers;
}

function listen(where: net.ListenOptions): Promise<net.Server> {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once('error', reject);
    server.listen({ ...where, exclusive: true }, () => {
      resolve(server);
    });
  });
}

/** A socket file may be left over from a crash: it is taken only when somebody answers. */
function probeSocket(path: string): Promise<net.Server[]> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ path });
    socket.once('connect', () => {
      socket.destroy();
      reject(Object.assign(new Error('somebody answers on it'), { code: 'EADDRINUSE' }));
    });
    socket.once('error', () => {
      resolve([]);
    });
  });
}

async function sentence(
  { owner, address }: ProbedAddress,
  rivals: readonly ProbedAddress[],
  error: NodeJS.ErrnoException,
): Promise<string> {
  const what = `cannot listen on ${address} for ${owner}`;
  if (error.code === 'EACCES') {
    return `${what}: not permitted; use a port above 1023 or give the process the right`;
  }
  if (error.code === 'EADDRNOTAVAIL') {
    return `${what}: this machine has no such address; use one of its own or 0.0.0.0`;
  }
  if (error.code !== 'EADDRINUSE') return `${what}: ${error.message}`;
  const rival = rivals.find((other) => other.owner !== owner);
  if (rival !== undefined) return `${what}: ${rival.owner} has the same address`;
  const port = Number(/:(\d+)$/.exec(address)?.[1] ?? 0);
  const holder = await findPortHolder(port);
  const by = holder === undefined ? 'another program' : `process ${holder.pid} (${holder.name})`;
  return `${what}: ${by} has it; stop that or change the endpoint`;
}
