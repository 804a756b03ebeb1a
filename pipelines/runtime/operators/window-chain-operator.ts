/**
 * A window of a plan with all that stands behind it, as operators: one for each grouping (`groupBySets` has several). Gives
 * panes as sinks get them.
 */
import type { PackedState } from '../../../core/aggregates/aggregate.ts'
import { InvalidPlanError } from '../../../core/errors.ts'
import type { WindowState } from '../../../schemas/avro/graph-state.ts'
import type { Row } from '../../core/partials-columns.ts'
import type { WindowAssigner } from '../../core/window/assigner.ts'
import { calendar } from '../../core/window/calendar.ts'
import { fixed } from '../../core/window/fixed.ts'
import { hopping } from '../../core/window/hopping.ts'
import { session } from '../../core/window/session.ts'
import { createWindowOperator, type WindowOperator } from '../../core/window-operator.ts'
import type { WindowStep } from '../../plan/node/step.ts'
import type { PartialPane, UpsertPane } from '../../plan/panes.ts'
import type { WindowChain } from '../../plan/window-chain.ts'
import { type Grouping, groupingsOf } from './group-key.ts'
import { type PlacedRow, type RowAggregates, rowAggregates, type Values } from './row-aggregates.ts'

export type AnyWindowPane = PartialPane<unknown, never> | UpsertPane<unknown, never>

/** By grouping. */
export type ChainState = Readonly<Record<string, WindowState<readonly PackedState[]>>>

export interface WindowCountsOfChain {
  readonly late: number
  readonly tooLate: number
  readonly missedWindows: number
  readonly openWindows: number
}

export interface WindowChainOperator {
  readonly name: string
  /** Whether the row can be taken: its window found, its key made, its values of the right kinds. @throws TypeError, RangeError */
  check(placed: PlacedRow): void
  /** A row that passed `check`. */
  take(placed: PlacedRow, processingTime: number): void
  advanceWatermark(to: number): void
  advanceProcessingTime(to: number): void
  readonly stateBytes: number
  readonly counts: WindowCountsOfChain
  snapshot(): ChainState
  /** Several: of what kept parts of the keys before. Groupings that they lack begin empty. */
  restore(states: readonly ChainState[], isOurs: (partitionKey: string) => boolean): void
}

export interface WindowChainOptions {
  readonly chain: WindowChain
  readonly partitionKey: string
  /** Of calendar windows. */
  readonly zone: ((row: Row) => string) | null
  readonly onPane: (pane: AnyWindowPane) => void
  readonly onTooLate: (placed: PlacedRow) => void
}

interface Part {
  readonly grouping: Grouping
  readonly aggregates: RowAggregates
  readonly operator: WindowOperator<PlacedRow, readonly PackedState[]>
}

/** @throws InvalidPlanError where the chain keeps no windows */
export function windowChainOperator(options: WindowChainOptions): WindowChainOperator {
  const { chain, partitionKey, zone, onPane, onTooLate } = options
  const { window, group, aggregate, emit } = chain
  if (!('on' in emit)) throw new InvalidPlanError(`'${window.name}' emits every epoch and keeps no windows`)
  const { early, late, onClose, panes } = emit
  const groupings = groupingsOf(group, partitionKey)
  const parts = groupings.map((grouping, place): Part => {
    const aggregates = rowAggregates(aggregate.aggregates, grouping)
    const operator = createWindowOperator<PlacedRow, unknown[], Values, readonly PackedState[]>({
      step: window.name,
      assigner: assignerOf(window, zone),
      latenessMs: window.lateness,
      emit: { panes, early, late, onClose },
      keyOf: ({ row }) => grouping.keyOf(row),
      aggregate: aggregates,
      // The plan's limit is over all of its windows: the graph holds it, before a row is taken.
      limits: { stateMaxBytes: Number.MAX_SAFE_INTEGER },
      output: {
        pane: (kind, key, start, end, timing, number, ending, value, rows) => {
          const decoded = grouping.decode(key)
          const pane = { kind, key: decoded, start, end, timing, number, ending, rows, values: value }
          onPane(pane as unknown as AnyWindowPane)
        },
        // All groupings have the same windows: the first speaks for them.
        tooLate: place === 0 ? onTooLate : () => {},
      },
    })
    return { grouping, aggregates, operator }
  })
  const [first] = parts
  if (first === undefined) throw new InvalidPlanError(`'${group.name}' groups by no set`)
  const checked = zone === null ? null : assignerOf(window, zone)
  return {
    name: window.name,
    check(placed) {
      // A zone that does not exist is found here, before anything of the row counts.
      checked?.assign(placed.time, placed)
      for (const { grouping } of parts) grouping.check(placed.row)
      first.aggregates.check(placed.row)
    },
    take(placed, processingTime) {
      for (const { operator } of parts) operator.process(placed, placed.time, processingTime)
    },
    advanceWatermark(to) {
      for (const { operator } of parts) operator.advanceWatermark(to)
    },
    advanceProcessingTime(to) {
      for (const { operator } of parts) operator.advanceProcessingTime(to)
    },
    get stateBytes() {
      let bytes = 0
      for (const { operator } of parts) bytes += operator.stateBytes
      return bytes
    },
    get counts() {
      const { late: lateRows, tooLate, missedWindows } = first.operator.counts
      const openWindows = parts.reduce((windows, { operator }) => windows + operator.windows, 0)
      return { late: lateRows, tooLate, missedWindows, openWindows }
    },
    snapshot: () => Object.fromEntries(parts.map(({ grouping, operator }) => [grouping.name, operator.snapshot()])),
    restore(states, isOurs) {
      for (const { grouping, operator } of parts) {
        const kept = states.flatMap((state) => state[grouping.name] ?? [])
        operator.restore(kept, (key) => isOurs(partitionKeyOf(grouping, key, partitionKey)))
      }
    },
  }
}

function assignerOf(step: WindowStep, zone: ((row: Row) => string) | null): WindowAssigner<PlacedRow> {
  const { assign } = step
  switch (assign.kind) {
    case 'fixed':
      return fixed(assign.sizeMs, assign.offsetMs)
    case 'hopping':
      return hopping(assign)
    case 'session':
      return session({ gapMs: assign.gapMs, atMostMs: assign.atMostMs })
    case 'calendar':
      if (zone === null) throw new InvalidPlanError(`'${step.name}' names no zone`)
      return calendar(assign.unit, ({ row }) => zone(row), assign.weekStart)
  }
}

function partitionKeyOf(grouping: Grouping, key: string, partitionKey: string): string {
  const decoded = grouping.decode(key) as Readonly<Record<string, unknown>>
  return String(decoded[grouping.name === '' ? partitionKey : 'key'])
}
