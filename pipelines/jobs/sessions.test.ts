import { describe, expect, it } from 'vitest'
import { visitsRule } from '../../core/visits.ts'
import { explainPlan } from '../plan/explain.ts'
import { visitsRuleOf } from '../plan/visits-rule.ts'
import { hitsPipeline } from './hits.ts'
import { visits } from './sessions.ts'

describe('the plan sessions', () => {
  it('is the one in sessions.plan.json: declared throughout, no code in it', async () => {
    await expect(`${JSON.stringify(visits.plan, null, 2)}\n`).toMatchFileSnapshot('sessions.plan.json')
    expect(visits.lambdas.size).toBe(0)
  })

  it('reads in words as in sessions.plan.txt', async () => {
    await expect(explainPlan(visits.plan)).toMatchFileSnapshot('sessions.plan.txt')
  })

  it('cuts visits by the rule that engines are asked by', () => {
    expect(visitsRuleOf(visits.plan)).toEqual(visitsRule)
  })

  it('is the only one with such a rule', () => {
    expect(() => visitsRuleOf(hitsPipeline.plan)).toThrow("'hits' has no session window")
  })
})
