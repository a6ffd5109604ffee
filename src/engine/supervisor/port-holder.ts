import { readdir, readFile, readlink } from 'node:fs/promises';
import { basename } from 'node:path';

/** A process that listens on a port. */
export interface PortHolder {
  readonly pid: number;
  readonly name: string;
}

/**
 * Who listens on a TCP port of this machine, as far as `/proc` tells this user; undefined
 * elsewhere and when nobody does.
 */
export async function findPortHolder(port: number): Promise<PortHolder | undefined> {
  try {
    const inodes = await listeningInodes(port);
    if (inodes.size === 0) return undefined;
    for (const entry of await readdir('/proc')) {
      if (!/^\d+$/.test(entry) || !(await hasSocket(entry, inodes))) continue;
      return { pid: Number(entry), name: await nameOf(entry) };
    }
  } catch {
    // No /proc here.
  }
  return undefined;
}

/** The program of a process as it was started, without its folder and arguments. */
async function nameOf(pid: string): Promise<string> {
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8');
  return basename(command.split('\0', 1)[0] ?? '');
}

// A line of /proc/net/tcp: "sl local_address rem_address st … inode", addresses as hex, 0A = LISTEN.
async function listeningInodes(port: number): Promise<Set<string>> {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const inodes = new Set<string>();
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const text = await readFile(table, 'utf8').catch(() => '');
    for (const line of text.split('\n')) {
      const columns = line.trim().split(/\s+/);
      const inode = columns[9];
      if (inode === undefined || columns[3] !== '0A') continue;
      if (columns[1]?.endsWith(wanted) === true) inodes.add(inode);
    }
  }
  return inodes;
}

async function hasSocket(pid: string, inodes: ReadonlySet<string>): Promise<boolean> {
  const files = await readdir(`/proc/${pid}/fd`).catch((): string[] => []);
  for (const file of files) {
    const target = await readlink(`/proc/${pid}/fd/${file}`).catch(() => '');
    const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
    if (inode !== undefined && inodes.has(inode)) return true;
  }
  return false;
}
