/**
 * Which rows are what was accepted: those of the generation that answers for `hits` at their place, in `hits` and in
 * `failed_hits`. Every generation has each accepted hit of its places once, in one of the two.
 */
import { type GenerationMap, generationFinder, generationMap, generationTime } from '../../../core/generations.ts'
import type { ControlStore } from '../../../core/ports/control-store.ts'
import type { AcceptedTable } from '../../../core/ports/rerun-work.ts'
import type { LakeRow } from '../../../core/tables.ts'

/** As of now, what of the map is about hits. */
export async function answeringHits(store: Pick<ControlStore, 'versionsSince'>): Promise<GenerationMap> {
  // Nothing but the map is wanted of the answer: days that changed since then there are none.
  const { generations } = await store.versionsSince(Number.MAX_SAFE_INTEGER)
  return generationMap(generations.filter(({ sink }) => sink === 'hits'))
}

export class AnsweringRows {
  /** All that rows may be of. */
  readonly generations: readonly number[]
  readonly #generationOf: (merchant: string, timeMs: number) => number

  constructor(readonly map: GenerationMap) {
    this.generations = [...new Set([map.base, ...map.entries.map(({ generation }) => generation)])]
    this.#generationOf = generationFinder(map, 'hits')
  }

  /** Whether the row is of the generation that answers where it is. */
  has(table: AcceptedTable, row: LakeRow): boolean {
    return row._gen === this.#generationOf(row.merchant as string, generationTime(table, row))
  }
}
