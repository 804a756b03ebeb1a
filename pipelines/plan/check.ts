/**
 * Refuses a plan before it runs, naming the step and what would have gone wrong. Types refuse most of it already; this
 * holds for plans in plain JavaScript, from a file, or made by a program, and for what types cannot say.
 */
import { checkAggregate } from './check-aggregate.ts'
import { checkBounded, isBounded } from './check-bounded.ts'
import { checkColumn, reader, refuse } from './check-column.ts'
import { checkNames } from './check-names.ts'
import { checkSinks, takesFailed } from './check-sinks.ts'
import { checkEmit, checkGroupBy, checkGroupSets, checkWindow, onlyReader } from './check-window.ts'
import { inputsOf, type Plan, type PlanStep, type ReadStep } from './node/step.ts'
import { stateOf } from './state.ts'

/** Steps of one plan, at most: beyond it a plan was made by a loop that went wrong. */
export const planMaxSteps = 1_000

/** @throws InvalidPlanError */
export function checkPlan(plan: Plan): void {
  if (plan.steps.length > planMaxSteps) refuse(plan.name, `has ${plan.steps.length} steps, at most ${planMaxSteps}`)
  if (isBounded(plan)) {
    checkNames(plan)
    checkBounded(plan)
    return
  }
  const reads = plan.steps.filter((step) => step.kind === 'read')
  const [read] = reads
  if (read === undefined) refuse(plan.name, 'reads nothing; begin with p.read')
  if (reads.length > 1) refuse(plan.name, 'reads more than one feed; make a pipeline of each')
  checkNames(plan)
  // Places of all before any of the rest: a step in the wrong place makes others look wrong that are not.
  for (const step of plan.steps) checkPlace(plan, step)
  for (const step of plan.steps) checkStep(plan, step, read.partitionKey)
  checkSinks(plan)
  checkState(plan)
}

/** Kinds of step that take rows, whatever gave them. */
const takesRows: readonly PlanStep['kind'][] = ['dedupe', 'map', 'flatMap', 'filter', 'split', 'validate', 'union']

/** Whether a step may stand where it stands. */
function checkPlace(plan: Plan, step: PlanStep): void {
  if (step.kind === 'read' && step.after !== null)
    refuse(step.name, `reads a feed, so it cannot come after '${step.after}'`)
  if (step.kind !== 'read' && step.after === null && !takesFailed(step)) refuse(step.name, 'comes after nothing')
  const above = inputsOf(step).map((input) => givenBy(plan, input))
  const wrong = above.find((given) => !placesOf(step).includes(given))
  if (wrong !== undefined) {
    refuse(step.name, `(${step.kind}) cannot come after '${step.after}', which gives ${wrong}`)
  }
}

type Given = 'rows' | 'windows' | 'groups' | 'windows of groups' | 'aggregates' | 'panes'

function placesOf(step: PlanStep): readonly Given[] {
  if (takesRows.includes(step.kind)) return ['rows']
  switch (step.kind) {
    case 'window':
      return ['rows', 'groups']
    case 'group':
      return ['windows']
    case 'groupBy':
      return ['rows', 'windows']
    case 'aggregate':
      return ['windows of groups']
    case 'emit':
      return ['aggregates']
    default:
      return ['rows', 'panes']
  }
}

function givenBy(plan: Plan, output: string): Given {
  const step = plan.steps.find((each) => each.name === output)
  const before = plan.steps.find((each) => each.name === step?.after)
  switch (step?.kind) {
    case 'window':
      return before?.kind === 'groupBy' ? 'windows of groups' : 'windows'
    case 'group':
      return 'windows of groups'
    case 'groupBy':
      return before?.kind === 'window' ? 'windows of groups' : 'groups'
    case 'aggregate':
      return 'aggregates'
    case 'emit':
      return 'panes'
    default:
      return 'rows'
  }
}

