/**
 * Compiles a window with all that stands behind it (groups, aggregates, emission, sink): what takes a row, and what turns
 * an epoch's rows into rows of the sink when it ends.
 */
import { InvalidPlanError } from '../../core/errors.ts'
import { type EventTime, utcDay } from '../../core/event-time.ts'
import type { MerchantId } from '../../core/ids.ts'
import { calendarBucket } from '../../core/time/calendar.ts'
import type { AnyPane } from '../core/pane.ts'
import { Partials, type Row, type Window } from '../core/partials.ts'
import type { WindowStep } from '../plan/node/step.ts'
import type { PaneSink, RunFacts } from '../plan/sinks.ts'
import type { EpochOutput } from './epoch-output.ts'
import type { Effect, HitRun } from './hit-run.ts'
import type { PlanParts } from './plan-parts.ts'

export interface CompiledWindow {
  readonly take: (row: unknown) => void
  /** null: another job writes the panes. */
  readonly emit: (() => void) | null
}

/** @throws InvalidPlanError where a step behind the window is missing */
export function compileWindow(
  step: WindowStep,
  parts: PlanParts,
  epoch: { readonly run: HitRun; readonly output: EpochOutput; readonly facts: RunFacts },
): CompiledWindow {
  const { run } = epoch
  const { assign } = step
  if (assign.kind !== 'calendar') throw new InvalidPlanError(`'${step.name}' has no calendar windows`)
  const { unit } = assign
  const zone = parts.lambda(`${step.name}.zone`)
  const { partials, sink } = aggregation(step, parts)
  const kept = parts.keeps(sink.table.name)
  const key = parts.read.partitionKey
  const effect: Effect = {
    take: (row, window) =>
      partials.add((row as Row)[key] as string, window as Window, row as Row, run.hit.position.offset),
  }
  const eventTime = parts.lambda(`${parts.read.name}.eventTime`)
  return {
    take(row) {
      run.step = step.name
      const window = calendarBucket(unit, zone(row, null) as string, eventTime(run.hit, null) as EventTime)
      partials.check(row as Row)
      if (kept) run.note(effect, row, window)
    },
    emit: kept ? emission(partials, sink, epoch) : null,
  }
}

function aggregation(window: WindowStep, parts: PlanParts) {
  const [group] = parts.readers(window.name)
  const [aggregate] = parts.readers(group?.name ?? '')
  const [emit] = parts.readers(aggregate?.name ?? '')
  const [write] = parts.readers(emit?.name ?? '')
  if (group?.kind !== 'group' || aggregate?.kind !== 'aggregate' || write === undefined) {
    throw new InvalidPlanError(`'${window.name}' is not followed by groupBySets, aggregate, emit and write`)
  }
  const sink = parts.sink(write.name) as PaneSink<AnyPane>
  return { partials: new Partials(aggregate.aggregates, group.sets), sink }
}

function emission(
  partials: Partials,
  sink: PaneSink<AnyPane>,
  { output, facts }: { readonly output: EpochOutput; readonly facts: RunFacts },
): () => void {
  const rows = output.sink(sink.table)
  return () => {
    for (const pane of partials.panes()) {
      rows.push(sink.toRow(pane, facts))
      output.touched.add(pane.key as MerchantId, utcDay(pane.start))
    }
    partials.clear()
  }
}
