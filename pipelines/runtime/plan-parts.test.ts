/** Which plans run by closures, for they keep no windows between epochs; and what no runner of feeds takes. */
import { describe, expect, it } from 'vitest'
import type { FeedHit } from '../../core/hit.ts'
import { failedHitsTable, hitsTable } from '../../schemas/tables.ts'
import { enrich } from '../jobs/enrich.ts'
import { hitFeed } from '../jobs/hit-feed.ts'
import { failedHits, hits } from '../jobs/hit-sinks.ts'
import { type HitsContext, hitsPipeline } from '../jobs/hits.ts'
import { pipeline } from '../plan/builder.ts'
import type { Pipeline } from '../plan/draft.ts'
import { stateless } from '../plan/golden/plans.ts'
import type { PlanStep } from '../plan/node/step.ts'
import type { StandardSchema } from '../plan/standard-schema.ts'
import { batch, booksOf, createWorld, drain, hit, push, rowsOf, shop } from '../test/support/world.ts'
import { expectFast, isFast, PlanParts } from './plan-parts.ts'

const changed = (step: string, parts: object): Pipeline => {
  const steps = hitsPipeline.plan.steps.map((each) => (each.name === step ? { ...each, ...parts } : each)) as PlanStep[]
  return { ...hitsPipeline, plan: { ...hitsPipeline.plan, steps } }
}

interface Named {
  readonly name: string
}
const named: StandardSchema<FeedHit, FeedHit> = {
  '~standard': {
    version: 1,
    vendor: 'by hand',
    validate: (value) =>
      (value as Partial<Named> | undefined)?.name === 'odd'
        ? { issues: [{ message: 'odd', path: ['name'] }] }
        : { value: value as FeedHit },
  },
}

describe('the runner of feeds', () => {
  it('runs a validator: what it refuses is a failed hit with the path for its reason', async () => {
    const world = await createWorld()
    push(world, [batch([hit({ id: 'a' }), hit({ id: 'b', name: 'odd' })])])
    const plan = pipeline<HitsContext>(
      'validated',
      (p) => {
        const { passed, refused } = p
          .read(hitFeed, { eventTime: (h) => h.time, watermark: { from: (h) => h.received, delay: '1m' } })
          .validate('shape', named, { version: '1' })
        refused.write(failedHits)
        passed.map('enrich', enrich, { uses: ['visitorSeed', 'visitorHash', 'country', 'userAgents'] }).write(hits)
      },
      { jobs: { all: [hitsTable, failedHitsTable] } },
    )
    await drain(world, { plan })
    expect(await rowsOf(world, 'hits')).toMatchObject([{ id: 'a' }])
    expect(await rowsOf(world, 'failed_hits')).toMatchObject([{ step: 'shape', reason: 'invalid:/name' }])
    expect(await booksOf(world, shop)).toMatchObject({ stored: 1, failed: 1 })
  })

  it('takes the shipped plan', () => {
    expect(() => new PlanParts(hitsPipeline, {}, undefined)).not.toThrow()
  })

  it('refuses rows that are handed out, for a server has nobody to take them', () => {
    expect(() => new PlanParts(stateless, {}, undefined)).toThrow(
      "'output:refused' hands rows to whoever runs the plan",
    )
  })

  it('runs the shipped plan by closures', () => {
    expect(isFast(hitsPipeline.plan)).toBe(true)
  })

  it.each([
    [
      'fixed windows',
      changed('by-hour', { assign: { kind: 'fixed', sizeMs: 1, offsetMs: 0 } }),
      "'by-hour' has windows of kind fixed",
    ],
    [
      'weeks from Sunday',
      changed('by-hour', { assign: { kind: 'calendar', unit: 'week', weekStart: 'sunday' } }),
      "'by-hour' has weeks from sunday",
    ],
    ['a lateness that ends', changed('by-hour', { lateness: 0 }), "'by-hour' has a lateness that ends"],
    ['panes on close', changed('breakdown.emit', { on: 'close' }), "'breakdown.emit' emits on close"],
    ['rows that are replaced', changed('write:hourly', { takes: 'upserts' }), "'write:hourly' replaces rows"],
    ['a map of one to many', changed('enrich', { kind: 'flatMap' }), "'enrich' is a step of kind flatMap"],
  ] as const)('runs %s by operators', (_, plan, message) => {
    expect(isFast(plan.plan)).toBe(false)
    expect(() => expectFast(plan.plan)).toThrow(`${message}, which takes operators to run`)
  })
})
