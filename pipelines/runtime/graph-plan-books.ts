/**
 * Books of hits that run by operators. The graph counts rows, and books count hits of a merchant and an hour: so what the
 * graph has counted is booked whenever another merchant or hour begins, and at the end of the epoch.
 */
import { hourMs } from '../../core/event-time.ts'
import type { FeedHit } from '../../core/hit.ts'
import type { Outcome } from '../core/epoch-books.ts'
import type { EpochOutput } from './epoch-output.ts'
import type { GraphCounts } from './operators/plan-graph.ts'

export interface GraphBooksParts {
  readonly output: EpochOutput
  /** Of the graph, of all rows so far. */
  readonly counts: () => GraphCounts
  /** Whether some table of the plan counts as stored; where none does, what a window or a table holds is stored. */
  readonly storesRows: boolean
}

export class GraphBooks {
  /** Of the merchant and hour that counts are of. */
  #hit: FeedHit | null = null
  #booked: GraphCounts
  /** Hits in the table of what is stored, whatever else became of them, and those of them that the graph calls refused. */
  #stored = 0
  #storedRefused = 0
  /** Hits refused before the one that runs. */
  #refused = 0

  constructor(private readonly parts: GraphBooksParts) {
    this.#booked = parts.counts()
  }

  /** Before the graph takes the hit. */
  begin(hit: FeedHit): void {
    const last = this.#hit
    if (last !== null && last.merchant === hit.merchant && hourOf(last) === hourOf(hit)) return
    this.settle()
    this.#hit = hit
  }

  /** While the graph has the hit: the first of its rows that is refused. */
  refusing(): void {
    this.#refused = this.parts.counts().refused
  }

  /** The hit that the graph has just taken is in the table of what is stored. `in part`: some row of it was refused. */
  stored(how: 'whole' | 'in part'): void {
    this.#stored += 1
    if (how === 'in part' && this.parts.counts().refused > this.#refused) this.#storedRefused += 1
  }

  /** Books what the graph has counted since the last call. */
  settle(): void {
    const hit = this.#hit
    if (hit === null) return
    this.#hit = null
    const { counts, storesRows } = this.parts
    const before = this.#booked
    const now = counts()
    this.#booked = now
    const unstored = now.kept - before.kept - (this.#stored - this.#storedRefused)
    this.#book(hit, 'stored', storesRows ? this.#stored : unstored)
    this.#book(hit, 'failed', now.refused - before.refused - this.#storedRefused)
    this.#book(hit, 'duplicates', now.duplicates - before.duplicates)
    this.#book(hit, 'dropped', storesRows ? unstored : 0, 'unwritten')
    for (const [rule, dropped] of Object.entries(now.dropped)) {
      this.#book(hit, 'dropped', dropped - (before.dropped[rule] ?? 0), rule)
    }
    this.#stored = 0
    this.#storedRefused = 0
  }

  #book({ merchant, received }: FeedHit, outcome: Outcome, hits: number, rule = ''): void {
    const { books, counts } = this.parts.output
    for (let n = 0; n < hits; n++) books.count(merchant, received, outcome, rule)
    counts[outcome] += hits
  }
}

const hourOf = ({ received }: FeedHit) => Math.floor(received / hourMs)
