/** npm run bench -- COMMAND: the benches, one command each. */
import { parseArgs } from 'node:util';
import { compare } from './compare.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    collector: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '5' },
    shards: { type: 'string', default: '1' },
    case: { type: 'string', multiple: true, default: [] },
    only: { type: 'string', multiple: true, default: [] },
  },
});

switch (positionals[0]) {
  case 'compare':
    await compare({
      collector: values.collector,
      rounds: Number(values.rounds),
      seconds: Number(values.seconds),
      shards: Number(values.shards),
      cases: values.case,
      only: values.only,
    });
    break;
  default:
    console.error('usage: npm run bench -- compare [--collector PATH] [--case NAME] [--only NAME]');
    process.exitCode = 2;
}
