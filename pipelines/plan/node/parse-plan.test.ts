import { describe, expect, it } from 'vitest'
import { InvalidPlanError, UnreadablePlanError } from '../../../core/errors.ts'
import { hitsPipeline } from '../../jobs/hits.ts'
import { canonicalJson } from '../canonical.ts'
import { fixedCount, sessions, stateless } from '../golden/plans.ts'
import { parsePlan, planOf, planTextMaxLength } from './parse-plan.ts'

type Loose = { [name: string]: unknown }
interface LoosePlan extends Loose {
  steps: Loose[]
}
const loose = (text: string) => JSON.parse(text) as LoosePlan
const step = (plan: LoosePlan, name: string): Loose => {
  const found = plan.steps.find((each) => each.name === name)
  if (found === undefined) throw new RangeError(`no step '${name}'`)
  return found
}

/** How a plan is damaged, where the fault is found, and what is said. */
const damages: readonly (readonly [string, string, (plan: LoosePlan) => unknown, string, string])[] = [
  [
    'of a newer form',
    stateless.text,
    (plan) => Object.assign(plan, { format: 2 }),
    '/format',
    'form 2 is of a newer release; this one reads 1',
  ],
  ['of no form', stateless.text, (plan) => delete plan.format, '/format', 'no form that this release reads'],
  [
    'of a form that is a text',
    stateless.text,
    (plan) => Object.assign(plan, { format: '1' }),
    '/format',
    'no form that this release reads',
  ],
  ['without a name', stateless.text, (plan) => delete plan.name, '/name', 'expected string'],
  ['without steps', stateless.text, (plan) => Reflect.deleteProperty(plan, 'steps'), '/steps', 'expected array'],
  [
    'with a part that nobody knows',
    stateless.text,
    (plan) => Object.assign(plan, { speed: 1 }),
    '',
    'Unrecognized key: "speed"',
  ],
  ['with a step that is none', stateless.text, (plan) => plan.steps.push(null as never), '/steps/9', 'expected object'],
  [
    'with a step of an unknown kind',
    stateless.text,
    (plan) => Object.assign(step(plan, 'paid'), { kind: 'join' }),
    '/steps/5/kind',
    "Expected 'read' | 'readTable'",
  ],
  [
    'with a step of an unknown part',
    stateless.text,
    (plan) => Object.assign(step(plan, 'paid'), { parallel: 2 }),
    '/steps/5',
    'Unrecognized key: "parallel"',
  ],
  [
    'with a step that lacks a part',
    stateless.text,
    (plan) => delete step(plan, 'paid').code,
    '/steps/5/code',
    'expected string',
  ],
  [
    'with a name that is a number',
    stateless.text,
    (plan) => Object.assign(step(plan, 'paid'), { name: 5 }),
    '/steps/5/name',
    'expected string',
  ],
  [
    'with a column of an unknown type',
    stateless.text,
    (plan) => Object.assign(step(plan, 'paid').columns as object, { cents: 'money' }),
    '/steps/5/columns/cents',
    'expected one of',
  ],
  [
    'with earlier names that are no list',
    sessions.text,
    (plan) => Object.assign(step(plan, 'visit'), { was: 'session' }),
    '/steps/4/was',
    'expected array',
  ],
  [
    'with a part that is there and nothing',
    sessions.text,
    (plan) => Object.assign(step(plan, 'visit'), { was: null }),
    '/steps/4/was',
    'expected array',
  ],
  [
    'with a window of an unknown kind',
    fixedCount.text,
    (plan) => Object.assign(step(plan, 'by-minute').assign as object, { kind: 'tumbling' }),
    '/steps/3/assign/kind',
    'Invalid discriminator value',
  ],
  [
    'with a window of half a millisecond',
    fixedCount.text,
    (plan) => Object.assign(step(plan, 'by-minute').assign as object, { sizeMs: 0.5 }),
    '/steps/3/assign/sizeMs',
    'expected int',
  ],
  [
    'with a lateness that is a word',
    fixedCount.text,
    (plan) => Object.assign(step(plan, 'by-minute'), { lateness: 'never' }),
    '/steps/3/lateness',
    'Invalid input',
  ],
  [
    'with an unknown aggregate',
    fixedCount.text,
    (plan) =>
      Object.assign(step(plan, 'by-page.aggregate').aggregates as object, {
        clicks: { kind: 'median', column: 'cents' },
      }),
    '/steps/6/aggregates/clicks/kind',
    'Invalid discriminator value',
  ],
  [
    'with an emission of two rules',
    fixedCount.text,
    (plan) => Object.assign(step(plan, 'by-page.emit'), { every: 'epoch' }),
    '/steps/7',
    'but not this',
  ],
  [
    'with an emission of half a rule',
    fixedCount.text,
    (plan) => delete step(plan, 'by-page.emit').onClose,
    '/steps/7',
    'but not this',
  ],
  [
    'with a table that there is not',
    hitsPipeline.text,
    (plan) => Object.assign(plan.jobs as object, { warehouse: ['clicks'] }),
    '/jobs/warehouse/0',
    'expected one of',
  ],
  [
    'with a limit that is a text',
    fixedCount.text,
    (plan) => Object.assign(plan, { stateMaxBytes: '1GB' }),
    '/stateMaxBytes',
    'expected number',
  ],
]

describe('a plan read from text', () => {
  it('is frozen all the way down, and the same bytes again', () => {
    const plan = parsePlan(sessions.text)
    expect(() => Object.assign(plan.steps[1] as object, { to: [] })).toThrow(TypeError)
    expect(canonicalJson(plan)).toBe(sessions.text)
  })

  it.each(damages)('%s is refused, with the place of the fault', (_, text, damage, pointer, says) => {
    const plan = loose(text)
    damage(plan)
    const read = () => parsePlan(JSON.stringify(plan))
    expect(read).toThrow(UnreadablePlanError)
    expect(read).toThrow(
      expect.objectContaining({ code: 'PLAN_UNREADABLE', pointer, fault: expect.stringContaining(says) }),
    )
  })

  it.each([
    ['nothing', ''],
    ['no JSON', '{"format":1,'],
    ['a list', '[]'],
    ['a text', '"plan"'],
    ['null', 'null'],
  ])('that is %s is refused', (_, text) => {
    expect(() => parsePlan(text)).toThrow(UnreadablePlanError)
  })

  it('that is longer than any plan is refused before it is taken apart', () => {
    const spaces = ' '.repeat(planTextMaxLength - stateless.text.length)
    expect(parsePlan(stateless.text + spaces).name).toBe('stateless')
    expect(() => parsePlan(`${stateless.text + spaces} `)).toThrow('it is longer than 4000000 characters')
  })

  it('that would go wrong is refused as one that is built', () => {
    const plan = loose(fixedCount.text)
    delete plan.stateMaxBytes
    expect(() => planOf(plan)).toThrow(InvalidPlanError)
    expect(() => planOf(plan)).toThrow("'by-minute' keeps 2 aggregates of each open window")
  })

  it('has no other prototype for a column that is called so', () => {
    const plan = JSON.stringify(loose(stateless.text)).replace(
      '"robot":"boolean"',
      '"robot":"boolean","__proto__":"string"',
    )
    expect(Object.getPrototypeOf(parsePlan(plan).steps[0]?.columns)).toBe(Object.prototype)
  })
})
