/** Bodies of requests that mean harm: each is refused with its faults, none makes the check itself fail. */
import { describe, expect, it } from 'vitest'
import type { z } from 'zod'
import { hitSchema } from '../../core/hit/hit-schema.ts'
import { newErasure } from './erasure-requests.ts'
import { importRequest } from './imports.ts'
import { merchantChange, newKey, newMerchant } from './merchants.ts'
import { newRerun, rerunVerbRequest } from './rerun-requests.ts'
import { changesQuery, compactRequest, newPin, pinToRemove, removalRequest, rollbackRequest } from './table-requests.ts'

const key = { kind: 'browser', rights: ['write'], origins: ['https://shop.example'], quota: 5, tool: 'GTM' }
const merchant = { id: 'tea', name: 'Tea', timeZone: 'Europe/Berlin', currency: 'EUR', blockedNames: ['x'] }
const hit = {
  ...{ id: 'a', name: 'view', time: 1, visitor: 'v', session: 's', user: 'u', url: '/', referrer: '', title: 't' },
  revenue: { amount: '1', currency: 'EUR' },
  items: [{ id: 'a', name: 'b', quantity: 1, price: '2' }],
  props: { a: 'x' },
  context: {
    ...{ userAgent: 'a', language: 'de', screen: '1', timeZone: 'UTC' },
    campaign: { source: 'a', medium: 'b', name: 'c', term: 'd', content: 'e' },
  },
}
const requests: readonly (readonly [string, z.ZodType, unknown])[] = [
  ['hit', hitSchema, hit],
  ['merchant', newMerchant, { ...merchant, ...key, rights: ['historical'], retentionDays: 7 }],
  ['change of a merchant', merchantChange, { name: 'Tea', timeZone: 'UTC', blockedNames: ['x'], retentionDays: 7 }],
  ['key', newKey, key],
  ['erasure', newErasure, { merchant: 'tea', visitor: 'v', by: 'b' }],
  ['erasure of a user', newErasure, { merchant: 'tea', user: 'u' }],
  ['pin', newPin, { snapshot: '1', name: 'a', until: '2026-03-01T00:00:00Z', by: 'b' }],
  ['pin to remove', pinToRemove, { name: 'a' }],
  ['removal', removalRequest, { dryRun: true }],
  ['compaction', compactRequest, { dryRun: true }],
  ['roll back', rollbackRequest, { snapshot: '1', dryRun: true }],
  ['changes', changesQuery, { from: '1', to: '2' }],
  ['import', importRequest, { from: 0, to: 1, lines: [{ line: 0, address: '10.0.0.1', hit: { name: 'x' } }] }],
  [
    'rerun',
    newRerun,
    {
      ...{ pipeline: 'hits', snapshot: '1', sinks: ['hourly'], from: '2026-03-01', to: '2026-03-02', merchant: 'tea' },
      ...{ failed: 'bad_currency', dryRun: true, promote: 'auto', via: 'sql', dataSets: 'today', zones: 'today' },
      ...{ plan: 'p', by: 'b' },
    },
  ],
  ['verb', rerunVerbRequest, { by: 'b', note: 'n' }],
]

const harm = [
  ...['{"length":{"toString":1}}', '{"length":{"valueOf":{},"toString":{}}}', '{"size":{"toString":1}}'],
  ...['{"toString":1,"valueOf":1}', '{"__proto__":{"toString":1}}', '{"constructor":{"name":{"toString":1}}}'],
  ...['[{"length":{"toString":1}}]', '[{"toString":1,"valueOf":1}]', '{"length":1e9}', '[[]]', 'null', '1e400', '""'],
]

/** Every value inside `value`, itself included, by the way to it. */
function ways(value: unknown, way: readonly string[] = []): readonly (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [way]
  return [way, ...Object.entries(value).flatMap(([name, member]) => ways(member, [...way, name]))]
}

function replaced(value: unknown, [name, ...rest]: readonly string[], by: unknown): unknown {
  if (name === undefined) return by
  const copy = (Array.isArray(value) ? [...value] : { ...(value as object) }) as Record<string, unknown>
  copy[name] = replaced(copy[name], rest, by)
  return copy
}

describe.each(requests)('a %s', (_name, schema, good) => {
  it('is taken as it should be', () => {
    expect(schema.safeParse(good).error).toBeUndefined()
  })

  it('is refused, not fallen over, whatever stands in place of any part of it', () => {
    for (const way of ways(good)) {
      for (const json of harm) {
        const body = replaced(good, way, JSON.parse(json))
        expect(() => schema.safeParse(body), `${json} at /${way.join('/')}`).not.toThrow()
      }
    }
  })
})
