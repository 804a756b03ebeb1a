/** Checks of where a stream's rows go: sinks, the books, and jobs. */
import { refuse } from './check-column.ts'
import type { CollectStep, Plan, PlanStep, TakesPanes, WriteStep } from './node/step.ts'
import { windowChains } from './window-chain.ts'

/** @throws InvalidPlanError */
export function checkSinks(plan: Plan): void {
  const writes = plan.steps.filter((step) => step.kind === 'write')
  const outputs = plan.steps.filter((step) => step.kind === 'collect')
  if (writes.length + outputs.length === 0) refuse(plan.name, 'writes nothing')
  const failed = plan.steps.filter(takesFailed)
  if (failed.length === 0) {
    refuse(
      plan.name,
      'needs one failed sink: a row that cannot be processed would have nowhere to go; write refused rows to a failedTable, or name it as failed where the feed is read',
    )
  }
  if (failed.length > 1) {
    const names = failed.map(({ name }) => `'${name}'`).join(' and ')
    refuse(plan.name, `needs one failed sink, and has ${names}: what a step fails on would go to either`)
  }
  if (writes.filter((step) => step.counts === 'stored').length > 1) {
    refuse(plan.name, 'stores rows in two tables; a hit would count twice in the books')
  }
  checkPaneSinks(plan)
  const [output] = outputs
  if (output === undefined) checkJobs(plan, writes)
  else if (Object.keys(plan.jobs).length > 0) {
    refuse(
      output.name,
      'hands rows to whoever runs the plan, which no job of a server does; write a table, or leave jobs out',
    )
  }
}

/** Whether refused rows, and what the runner cannot process, end in the step. */
export function takesFailed(step: PlanStep): boolean {
  return step.kind === 'write' ? step.counts === 'failed' : step.kind === 'collect' && step.takes === 'refused'
}

function checkPaneSinks(plan: Plan): void {
  const ends = new Set<string>()
  for (const { emit, sink } of windowChains(plan)) {
    ends.add(sink.name)
    const takes = takenBy(sink)
    if (takes === undefined) refuse(sink.name, 'takes rows, but gets panes')
    if (emit.panes === 'accumulating' && takes === 'partials') {
      refuse(sink.name, 'adds what it gets, but gets accumulating panes: every pane would count all before it again')
    }
    if (emit.panes === 'discarding' && takes === 'upserts') {
      refuse(
        sink.name,
        'replaces by key and window, but gets discarding panes: the last part would stand for the whole',
      )
    }
  }
  for (const step of plan.steps) {
    if (step.kind !== 'write' && step.kind !== 'collect') continue
    if (!ends.has(step.name) && takesPanesOnly(step)) refuse(step.name, `takes panes, but gets rows of '${step.after}'`)
  }
}

/** What a sink does with panes; undefined where it takes rows. */
function takenBy(sink: WriteStep | CollectStep): TakesPanes | undefined {
  if (sink.kind === 'collect') return sink.takes === 'partials' || sink.takes === 'upserts' ? sink.takes : undefined
  return sink.counts === 'derived' ? (sink.takes ?? 'partials') : undefined
}

function takesPanesOnly(sink: WriteStep | CollectStep): boolean {
  return sink.kind === 'collect' ? takenBy(sink) !== undefined : sink.takes !== undefined
}

function checkJobs(plan: Plan, writes: readonly (PlanStep & { kind: 'write' })[]): void {
  const jobOf = new Map<string, string>()
  for (const [job, sinks] of Object.entries(plan.jobs)) {
    for (const sink of sinks) {
      const other = jobOf.get(sink)
      if (other !== undefined) refuse(sink, `is a sink of jobs '${other}' and '${job}'; it would be written twice`)
      if (!writes.some((step) => step.table === sink)) refuse(job, `lists '${sink}', which the plan does not write`)
      jobOf.set(sink, job)
    }
  }
  for (const write of writes) {
    if (!jobOf.has(write.table)) refuse(write.name, `is in no job, so nothing would write '${write.table}'`)
  }
}
