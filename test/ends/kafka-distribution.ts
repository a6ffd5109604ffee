/**
 * Apache Kafka as its project publishes it, from Maven Central through the machine's own Maven:
 * the exact version below with what it depends on (43 MB), kept in ~/.cache/millrace.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const KAFKA = '4.1.0';
const LOGGING = '1.7.36';
const PLUGIN = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies';
const CACHE = join(homedir(), '.cache', 'millrace');
const INSTALLED = join(CACHE, `kafka-${KAFKA}`);
const DOWNLOAD_TIMEOUT_MS = 240_000;
const OLDEST_JAVA = 17;

const run = promisify(execFile);

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>test</groupId><artifactId>broker</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${KAFKA}</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>${LOGGING}</version></dependency>
  </dependencies>
</project>
`;

/** A class path with Kafka on it, or why there is none on this machine. */
export type Distribution = { readonly classPath: string } | { readonly missing: string };

let found: Promise<Distribution> | undefined;

/** Downloads Kafka where it is not there yet. Several processes may ask at once. */
export function kafkaDistribution(): Promise<Distribution> {
  found ??= install();
  return found;
}

async function install(): Promise<Distribution> {
  const java = await javaVersion();
  if (java === undefined) return { missing: 'there is no java on this machine' };
  if (java < OLDEST_JAVA) return { missing: `Kafka ${KAFKA} needs Java 17, this is Java ${java}` };
  const classPath = join(INSTALLED, '*');
  if (existsSync(INSTALLED)) return { classPath };
  mkdirSync(CACHE, { recursive: true });
  const folder = mkdtempSync(join(CACHE, 'download-'));
  try {
    writeFileSync(join(folder, 'pom.xml'), POM);
    const jars = join(folder, 'lib');
    const of = [`-DoutputDirectory=${jars}`, '-DincludeScope=runtime'];
    await run('mvn', ['-q', '-B', PLUGIN, ...of], { cwd: folder, timeout: DOWNLOAD_TIMEOUT_MS });
    // Another process may have been faster: its folder is as good.
    if (!existsSync(INSTALLED)) renameSync(jars, INSTALLED);
    return { classPath };
  } catch (error) {
    if (existsSync(INSTALLED)) return { classPath };
    return { missing: `Kafka cannot be fetched with mvn: ${String(error).slice(0, 300)}` };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function javaVersion(): Promise<number | undefined> {
  try {
    const { stderr } = await run('java', ['-version']);
    return Number(/version "(\d+)/.exec(stderr)?.[1]);
  } catch {
    return undefined;
  }
}
