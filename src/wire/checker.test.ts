import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Checker, ReferenceChecker } from './checker.ts';
import { WireError } from './error.ts';
import { createChecker, KernelChecker, kernelProblem, loadKernel } from './kernel.ts';
import { compileShapes } from './shape.ts';
import { isValidUtf8 } from './utf8.ts';

const table = compileShapes([
  {
    name: 'Root',
    fields: [
      { number: 1, kind: 'message', message: 'Item' },
      { number: 2, kind: 'string' },
      { number: 3, kind: 'id', length: 4 },
      { number: 4, kind: 'varint', repeated: true },
      { number: 5, kind: 'fixed64', repeated: true },
      { number: 6, kind: 'fixed32', repeated: true },
      { number: 7, kind: 'bytes' },
      { number: 8, kind: 'message', message: 'Root' },
      { number: 9, kind: 'message', message: 'Pair' },
      { number: 16, kind: 'fixed32' },
    ],
  },
  {
    name: 'Item',
    item: true,
    sound: [3, 5, 7],
    fields: [
      { number: 1, kind: 'nonzero64' },
      { number: 2, kind: 'flag' },
      { number: 3, kind: 'present64' },
    ],
  },
  {
    name: 'Pair',
    fields: [
      { number: 1, kind: 'string' },
      { number: 2, kind: 'message', message: 'Value' },
    ],
  },
  {
    name: 'Value',
    fields: [
      { number: 1, kind: 'string' },
      { number: 2, kind: 'varint' },
      { number: 4, kind: 'fixed64' },
      { number: 5, kind: 'message', message: 'Pair' },
    ],
  },
]);

const kernel = loadKernel(new URL('./kernel.wasm', import.meta.url));
assert.ok(kernel, 'the kernel is not built: run node scripts/build-kernel.mjs');
const CHECKERS: readonly (readonly [string, Checker])[] = [
  ['the reference checker', new ReferenceChecker(table)],
  ['the kernel', new KernelChecker(table, kernel)],
];

const bytesOf = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex');

for (const [name, checker] of CHECKERS) {
  test(`${name} counts items and those that are not sound`, () => {
    const f = (hex: string, items: number, unsound: number) =>
      assert.deepEqual(checker.check(0, bytesOf(hex)), { items, unsound }, hex);
    const time = '09 0000000000000100';
    f('', 0, 0);
    f('0a 00', 1, 1);
    f('0a 00 0a 00', 2, 2);
    f('0a 0b 09 0000000000000100 10 01', 1, 0);
    f('0a 0b 09 0000000000000100 10 02', 1, 1);
    f('0a 0d 09 0000000000000100 10 01 10 00', 1, 1);
    f('0a 0c 09 0000000000000100 10 8102', 1, 0);
    f('0a 12 09 0000000000000100 19 0000000000000000', 1, 0);
    f(`0a 14 ${time} 09 0000000000000000 10 01`, 1, 1);
    f('42 02 0a 00', 1, 1);
  });

  test(`${name} accepts what is valid, known or not`, () => {
    const f = (hex: string) => assert.equal(checker.check(0, bytesOf(hex)).items, 0, hex);
    f('12 05 6772c3bc65');
    f('1a 00');
    f('1a 04 01020304');
    f('20 01 20 ffffffffffffffffff01');
    f('22 00 22 03 01 8001');
    f('29 0102030405060708 2a 08 0102030405060708 2a 00');
    f('35 01020304 32 08 0102030405060708');
    f('3a 02 ffff');
    f('850101020304');
    f('f80101 920200 f801ffff03');

    f('53 54');
    f('53 08 01 09 0102030405060708 0d 01020304 12 01 ff 5b 5c 54');
    f('4a 05 0a 01 61 12 00');
    f('4a 09 0a 01 61 12 04 0a 02 6262');
    f('4a 09 0a 01 61 12 04 0a 02 c3bc');
    f('4a 07 0a 01 61 12 02 10 01');
    f('4a 08 0a 01 61 12 03 10 8101');
    f('4a 0e 0a 01 61 12 09 21 0102030405060708');
    f('4a 0c 0a 01 61 12 07 2a 05 0a 01 61 12 00');
    f('4a 05 12 00 0a 01 61');
    f('4a 07 0a 01 61 12 02 30 01');
    f(`4a 80 01 0a 4c ${'61'.repeat(76)} 12 30 0a 2e ${'62'.repeat(46)}`);
    f(`4a 50 0a 1c ${'61'.repeat(28)} 12 30 0a 2e ${'62'.repeat(46)}`);
    f('4a 02 0a 00 4a 00 4a 02 12 00');
    f(`${'12 21'} ${'61'.repeat(20)} c3bc ${'62'.repeat(11)}`);
  });

  test(`${name} says what is wrong and where`, () => {
    const f = (hex: string, fault: string, offset = 0) =>
      assert.throws(
        () => checker.check(0, bytesOf(hex)),
        (error) => {
          assert.ok(error instanceof WireError);
          assert.deepEqual([error.fault, error.offset], [fault, offset], hex);
          return true;
        },
      );
    f('08 01', 'wrong wire type');
    f('0b 0c', 'wrong wire type');
    f('22', 'truncated');
    f('12 01', 'truncated');
    f('12 01 ff', 'invalid utf-8');
    f('1a 03 010203', 'bad id length');
    f('00', 'bad tag');
    f('06', 'bad tag');
    f('0f', 'bad tag');
    f('56', 'bad tag');
    f('fe3f', 'bad tag');
    f('0c', 'unbalanced group');
    f('54', 'unbalanced group');
    f('53 5c', 'unbalanced group');
    f('53', 'truncated');
    f('53 0a 05 54', 'truncated');
    f('53 00', 'bad tag');
    f('53 07', 'bad tag');
    f('53 80', 'truncated');
    f('53 0a 80', 'truncated');
    f('53 08 80', 'truncated');
    f('22 01 80', 'truncated');
    f('22 0a 80808080808080808002', 'overlong varint');
    f('22 0b 8080808080808080808001', 'overlong varint');
    f('20 80808080808080808002', 'overlong varint');
    f('2a 07 01020304050607', 'truncated');
    f('32 03 010203', 'truncated');
    f('29 01', 'truncated');
    f('35 01', 'truncated');
    f('51 01', 'truncated');
    f('55 01', 'truncated');
    f('0a 02 0901', 'truncated', 2);
    f('0a 02 1901', 'truncated', 2);
    f('0a 01 10', 'truncated', 2);
    f('0a 02 1080', 'truncated', 2);
    f('808080808001', 'overlong varint');
    f('ffffffff1f', 'overlong varint');
    f('12 808080808001', 'overlong varint');
    f('12 ffffffff0f', 'truncated');
    f('42 03 12 01 ff', 'invalid utf-8', 2);
    f('4a 09 0a 01 61 12 04 0a 02 ff62', 'invalid utf-8', 7);
    f('4a 09 0a 01 ff 12 04 0a 02 6262', 'invalid utf-8', 2);
    f('4a 09 0a 01 61 12 04 0a 03 6262', 'truncated', 7);
    f('4a 07 0a 01 61 12 02 08 01', 'wrong wire type', 7);
    f('4a 07 0a 01 61 12 02 10 81', 'truncated', 7);
    f('4a 07 0a 01 61 12 02 21 81', 'truncated', 7);
    f('4a 07 0a 01 61 12 03 10 01', 'truncated', 5);
    f(`12 21 ${'61'.repeat(20)} c3 ${'62'.repeat(12)}`, 'invalid utf-8');
    f('0a 0b 09 0000000000000100 10 80', 'truncated', 11);
  });

  test(`${name} ends the descent at a depth of 100, groups included`, () => {
    const wrap = (hex: string, times: number) => {
      let bytes = bytesOf(hex);
      for (let time = 0; time < times; time++) {
        const length =
          bytes.length < 128 ? [bytes.length] : [(bytes.length & 127) | 128, bytes.length >> 7];
        bytes = Buffer.concat([Uint8Array.of(0x42, ...length), bytes]);
      }
      return bytes;
    };
    const f = (hex: string, times: number, accepted: boolean) => {
      if (accepted) checker.check(0, wrap(hex, times));
      else assert.throws(() => checker.check(0, wrap(hex, times)), /nested too deeply/);
    };
    f('', 100, true);
    f('', 101, false);
    f('53 54', 99, true);
    f('53 54', 100, false);
    f('4a 09 0a 01 61 12 04 0a 02 6262', 98, true);
    f('4a 09 0a 01 61 12 04 0a 02 6262', 99, false);
    const groups = `${'53'.repeat(101)}${'54'.repeat(101)}`;
    assert.throws(() => checker.check(0, bytesOf(groups)), /nested too deeply/);
    checker.check(0, bytesOf(groups.slice(2, -2)));
  });

  test(`${name} takes requests of any size, and small ones after large ones`, () => {
    const large = Buffer.alloc(20 * 1024 * 1024);
    large.set(bytesOf('3a fbffff09'));
    assert.deepEqual(checker.check(0, large), { items: 0, unsound: 0 });
    large[0] = 0x12;
    large[large.length - 1] = 0xff;
    assert.throws(() => checker.check(0, large), /not valid UTF-8/);
    assert.deepEqual(checker.check(0, bytesOf('0a 00')), { items: 1, unsound: 1 });
  });
}

