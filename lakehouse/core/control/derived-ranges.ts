/** What control stores share of derivations: how long what they made stays right, and which days that hangs on. */
import { dayMs } from '../../../core/event-time.ts'
import { firstGenerations } from '../../../core/generations.ts'
import type { MerchantId } from '../../../core/ids.ts'
import type { Derivation, DerivedUnit } from '../../../core/ports/maintenance-store.ts'

/** A derivation that is begun. */
export interface BegunDerivation extends Derivation {
  /** What it makes is right until a later version of its days: the newest number readers could have seen it read. */
  readonly rightUntil: number
}

/** When versions rise: as an epoch is committed, or as its files are published. */
export type Visible = 'committed' | 'published'

/** One moment of a store. */
export interface Reading {
  /** The newest number. */
  readonly newest: number
  /** The lowest commit of which the base table has unpublished files; null where it has none. */
  readonly oldestUnpublished: number | null
}

/** Of a derivation that reads at that moment: `through`, and how long what it makes is right. */
export function limitsOf(
  { newest, oldestUnpublished }: Reading,
  reads: 'pending' | 'published',
  visible: Visible,
): { readonly through: number; readonly rightUntil: number } {
  if (reads === 'pending') return { through: newest, rightUntil: newest }
  const through = oldestUnpublished === null ? newest : oldestUnpublished - 1
  // Where visible means published, a number up to `newest` stands for what was published, and all of that was read;
  // where it means committed, it stands for commits, of which only those up to `through` were.
  return { through, rightUntil: visible === 'published' ? newest : through }
}

export interface Reach {
  readonly daysBefore: number
  readonly daysAfter: number
}

/** UTC days, both inclusive, that [start, end) was made of. */
export function daysOf(
  { start, end }: { readonly start: number; readonly end: number },
  { daysBefore, daysAfter }: Reach,
): { readonly first: number; readonly last: number } {
  return { first: Math.floor(start / dayMs) - daysBefore, last: Math.floor((end - 1) / dayMs) + daysAfter }
}

/** Each once. */
export function merchantsOf(units: readonly DerivedUnit[]): readonly MerchantId[] {
  return [...new Set(units.map(({ merchant }) => merchant))]
}

/** As callers of the store see it. */
export function toDerivation({ table, id, units, view, through, erased, generations }: BegunDerivation): Derivation {
  // One that an older Hitlake began says nothing of erasures and generations, and there were none.
  return { table, id, units, view, through, erased: erased ?? [], generations: generations ?? firstGenerations }
}
