/** What the steps of a plan remember: for whom, for how long, and about how much. */
import { minuteMs } from '../../core/event-time.ts'
import type { AggregateNode } from '../core/pane.ts'
import type { Plan, PlanStep, WindowAssign } from './node/step.ts'
import { keepsState, type WindowChain, windowChains } from './window-chain.ts'

/** State of one step. Estimates, for people; what limits it is counted where it is kept. */
export interface StepState {
  readonly step: string
  /** What is kept, in words. */
  readonly what: string
  /** Columns of the key; more of them, more state. */
  readonly key: readonly string[]
  /** Of event time for windows, of received time for dedupe: how long a key is kept after its last row, at most. */
  readonly forMs: number
  readonly bytesPerKey: number
}

/** A key's own bytes beside its values: its text, map entry, timers and pane number. */
export const keyOverheadBytes = 160
/** Fingerprint of a key on disk, its time and its share of the filter in memory. */
export const dedupeKeyBytes = 12

/** The state that a step keeps between epochs; undefined where it keeps none. */
export function stateOf(plan: Plan, step: PlanStep): StepState | undefined {
  if (step.kind === 'dedupe') {
    const { name, key, withinMs } = step
    return { step: name, what: 'the first of each key', key, forMs: withinMs, bytesPerKey: dedupeKeyBytes }
  }
  if (step.kind !== 'window') return undefined
  const chain = windowChains(plan).find(({ window }) => window.name === step.name)
  return chain !== undefined && keepsState(chain) ? windowState(plan, chain) : undefined
}

function windowState(plan: Plan, { window, group, aggregate }: WindowChain): StepState {
  const read = plan.steps.find((step) => step.kind === 'read')
  const sets = group.kind === 'group' ? Object.entries(group.sets) : []
  const key = group.kind === 'group' ? [read?.partitionKey ?? '', ...sets.map(([set]) => `${set}()`)] : group.by
  const forMs = longestMs(window.assign) + (window.lateness === 'unbounded' ? 0 : window.lateness)
  const bytes = (of: 'all' | 'one value') =>
    Object.values(aggregate.aggregates).reduce((sum, node) => sum + aggregateBytes(node, of), keyOverheadBytes)
  const totals =
    group.kind === 'groupBy' ? [bytes('all')] : sets.map(([, by]) => bytes(by.length === 0 ? 'all' : 'one value'))
  const aggregates = Object.keys(aggregate.aggregates).length
  return {
    step: window.name,
    what: `${aggregates} ${aggregates === 1 ? 'aggregate' : 'aggregates'} of each open window`,
    key,
    forMs,
    bytesPerKey: windowsPerRow(window.assign) * totals.reduce((sum, each) => sum + each, 0),
  }
}

/** Windows that one row is in, at most. */
export function windowsPerRow(assign: WindowAssign): number {
  return assign.kind === 'hopping' ? Math.ceil(assign.sizeMs / assign.everyMs) : 1
}

const calendarMs = { hour: 2, day: 25, week: 169, month: 745 } as const

/** Longest that a window is, in ms: local days have up to 25 hours. */
function longestMs(assign: WindowAssign): number {
  if (assign.kind === 'calendar') return calendarMs[assign.unit] * 60 * minuteMs
  return assign.kind === 'session' ? assign.atMostMs : assign.sizeMs
}

/** Bytes of an aggregate's state: its most where that is fixed, else that of a key of few values. */
function aggregateBytes(node: AggregateNode, of: 'all' | 'one value'): number {
  switch (node.kind) {
    case 'count':
    case 'countIf':
      return 8
    case 'sum':
    case 'min':
    case 'max':
      return 24
    case 'avg':
      return 32
    case 'first':
    case 'last':
      return 72
    case 'countDistinct':
      return 8 * (of === 'all' ? node.k : node.ofValues)
    case 'quantiles':
      return 512
    case 'top':
      return 256
  }
}