test('UTF-8 is what the platform decodes without complaint', () => {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const accepts = (bytes: Uint8Array) => {
    try {
      decoder.decode(bytes);
      return true;
    } catch {
      return false;
    }
  };
  const table = new KernelChecker(compileShapes(STRING_ONLY), kernel);
  const edges = [0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf];
  const all = [...edges, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff];
  const bytes = Buffer.alloc(6);
  for (const first of all)
    for (const second of all)
      for (const third of all)
        for (const fourth of [0x41, 0x7f, 0x80, 0xbf, 0xc0]) {
          bytes.set([0x0a, 4, first, second, third, fourth]);
          const expected = accepts(bytes.subarray(2));
          assert.equal(isValidUtf8(bytes, 2, 6), expected, bytes.toString('hex'));
          let accepted = true;
          try {
            table.check(0, bytes);
          } catch {
            accepted = false;
          }
          assert.equal(accepted, expected, bytes.toString('hex'));
        }
});

const STRING_ONLY = [{ name: 'Text', fields: [{ number: 1, kind: 'string' as const }] }];

test('without a kernel the reference checks', () => {
  assert.equal(loadKernel(new URL('./absent.wasm', import.meta.url)), undefined);
  assert.deepEqual(createChecker(table).check(0, bytesOf('0a 00')), { items: 1, unsound: 1 });
});

test('a missing kernel is a problem that names the file and the remedy', () => {
  assert.equal(kernelProblem(), undefined);
  assert.match(
    kernelProblem(new URL('./absent.wasm', import.meta.url)) ?? '',
    /absent\.wasm is missing .*npm run build/,
  );
});

test('a shape that cannot be is a bug', () => {
  const f = (number: number, message: string) =>
    compileShapes([{ name: 'Root', fields: [{ number, kind: 'message', message }] }]);
  assert.throws(() => f(1, 'Nobody'), /bug: there is no message Nobody/);
  assert.throws(() => f(0, 'Root'), /bug: field number 0/);
  assert.throws(() => f(32, 'Root'), /bug: field number 32/);
});
