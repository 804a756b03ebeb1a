/**
 * Text of a plan. Promise: it is refused as unreadable or as a plan that would go wrong, or it is a plan: printed and read
 * again it is the same, it can be explained, and beside itself nothing has changed.
 */
import { InvalidPlanError, UnreadablePlanError } from '../../../core/errors.ts'
import { hitsPipeline } from '../../../pipelines/jobs/hits.ts'
import { visits } from '../../../pipelines/jobs/sessions.ts'
import { canonicalJson } from '../../../pipelines/plan/canonical.ts'
import { diffPlans } from '../../../pipelines/plan/diff/diff-plans.ts'
import { explainPlan } from '../../../pipelines/plan/explain.ts'
import { explainMermaid } from '../../../pipelines/plan/explain-mermaid.ts'
import * as golden from '../../../pipelines/plan/golden/plans.ts'
import { parsePlan } from '../../../pipelines/plan/node/parse-plan.ts'
import type { Plan } from '../../../pipelines/plan/node/step.ts'
import { mutateJson } from '../mutate-json.ts'
import { type FuzzTarget, promised, stateless, unlessRefused } from '../target.ts'

const words = {
  values: [
    ...[
      '"hits"',
      '"hourly"',
      '"sessions"',
      '"merchant"',
      '"unbounded"',
      '"epoch"',
      '"close"',
      '"discarding"',
      '"window"',
    ],
    ...[
      '"accumulating"',
      '"read"',
      '"readTable"',
      '"count"',
      '"sum"',
      '"upserts"',
      '"partials"',
      '"calendar"',
      '"hour"',
    ],
  ],
  keys: ['was', 'takes', 'stateMaxBytes', 'also', 'columns', 'weekStart', 'code', 'named', 'is', 'hash', 'less'],
}

export function planTarget(parse: (text: string) => Plan): FuzzTarget {
  return {
    name: 'plan',
    form: 'text',
    examples: async () => {
      const texts = Object.values(golden).flatMap((each) =>
        typeof each === 'object' && 'text' in each ? [each.text as string] : [],
      )
      return Object.fromEntries(
        [...texts, hitsPipeline.text, visits.text].map((text, i) => [`plan-${i}`, Buffer.from(text)]),
      )
    },
    mutate: (draw, corpus) => mutateJson(draw, corpus, words),
    open: stateless((input) => {
      const found = unlessRefused(() => parse(input.toString('utf8')), [UnreadablePlanError, InvalidPlanError])
      if (found === undefined) return 'refused'
      const text = canonicalJson(found.value)
      promised(canonicalJson(parse(text)) === text, () => 'a plan is another after it was printed')
      promised(explainPlan(found.value).length > 0, () => 'a plan has no words')
      promised(explainMermaid(found.value).length > 0, () => 'a plan has no picture')
      const version = { plan: found.value, code: 'same' }
      const { verdict } = diffPlans(version as never, version as never)
      promised(verdict === 'same', () => `a plan beside itself is ${verdict}`)
      return 'accepted'
    }),
  }
}

export const plan = planTarget(parsePlan)
