import { describe, expect, it } from 'vitest'
import { hitsPipeline } from '../../jobs/hits.ts'
import type { Lambda, Pipeline } from '../../plan/draft.ts'
import type { PlanStep } from '../../plan/node/step.ts'
import { rollupSqlRefusal } from './rollup-sql-refusal.ts'

type Change = (step: PlanStep) => PlanStep | readonly PlanStep[]

function changed(change: Change, lambdas: Readonly<Record<string, Lambda>> = {}): Pipeline {
  const steps = hitsPipeline.plan.steps.flatMap((step) => change(step))
  const plan = { ...hitsPipeline.plan, steps }
  return { ...hitsPipeline, plan, lambdas: new Map([...hitsPipeline.lambdas, ...Object.entries(lambdas)]) }
}

const same: Change = (step) => step
const of =
  (kind: PlanStep['kind'], change: (step: PlanStep) => object): Change =>
  (step) =>
    step.kind === kind && !(kind === 'filter' && step.name === 'erased')
      ? ({ ...step, ...change(step) } as PlanStep)
      : step
const withLambda = (name: string, lambda: (row: never) => unknown) =>
  rollupSqlRefusal(changed(same, { [name]: lambda as unknown as Lambda }))

describe('SQL', () => {
  it('computes the hours of this release, however its lambdas are printed and its steps are called', () => {
    expect(rollupSqlRefusal(hitsPipeline)).toBeNull()
    expect(withLambda('no-bots', (e: { bot: boolean }) => e.bot === false)).toBeNull()
    const renamed: Change = (step) => ({
      ...step,
      name: step.name === 'no-bots' ? 'people' : step.name,
      after: step.after === 'no-bots' ? 'people' : step.after,
      columns: null,
    })
    const people = hitsPipeline.lambdas.get('no-bots') as Lambda
    expect(rollupSqlRefusal(changed(renamed, { people }))).toBeNull()
  })

  it('computes no others, and says what is other first', () => {
    const refusal = (change: Change) => rollupSqlRefusal(changed(change))
    expect(refusal(of('group', () => ({ sets: { total: [] } })))).toBe("'breakdown' has other sets than SQL")
    expect(refusal(of('aggregate', () => ({ aggregates: { hits: { kind: 'count' } } })))).toContain('other aggregates')
    expect(refusal(of('window', () => ({ assign: { kind: 'calendar', unit: 'day' } })))).toContain('other assign')
    expect(refusal(of('window', () => ({ lateness: 1 })))).toContain('other lateness')
    const isWrite = (step: PlanStep) => step.kind === 'write' && step.table === 'hourly'
    expect(refusal((step) => (isWrite(step) ? [] : step))).toContain('by 0 steps')
    expect(refusal((step) => (step.kind === 'filter' && step.name === 'no-bots' ? [] : step))).not.toBeNull()
    expect(refusal((step) => (step.kind === 'write' && step.table === 'hits' ? [] : step))).toContain('not made of')
  })

  it('takes the time, the zone and the hits that the plan takes, or none of its hours', () => {
    expect(withLambda('no-bots', (hit: { bot: boolean }) => hit.bot)).toContain('other hits than bots')
    expect(withLambda('no-bots', (hit: { bot: boolean; name: string }) => !hit.bot && hit.name !== 'x')).toContain(
      'bots',
    )
    expect(withLambda('no-bots', () => true)).toContain('bots')
    expect(withLambda('by-hour.zone', (hit: { zone: string; country: string }) => hit.country)).toContain('zone')
    const read = hitsPipeline.plan.steps.find(({ kind }) => kind === 'read')?.name
    expect(withLambda(`${read}.eventTime`, (hit: { received: number }) => hit.received)).toContain('another time')
    expect(withLambda(`${read}.eventTime`, (hit: { time: number }) => hit.time + 1)).toContain('another time')
  })
})
