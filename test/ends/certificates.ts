/** X.509 certificates for tests, made on the spot: no files to expire, no program to call. */
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

/** A certificate and its key, in PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** One that may sign others. */
export interface Authority extends Certificate {
  readonly name: string;
  readonly privateKey: KeyObject;
}

const SHA256_WITH_ECDSA = oid([1, 2, 840, 10045, 4, 3, 2]);
const COMMON_NAME = oid([2, 5, 4, 3]);
const SUBJECT_ALT_NAME = oid([2, 5, 29, 17]);
const BASIC_CONSTRAINTS = oid([2, 5, 29, 19]);

/** A self-signed authority. */
export function createAuthority(name = 'test authority'): Authority {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const isAuthority = extension(BASIC_CONSTRAINTS, true, sequence(tlv(0x01, Buffer.from([0xff]))));
  const cert = certify({ name, issuer: name, publicKey, extensions: [isAuthority] }, privateKey);
  return { name, privateKey, cert, key };
}

/** A certificate for `localhost`, 127.0.0.1 and `name`, signed by `authority`. */
export function createCertificate(authority: Authority, name = 'localhost'): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const names = sequence(
    tlv(0x82, Buffer.from(name)),
    tlv(0x82, Buffer.from('localhost')),
    tlv(0x87, Buffer.from([127, 0, 0, 1])),
  );
  const extensions = [extension(SUBJECT_ALT_NAME, false, names)];
  const of = { name, issuer: authority.name, publicKey, extensions };
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return { cert: certify(of, authority.privateKey), key };
}

interface Subject {
  readonly name: string;
  readonly issuer: string;
  readonly publicKey: KeyObject;
  readonly extensions: readonly Buffer[];
}

// Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signatureValue BIT STRING }
function certify(subject: Subject, signer: KeyObject): string {
  const serial = randomBytes(8);
  serial[0] = 1;
  const algorithm = sequence(SHA256_WITH_ECDSA);
  const spki = subject.publicKey.export({ type: 'spki', format: 'der' });
  const body = sequence(
    tlv(0xa0, tlv(0x02, Buffer.from([2]))),
    tlv(0x02, serial),
    algorithm,
    distinguishedName(subject.issuer),
    sequence(utcTime('200101000000Z'), utcTime('491231235959Z')),
    distinguishedName(subject.name),
    spki,
    tlv(0xa3, sequence(...subject.extensions, keyIdentifier(spki))),
  );
  const signature = sign('sha256', body, signer);
  const der = sequence(body, algorithm, tlv(0x03, Buffer.concat([Buffer.from([0]), signature])));
  const lines = der.toString('base64').replace(/(.{64})/g, '$1\n');
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}

function keyIdentifier(spki: Buffer): Buffer {
  const digest = createHash('sha1').update(spki).digest();
  return extension(oid([2, 5, 29, 14]), false, tlv(0x04, digest));
}

function distinguishedName(name: string): Buffer {
  return sequence(tlv(0x31, sequence(COMMON_NAME, tlv(0x0c, Buffer.from(name)))));
}

function extension(id: Buffer, critical: boolean, value: Buffer): Buffer {
  const flag = critical ? [tlv(0x01, Buffer.from([0xff]))] : [];
  return sequence(id, ...flag, tlv(0x04, value));
}

function utcTime(text: string): Buffer {
  return tlv(0x17, Buffer.from(text));
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tlv(0x30, Buffer.concat(parts));
}

function oid(arcs: readonly number[]): Buffer {
  const [first = 0, second = 0, ...rest] = arcs;
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const digits = [arc & 0x7f];
    for (let left = arc >>> 7; left > 0; left >>>= 7) digits.unshift((left & 0x7f) | 0x80);
    bytes.push(...digits);
  }
  return tlv(0x06, Buffer.from(bytes));
}

function tlv(tag: number, value: Buffer): Buffer {
  const { length } = value;
  const size =
    length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), value]);
}
