import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Programs of others that tests run against, unpacked side by side and kept between runs. */
const CACHE = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'millrace');
const FETCH_TIMEOUT_MS = 240_000;

/** Suites of Debian that packages are taken from. */
export type Suite = 'bookworm' | 'sid';

/** A folder with the files of a package, or why there is none. */
export type Unpacked = { readonly folder: string } | { readonly missing: string };

/**
 * Unpacks a Debian package into a cache of the user, with the apt of this machine but with lists
 * and state of its own: nothing is installed and no root is needed. Fetched once; processes that
 * want the same wait for each other.
 */
export function debianPackage(name: string, suite: Suite): Promise<Unpacked> {
  const folder = join(CACHE, `${name}-${suite}`);
  // What cannot be had is not asked for again by the next test.
  const unpacked = asked.get(folder) ?? unpack(name, suite, folder);
  asked.set(folder, unpacked);
  return unpacked;
}

const asked = new Map<string, Promise<Unpacked>>();

async function unpack(name: string, suite: Suite, folder: string): Promise<Unpacked> {
  if (existsSync(folder)) return { folder };
  const environment = { ...process.env, CACHE, NAME: name, SUITE: suite, FOLDER: folder };
  const problem = await runScript(FETCH, environment);
  return problem === undefined
    ? { folder }
    : { missing: `cannot fetch ${name} of Debian ${suite}: ${problem}` };
}

/** The lists are kept compressed; a package appears under its name only when it is whole. */
const FETCH = `
set -eu
apt="$CACHE/apt-$SUITE"
mkdir -p "$apt/state/lists/partial" "$apt/archives/partial"
exec 9> "$apt/lock"
flock 9
test ! -d "$FOLDER" || exit 0
touch "$apt/status"
key=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$key] http://deb.debian.org/debian $SUITE main" > "$apt/sources.list"
quietly() {
  apt-get -qq \\
    -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null \\
    -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null \\
    -o Dir::State="$apt/state" -o Dir::State::status="$apt/status" -o Dir::Cache="$apt" \\
    -o Acquire::Languages=none -o Acquire::GzipIndexes=true -o Acquire::Retries=1 \\
    -o Acquire::http::Timeout=20 -o Acquire::PDiffs=false -o APT::Sandbox::User= "$@"
}
quietly update
work=$(mktemp -d "$apt/unpack-XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"
quietly download "$NAME"
mkdir files
dpkg -x *.deb files
mv files "$FOLDER"
`;

/** The last lines it complained with; undefined when all went well. */
function runScript(script: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn('sh', ['-c', script], {
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: FETCH_TIMEOUT_MS,
    });
    let complaint = '';
    child.stderr.on('data', (data: Buffer) => {
      complaint = (complaint + data.toString()).slice(-400);
    });
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code) => {
      resolve(code === 0 ? undefined : complaint.trim() || `sh ended with ${code ?? 'a timeout'}`);
    });
  });
}
