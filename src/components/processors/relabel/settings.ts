import { z } from 'zod';
import { byteSize } from '../../../contract/settings.ts';
import { checkRules, rulesSettings } from '../../../formats/prometheus/relabel/settings.ts';

const DEFAULT_CACHE_BYTES = 64 * 1024 * 1024;

/** Rules with the keys of Prometheus' `relabel_config`. */
export const settings = z
  .strictObject({
    rules: rulesSettings().default([]).describe('Rules for everybody, in order.'),
    naming: z
      .enum(['utf8', 'legacy'])
      .default('utf8')
      .describe('Which names a rule may give: any text, or letters, digits and _ only.'),
    tenants: z
      .record(z.string(), rulesSettings())
      .default({})
      .describe('Rules of one tenant, behind those for everybody; default is for all others.'),
    cache_size: byteSize()
      .default(DEFAULT_CACHE_BYTES)
      .describe('Memory, in each shard, for what became of label sets.'),
  })
  .superRefine(({ rules, naming, tenants }, context) => {
    checkRules(rules, naming, context, ['rules']);
    for (const [tenant, own] of Object.entries(tenants))
      checkRules(own, naming, context, ['tenants', tenant]);
    if (rules.length > 0 || Object.values(tenants).some((own) => own.length > 0)) return;
    context.addIssue({ code: 'custom', path: ['rules'], message: 'needs at least one rule' });
  });

export type Config = z.output<typeof settings>;
