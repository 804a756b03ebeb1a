/**
 * Window state as it is saved, and as a plan keeps it that may be another version of the one that saved it. A graph has the
 * states of a window's aggregates in the order in which the author names them; saved ones are in the order of their names,
 * as a plan has it on paper.
 *
 * What each change of a plan comes to is what `diffPlans` says of it (docs/reference/pipelines.md): windows of other bounds
 * are dropped, an aggregate more begins with what comes from now on, one less is left out. Changes that cannot be gone on
 * from are refused.
 */
import type { PackedState } from '../../core/aggregates/aggregate.ts'
import { InvalidPlanError } from '../../core/errors.ts'
import type { StoredKey, StoredWindow, WindowState } from '../../schemas/avro/graph-state.ts'
import { canonicalJson } from '../plan/canonical.ts'
import { diffPlans } from '../plan/diff/diff-plans.ts'
import type { Plan, PlanStep, WindowStep } from '../plan/node/step.ts'
import { type WindowChain, windowChain } from '../plan/window-chain.ts'
import type { GraphState } from './operators/plan-graph.ts'
import { rowAggregates } from './operators/row-aggregates.ts'
import type { ChainState } from './operators/window-chain-operator.ts'

type Packed = readonly PackedState[]

/** What a graph of the plan keeps, as it is saved. */
export function savedWindows(state: GraphState, plan: Plan): GraphState {
  const windows = Object.entries(state.windows).map(([name, kept]): [string, ChainState] => {
    const names = namesOf(chainOf(plan, name))
    const sorted = names.toSorted()
    if (names.join() === sorted.join()) return [name, kept]
    const places = sorted.map((each) => names.indexOf(each))
    const move = (packed: Packed) => places.map((place) => packed[place] as PackedState)
    return [name, mapGroupings(kept, (_, of) => mapStates(of, move))]
  })
  return { ...state, windows: Object.fromEntries(windows) }
}

/**
 * What `savedWindows` gave of a graph of the plan `from`, as a graph of `to` keeps it.
 * @throws InvalidPlanError naming the change that cannot be gone on from
 */
export function fitWindows(state: GraphState, from: Plan, to: Plan): GraphState {
  if (from !== to) expectGoingOn(from, to)
  const windows: Record<string, ChainState> = {}
  for (const [name, kept] of Object.entries(state.windows)) {
    const heir = to.steps.find((step) => isWindow(step) && [step.name, ...(step.was ?? [])].includes(name))
    const [older, newer] = [chainOf(from, name), chainOf(to, heir?.name ?? '')]
    windows[newer?.window.name ?? name] =
      older === undefined || newer === undefined ? kept : fitChain(kept, older, newer)
  }
  return { ...state, windows }
}

/** @throws InvalidPlanError where what is remembered under the one plan cannot be read under the other */
function expectGoingOn(from: Plan, to: Plan): void {
  const { changes } = diffPlans({ plan: from }, { plan: to })
  const steps = new Set([...from.steps, ...to.steps].map(({ name }) => name))
  const broken = changes.find(({ verdict, step }) => verdict === 'breaking' && steps.has(step))
  if (broken === undefined) return
  throw new InvalidPlanError(
    `'${to.name}' cannot go on from what is saved: '${broken.step}', ${broken.what}: ${broken.reason}; ${broken.next}`,
  )
}

const isWindow = (step: PlanStep | undefined): step is WindowStep => step?.kind === 'window'

function chainOf(plan: Plan, name: string): WindowChain | undefined {
  const step = plan.steps.find((each) => each.name === name)
  return isWindow(step) ? windowChain(plan, step) : undefined
}

function fitChain(kept: ChainState, older: WindowChain, newer: WindowChain): ChainState {
  const isOfOtherBounds =
    canonicalJson([older.window.assign, older.window.code]) !== canonicalJson([newer.window.assign, newer.window.code])
  return mapGroupings(kept, (grouping, state) => {
    if (isOfOtherBounds) return { ...state, keys: [] }
    const move = fitAggregates(older, newer, grouping)
    return move === null ? state : mapStates(state, move)
  })
}

const namesOf = (chain: WindowChain | undefined) => Object.keys(chain?.aggregate.aggregates ?? {})

function mapGroupings(
  kept: ChainState,
  map: (grouping: string, state: WindowState<Packed>) => WindowState<Packed>,
): ChainState {
  return Object.fromEntries(Object.entries(kept).map(([grouping, state]) => [grouping, map(grouping, state)]))
}

/** null where nothing is to be done. */
function fitAggregates(older: WindowChain, newer: WindowChain, grouping: string): ((packed: Packed) => Packed) | null {
  const nodes = newer.aggregate.aggregates
  const names = namesOf(newer)
  const before = namesOf(older).toSorted()
  if (names.join() === before.join()) return null
  const columns = newer.group.kind === 'group' ? (newer.group.sets[grouping] ?? []) : []
  const places = names.map((name) => before.indexOf(name))
  const empty = rowAggregates(nodes, { ofValues: columns.length > 0 })
  const nothing = places.includes(-1) ? empty.pack(empty.create()) : []
  return (packed) => places.map((place, at) => (place < 0 ? nothing : packed)[place < 0 ? at : place] as PackedState)
}

function mapStates(state: WindowState<Packed>, move: (packed: Packed) => Packed): WindowState<Packed> {
  const window = (each: StoredWindow<Packed>): StoredWindow<Packed> => ({
    ...each,
    state: each.state === null ? null : move(each.state),
    rowsByTime: each.rowsByTime?.map((rows) => ({ ...rows, state: move(rows.state) })) ?? null,
  })
  const key = (each: StoredKey<Packed>): StoredKey<Packed> => ({ ...each, windows: each.windows.map(window) })
  return { ...state, keys: state.keys.map(key) }
}
