import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type KafkaCluster, startKafka, whyNoKafka } from '../ends/kafka-broker.ts';
import { batchOfChunks, CLIENTS, readBack, startExporter } from './ends/exporting.ts';
import { log, request } from './ends/requests.ts';

const others =
  process.env['KAFKA_BROKERS'] === undefined ? undefined : 'needs listeners of its own';
const missing = (await whyNoKafka()) ?? others;
let kafka: KafkaCluster;
let folder: string;

before(async () => {
  if (missing === undefined) kafka = await startKafka();
  folder = mkdtempSync(join(tmpdir(), 'millrace-test-'));
});
after(async () => {
  rmSync(folder, { recursive: true, force: true });
  await kafka?.stop();
});

const BATCH = () => batchOfChunks('logs', [request('logs', [{ items: [log('x')] }])], { items: 1 });

/** A token that nobody signed, as the broker of the tests takes them. */
function unsigned(subject: string): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const now = Math.floor(Date.now() / 1000);
  return `${part({ alg: 'none' })}.${part({ sub: subject, iat: now - 5, exp: now + 3600 })}.`;
}

for (const client of CLIENTS) {
  describe(`logging in with ${client}`, { skip: missing ?? false }, () => {
    const deliver = async (topic: string, section: object): Promise<void> => {
      const exporter = await startExporter({ client, logs: { topic }, ...section });
      try {
        assert.deepEqual(await exporter.deliver(BATCH()), { kind: 'accepted' });
        const plain = { brokers: kafka.brokers };
        assert.equal((await readBack(client, plain, { topic, count: 1 })).length, 1);
      } finally {
        await exporter.stop();
      }
    };

    for (const mechanism of ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512']) {
      it(`writes after ${mechanism}`, () =>
        deliver(`${mechanism}-${client}`, {
          brokers: [...kafka.saslBrokers],
          auth: { sasl: { mechanism, ...kafka.user } },
        }));
    }

    it('writes after OAUTHBEARER with a token in a file, which is read for each connection', async () => {
      const file = join(folder, `token-${client}`);
      const topic = `oauth-${client}`;
      const brokers = [...kafka.saslBrokers];
      const auth = { sasl: { mechanism: 'OAUTHBEARER', token_file: file } };
      const exporter = await startExporter({ client, brokers, logs: { topic }, auth });
      assert.equal((await exporter.attempt(BATCH())).kind, 'retry');
      writeFileSync(file, `${unsigned('alice')}\n`);
      assert.deepEqual(await exporter.deliver(BATCH()), { kind: 'accepted' });
      await exporter.stop();
    });

    it('writes over TLS with SCRAM, and trusts the authority it is given', () =>
      deliver(`tls-${client}`, {
        brokers: [...kafka.saslTlsBrokers],
        tls: { ca_pem: kafka.authority },
        auth: { sasl: { mechanism: 'SCRAM-SHA-512', ...kafka.user } },
      }));

    it('checks the certificate against the name it is told to', async () => {
      const brokers = [...kafka.tlsBrokers];
      const ca = { ca_pem: kafka.authority };
      await deliver(`named-${client}`, {
        brokers,
        tls: { ...ca, server_name_override: 'localhost' },
      });
      const exporter = await startExporter({
        client,
        brokers,
        tls: { ...ca, server_name_override: 'elsewhere.example' },
      });
      const outcome = await exporter.attempt(BATCH());
      assert.partialDeepStrictEqual(outcome, { kind: 'retry', reason: 'connection_failed' });
      assert.match('message' in outcome ? outcome.message : '', /elsewhere\.example|altnames/i);
      await exporter.stop();
    });

    it('wrong credentials are retried and named, without the password', async () => {
      const sasl = { mechanism: 'SCRAM-SHA-256', username: 'alice', password: 'not-this-one' };
      const brokers = [...kafka.saslBrokers];
      const exporter = await startExporter({ client, brokers, auth: { sasl } });
      const outcome = await exporter.attempt(BATCH());
      assert.partialDeepStrictEqual(outcome, { kind: 'retry', reason: 'authentication_failed' });
      assert.match(
        'message' in outcome ? outcome.message : '',
        /refused the credentials of auth\.sasl/,
      );
      assert.doesNotMatch(JSON.stringify(outcome), /not-this-one/);
      await exporter.stop();
    });

    it('a broker that nobody vouches for is not written to', async () => {
      const exporter = await startExporter({ client, brokers: [...kafka.tlsBrokers], tls: {} });
      const outcome = await exporter.attempt(BATCH());
      assert.partialDeepStrictEqual(outcome, { kind: 'retry', reason: 'connection_failed' });
      assert.match('message' in outcome ? outcome.message : '', /certificate/);
      await exporter.stop();
    });
  });
}