function checkStep(plan: Plan, step: PlanStep, partitionKey: string): void {
  switch (step.kind) {
    case 'read':
      checkRead(plan, step)
      break
    case 'dedupe':
      checkDedupe(plan, step, partitionKey)
      break
    case 'filter':
    case 'flatMap':
    case 'map':
      needsReader(plan, step.name, step.name)
      break
    case 'split':
    case 'validate':
      if (step.to.length === 0) refuse(step.name, 'splits into nothing')
      for (const branch of step.to) needsReader(plan, step.name, `${step.name}.${branch}`)
      if (step.kind === 'validate' && step.version.trim() === '') {
        refuse(step.name, 'names no version of its schema: a change of it would go unseen')
      }
      break
    case 'union':
      checkUnion(plan, step)
      break
    case 'window':
      checkWindow(plan, step)
      break
    case 'group':
      checkGroupSets(plan, step)
      break
    case 'groupBy':
      checkGroupBy(plan, step, partitionKey)
      break
    case 'aggregate':
      checkAggregate(plan, step)
      onlyReader(plan, step.name)
      break
    case 'emit':
      checkEmit(plan, step)
      break
    case 'where':
    case 'sessionWindow':
    case 'tableWindow':
    case 'derive':
      refuse(step.name, `(${step.kind}) needs all rows of a table; read one with p.readTable instead of a feed`)
      break
    default:
      break
  }
}

function checkRead(plan: Plan, step: ReadStep): void {
  checkColumn(step.name, step.columns, step.partitionKey, ['string'])
  if (!(Number.isSafeInteger(step.watermarkDelayMs) && step.watermarkDelayMs >= 0)) {
    refuse(step.name, `has a watermark ${step.watermarkDelayMs} ms behind; a whole number from 0 is needed`)
  }
  needsReader(plan, step.name, step.name)
}

function checkDedupe(plan: Plan, step: PlanStep & { kind: 'dedupe' }, partitionKey: string): void {
  if (step.key.length === 0) refuse(step.name, 'has no key: every row would be a repeat of the first')
  if (step.key[0] !== partitionKey || step.key.length !== 2) {
    refuse(
      step.name,
      `needs the key ['${partitionKey}', <id column>]: state is local to a partition of '${partitionKey}', so a repeat in another one would pass`,
    )
  }
  if (step.withinMs <= 0) refuse(step.name, 'would forget every key at once; give a time above 0')
  for (const column of step.key) checkColumn(step.name, step.columns, column, ['string'])
  needsReader(plan, step.name, step.name)
}

function checkUnion(plan: Plan, step: PlanStep & { kind: 'union' }): void {
  const inputs = inputsOf(step)
  if (inputs.length < 2) refuse(step.name, 'joins nothing to its rows')
  if (new Set(inputs).size < inputs.length) refuse(step.name, 'joins an output with itself: its rows would count twice')
  needsReader(plan, step.name, step.name)
}

/** State needs a limit, and the limit must hold at least one key. */
function checkState(plan: Plan): void {
  const states = plan.steps.filter((step) => step.kind === 'window').flatMap((step) => stateOf(plan, step) ?? [])
  const [first] = states
  const limit = plan.stateMaxBytes
  if (first !== undefined && limit === undefined) {
    refuse(
      first.step,
      `keeps ${first.what} for each (${first.key.join(', ')}), about ${first.bytesPerKey} bytes a key, without a limit; say state: { maxBytes } in the pipeline's options`,
    )
  }
  if (limit === undefined) return
  if (!Number.isSafeInteger(limit) || limit <= 0) refuse(plan.name, `limits its state to ${limit} bytes`)
  for (const { step, bytesPerKey } of states) {
    if (bytesPerKey > limit)
      refuse(step, `needs about ${bytesPerKey} bytes a key, and all state is limited to ${limit}`)
  }
}

function needsReader(plan: Plan, name: string, output: string): void {
  if (reader(plan, output) === undefined)
    refuse(name, `gives rows as '${output}' that nothing reads: they would vanish`)
}
