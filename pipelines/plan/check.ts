/**
 * Refuses a plan before it runs, naming the step and what would have gone wrong. Types refuse most of it already; this
 * holds for plans in plain JavaScript, from a file, or made by a program, and for what types cannot say.
 */
import { checkAggregate, checkMergeable } from './check-aggregate.ts'
import { checkBounded, isBounded } from './check-bounded.ts'
import { checkColumn, reader, refuse } from './check-column.ts'
import type { Plan, PlanStep } from './node/step.ts'

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
  for (const step of plan.steps) checkStep(plan, step, read.partitionKey)
  checkSinks(plan)
}

function checkNames(plan: Plan): void {
  const seen = new Set<string>()
  for (const step of plan.steps) {
    if (step.name.trim() === '') refuse('a step', 'has no name; its state could not be found again after a change')
    if (seen.has(step.name)) {
      refuse(step.name, 'is the name of two steps; one would read the state of the other after a restart')
    }
    if (step.after !== null && !seen.has(step.after.split('.')[0] ?? '') && !seen.has(step.after)) {
      refuse(step.name, `comes after '${step.after}', which is not above it`)
    }
    seen.add(step.name)
  }
}

function checkStep(plan: Plan, step: PlanStep, partitionKey: string): void {
  switch (step.kind) {
    case 'dedupe':
      checkDedupe(plan, step, partitionKey)
      break
    case 'filter':
    case 'map':
      needsReader(plan, step.name, step.name)
      break
    case 'split':
      for (const branch of step.to) needsReader(plan, step.name, `${step.name}.${branch}`)
      break
    case 'window':
      if (reader(plan, step.name)?.kind !== 'group') refuse(step.name, 'has no groupBySets after it: nothing to emit')
      break
    case 'group':
      checkGroup(plan, step)
      break
    case 'aggregate':
      checkAggregate(plan, step)
      checkMergeable(step)
      break
    case 'emit':
      checkEmit(plan, step)
      break
    case 'where':
    case 'groupBy':
    case 'sessionWindow':
    case 'derive':
      refuse(step.name, `(${step.kind}) needs all rows of a table; read one with p.readTable instead of a feed`)
      break
    default:
      break
  }
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

function checkGroup(plan: Plan, step: PlanStep & { kind: 'group' }): void {
  if (Object.keys(step.sets).length === 0) refuse(step.name, 'groups by no set: nothing would come out')
  for (const [set, columns] of Object.entries(step.sets)) {
    if (columns.length > 1) refuse(step.name, `set '${set}' has ${columns.length} columns; a breakdown holds one value`)
    for (const column of columns) checkColumn(step.name, step.columns, column, ['string'])
  }
  if (reader(plan, step.name)?.kind !== 'aggregate') refuse(step.name, 'has no aggregate after it')
}

function checkEmit(plan: Plan, step: PlanStep & { kind: 'emit' }): void {
  if (step.every !== 'epoch' || step.panes !== 'discarding') {
    refuse(
      step.name,
      `emits ${step.panes} panes every ${step.every}; this runner keeps no window state, so only { every: 'epoch', panes: 'discarding' } gives right numbers`,
    )
  }
  if (reader(plan, step.name)?.kind !== 'write') refuse(step.name, 'is written nowhere')
}

function checkSinks(plan: Plan): void {
  const writes = plan.steps.filter((step) => step.kind === 'write')
  if (writes.length === 0) refuse(plan.name, 'writes nothing')
  if (writes.filter((step) => step.counts === 'failed').length !== 1) {
    refuse(plan.name, 'needs one failed sink: a hit that cannot be processed would have nowhere to go')
  }
  if (writes.filter((step) => step.counts === 'stored').length > 1) {
    refuse(plan.name, 'stores rows in two tables; a hit would count twice in the books')
  }
  const jobOf = new Map<string, string>()
  for (const [job, sinks] of Object.entries(plan.jobs)) {
    for (const sink of sinks) {
      if (jobOf.has(sink))
        refuse(sink, `is a sink of jobs '${jobOf.get(sink)}' and '${job}'; it would be written twice`)
      if (!writes.some((step) => step.table === sink)) refuse(job, `lists '${sink}', which the plan does not write`)
      jobOf.set(sink, job)
    }
  }
  for (const write of writes) {
    if (!jobOf.has(write.table)) refuse(write.name, `is in no job, so nothing would write '${write.table}'`)
  }
}

function needsReader(plan: Plan, name: string, output: string): void {
  if (reader(plan, output) === undefined)
    refuse(name, `gives rows as '${output}' that nothing reads: they would vanish`)
}
