/**
 * Parts of a finite input, each run by itself. State is local to a partition key, so a part holds all rows of its keys; a plan
 * that keeps nothing from row to row may be cut anywhere.
 */
import { InvalidPlanError } from '../../../core/errors.ts'
import { partitionOf } from '../../../core/partition-of.ts'
import type { Plan } from '../../plan/node/step.ts'
import { keepsState, windowChains } from '../../plan/window-chain.ts'

export type Split = KeySplit | RowSplit

/** All rows of the partition keys that hash to `part` of `of` (core/partition-of.ts). */
export interface KeySplit {
  readonly kind: 'keys'
  /** Unique in a run; errors name it. */
  readonly name: string
  readonly part: number
  readonly of: number
}

/** Any rows: a merchant's day, a file. Keys may be in several, so only for plans that keep no state. */
export interface RowSplit {
  readonly kind: 'rows'
  readonly name: string
  /** What the source reads; plain data. */
  readonly what: unknown
}

/** Splits of a run, at most. */
export const splitsMax = 10_000

/** All keys in so many parts. More parts than threads: less state at once, and threads end nearly together. */
export function keySplits(of: number): readonly KeySplit[] {
  if (!Number.isSafeInteger(of) || of < 1 || of > splitsMax) {
    throw new InvalidPlanError(`keys are split into 1 to ${splitsMax} parts, got ${of}`)
  }
  return Array.from({ length: of }, (_, part) => ({ kind: 'keys', name: `keys ${part} of ${of}`, part, of }))
}

/** @throws InvalidPlanError where splits would lose, double or tear apart what belongs together */
export function checkSplits(splits: readonly Split[]): void {
  if (splits.length > splitsMax)
    throw new InvalidPlanError(`a run has at most ${splitsMax} splits, got ${splits.length}`)
  const names = new Set<string>()
  const parts = new Set<number>()
  for (const split of splits) {
    if (names.has(split.name)) throw new InvalidPlanError(`two splits are named '${split.name}'`)
    names.add(split.name)
    if (split.kind !== 'keys') continue
    const { part, of } = split
    if (!Number.isSafeInteger(part) || part < 0 || part >= of) {
      throw new InvalidPlanError(`'${split.name}' is part ${part} of ${of}; parts are numbered from 0`)
    }
    if (parts.has(split.part)) throw new InvalidPlanError(`two splits are part ${split.part} of the keys`)
    parts.add(split.part)
  }
  const of = splits.flatMap((split) => (split.kind === 'keys' ? [split.of] : []))
  if (new Set(of).size > 1) throw new InvalidPlanError(`splits are parts of different numbers: ${of.join(', ')}`)
  if (of.length > 0 && of.length < splits.length) throw new InvalidPlanError('splits are by keys or by rows, not both')
}

/** @throws InvalidPlanError naming the step whose state a split by rows would tear apart */
export function checkSplitOf(plan: Plan, split: Split): void {
  if (split.kind === 'keys') return
  const window = windowChains(plan).find(keepsState)?.window
  const keeps = window ?? plan.steps.find((step) => step.kind === 'dedupe')
  if (keeps === undefined) return
  throw new InvalidPlanError(
    `'${split.name}' is a split by rows, but '${keeps.name}' keeps state by key, which it would tear apart: split by keys`,
  )
}

/** @throws RangeError where the source of a split gave a row of another */
export function expectInSplit(split: Split, key: string): void {
  if (split.kind !== 'keys' || partitionOf(key, split.of) === split.part) return
  throw new RangeError(`the source of split '${split.name}' gave a row of the key '${key}', which is of another split`)
}
