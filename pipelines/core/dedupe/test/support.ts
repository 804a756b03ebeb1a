import { seededRandom } from '../../../../core/adapters/memory/seeded-random.ts'
import type { ObjectStore } from '../../../../core/ports/object-store.ts'
import { type DedupeOptions, type DedupeState, openDedupeState } from '../dedupe-state.ts'

export const hour = 3_600_000
export const day = 24 * hour
export const noon = Date.parse('2026-03-01T12:00:00.000Z')
export const prefix = 'state/hits/0/drop-repeats'

export type Settings = Partial<DedupeOptions> & { readonly objects: ObjectStore }

export const open = (settings: Settings): Promise<DedupeState> =>
  openDedupeState({ prefix, saved: null, withinMs: day, limitBytes: 64e6, random: seededRandom(1), ...settings })

/** Everything small, so that a few hundred hits reach every layer: nothing inline, nothing held, merges at two. */
export const small = { inlineMaxEntries: 0, heldMaxEntries: 0, fanout: 2 } as const
